"""How often items that go by a name of their own are told, and their kinds, on reviews whose products have labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measures import Section

if TYPE_CHECKING:
    from profilegen.vectors import Vectors

# What one of a label's products may be called.
_KINDS = {
    "Kindle_Store": {"book"},
    "Movies_and_TV": {"film", "TV series"},
    "CDs_and_Vinyl": {"album"},
    "Magazine_Subscriptions": {"magazine"},
    "Software": {"software", "game"},
}
# Video games are sold beside what they are played with, so nobody knows how many there are.
_LEFT_OUT = {"Video_Games"}


def measure(store: Path, labels: Path) -> Section:
    """Look at every document of a finished store that has an item title.

    :param labels: CSV of users and the one label of their products.
    """
    from profilegen.claims.taxonomy import shipped_taxonomy
    from profilegen.claims.works import works_of
    from profilegen.evaluation.inputs import read_labels
    from profilegen.profiles.user_profile import main_language
    from profilegen.segments.user_vectors import document_vectors
    from profilegen.store.categories import open_categoriser
    from profilegen.store.ledger import open_ledger

    label_of = {user_id: found[0] for user_id, found in read_labels(labels).items() if len(found) == 1}
    counts: dict[str, Counter[str]] = {}
    with (
        open_ledger(store, read_only=True) as ledger,
        open_categoriser(ledger, shipped_taxonomy(), _no_texts) as categoriser,
    ):
        for user in ledger.iter_users(sorted(label_of)):
            vectors = document_vectors(user.text_vectors, user.item_vectors)
            works = works_of(user.documents, vectors, main_language(user.documents), categoriser)
            told = [
                work.kind if work else ""
                for document, work in zip(user.documents, works, strict=True)
                if document.item_title
            ]
            counts.setdefault(label_of[user.user_id], Counter()).update(told)
    section = Section(
        "Items that go by a name, by the labels of their products: shares told as such, and of the right kind."
    )
    for label in sorted(_KINDS.keys() & counts.keys()):
        found = counts[label].total() - counts[label][""]
        section.add(f"works.{label}.told", f"of {counts[label].total()}", [found / counts[label].total()])
        right = sum(counts[label][kind] for kind in _KINDS[label])
        section.add(f"works.{label}.kind", f"of {found}", [right / max(found, 1)])
    others = [count for label, count in counts.items() if label not in _KINDS.keys() | _LEFT_OUT]
    total = sum(count.total() for count in others)
    section.add(
        "works.others.told", f"of {total}", [sum(count.total() - count[""] for count in others) / max(total, 1)]
    )
    return section


def _no_texts(texts: Sequence[str]) -> Vectors:
    raise RuntimeError("the store has no vectors of the shipped list; build it with this version")
