"""The stage that gives the interests of all users their categories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from profilegen.claims.categories import Categoriser, categories_version, with_categories
from profilegen.claims.taxonomy import SHIPPED, Taxonomy, load_taxonomy, shipped_taxonomy
from profilegen.records import UserProfile
from profilegen.segments.user_vectors import document_vectors
from profilegen.store.categories import open_categoriser, stored_taxonomy
from profilegen.store.ledger import Ledger
from profilegen.vectors import Vectors

_USERS_PER_BATCH = 256


def chosen_taxonomy(ledger: Ledger, setting: str) -> Taxonomy:
    """Return the taxonomy that a setting means.

    :param ledger: the store's.
    :param setting: a file, `default` for the list that ships, or `auto` for the store's own.
    :raises UsageError: the file cannot be used.
    """
    if setting == SHIPPED:
        return shipped_taxonomy()
    if setting != "auto":
        return load_taxonomy(Path(setting))
    stored, shipped = stored_taxonomy(ledger), shipped_taxonomy()
    return stored if stored and stored.scheme != shipped.scheme else shipped


def categorise(
    ledger: Ledger,
    taxonomy: Taxonomy,
    embed: Callable[[Sequence[str]], Vectors],
    on_done: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Give the interests of users their categories where they have none of this taxonomy yet; returns how many users.

    :param ledger: the store's, which gets the taxonomy and the vectors of its names too.
    :param taxonomy: what the categories are of.
    :param embed: texts to unit vectors.
    :param on_done: called with users done and users in all.
    """
    version = categories_version(taxonomy)
    if (ledger.get_meta("taxonomy") or {}) != taxonomy.to_dict():
        ledger.set_meta("taxonomy", taxonomy.to_dict())
    stale = ledger.not_categorised(version)
    if not stale:
        return 0
    with open_categoriser(ledger, taxonomy, embed) as categoriser:
        for start in range(0, len(stale), _USERS_PER_BATCH):
            batch = stale[start : start + _USERS_PER_BATCH]
            ledger.put_categories(_categorised(ledger, batch, categoriser, embed))
            on_done(start + len(batch), len(stale))
    return len(stale)


def _categorised(
    ledger: Ledger, user_ids: Sequence[str], categoriser: Categoriser, embed: Callable[[Sequence[str]], Vectors]
) -> Iterator[UserProfile]:
    claims = ledger.claims_of(user_ids)
    for user in ledger.iter_users(user_ids):
        profile = ledger.profile(user.user_id)
        assert profile is not None
        interests = {c.text: c.vector for c in claims.get(user.user_id, ()) if c.kind == "interest"}
        documents = document_vectors(user.text_vectors, user.item_vectors)
        ids = [document.id for document in user.documents]
        yield with_categories(profile, ids, documents, interests, categoriser, embed)
