"""How often titles of works (books, films, games) are recognised, and their kinds, by the labels of the products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measures import Section
from profilegen.vectors import Vectors

# Kinds that are right for the products of a label.
_KINDS = {
    "Kindle_Store": {"book"},
    "Movies_and_TV": {"film", "TV series"},
    "CDs_and_Vinyl": {"album"},
    "Magazine_Subscriptions": {"magazine"},
    "Software": {"software", "game"},
}
# Games are sold in one category with consoles and controllers, so the right number is unknown.
_LEFT_OUT = {"Video_Games"}


def measure(store: Path, labels: Path) -> Section:
    """Return the shares of recognised works among the documents that have an item title.

    :param store: directory of a finished store; it is only read.
    :param labels: CSV of users and the label of their products.
    """
    from profilegen.claims.taxonomy import shipped_taxonomy
    from profilegen.claims.works import works_of
    from profilegen.evaluation.inputs import read_labels
    from profilegen.profiles.user_profile import main_language
    from profilegen.segments.user_vectors import document_vectors
    from profilegen.store.categories import open_categoriser
    from profilegen.store.ledger import open_ledger

    label_of = {user_id: names[0] for user_id, names in read_labels(labels).items() if len(names) == 1}
    counts: dict[str, Counter[str]] = {}
    with (
        open_ledger(store, read_only=True) as ledger,
        open_categoriser(ledger, shipped_taxonomy(), _cannot_embed) as categoriser,
    ):
        for user in ledger.iter_users(sorted(label_of)):
            vectors = document_vectors(user.text_vectors, user.item_vectors)
            works = works_of(user.documents, vectors, main_language(user.documents), categoriser)
            kinds = [
                work.kind if work else ""
                for document, work in zip(user.documents, works, strict=True)
                if document.item_title
            ]
            counts.setdefault(label_of[user.user_id], Counter()).update(kinds)
    section = Section("Titles by the label of the product: share recognised as works, and of these of the right kind.")
    for label in sorted(_KINDS.keys() & counts.keys()):
        recognised = counts[label].total() - counts[label][""]
        section.add(f"works.{label}.recognised", f"of {counts[label].total()}", [recognised / counts[label].total()])
        right = sum(counts[label][kind] for kind in _KINDS[label])
        section.add(f"works.{label}.kind", f"of {recognised}", [right / max(recognised, 1)])
    others = [count for label, count in counts.items() if label not in _KINDS.keys() | _LEFT_OUT]
    total = sum(count.total() for count in others)
    wrong = sum(count.total() - count[""] for count in others)
    section.add("works.others.recognised", f"of {total}", [wrong / max(total, 1)])
    return section


def _cannot_embed(texts: Sequence[str]) -> Vectors:
    raise RuntimeError("the store has no vectors of the shipped categories; build it with this version")
