"""Nearest neighbours without an index: every vector of the ledger is compared."""

from __future__ import annotations

import numpy as np

from profilegen.errors import StoreError
from profilegen.store.categories import stored_taxonomy
from profilegen.store.index.rows import CollectionName, UserFilter, Vector
from profilegen.store.ledger import Ledger


class ExactSearch:
    """Exact search in a ledger. It reads and keeps in memory all vectors of a collection, until the ledger changes.

    It needs no permission to write, and takes time and memory in proportion to the number of users.

    :param ledger: the open ledger of the store; whoever opened it closes it.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._cache: dict[CollectionName, tuple[str, list[str], Vector]] = {}

    def nearest(
        self, collection: CollectionName, vector: Vector, n: int, user_filter: UserFilter | None = None
    ) -> dict[str, float]:
        """Return the rows nearest to a vector, as `Index.nearest` does.

        :param collection: where to look.
        :param vector: (n_dims,) float32, L2-normalised.
        :param n: maximum number of rows.
        :param user_filter: conditions that every user must meet; only for the collection of users.
        :return: the cosine of each row by its id, the nearest first.
        :raises StoreError: the ledger is damaged, or holds vectors of other dimensions.
        """
        ids, vectors = self._vectors(collection)
        if not ids:
            return {}
        if vectors.shape[1] != len(vector):
            raise StoreError(f"the vectors of the store have {vectors.shape[1]} dimensions, not {len(vector)}")
        cosines = vectors @ vector
        candidates = vectors.any(axis=1)
        if user_filter:
            matching = self._matching(user_filter)
            candidates &= np.array([row_id in matching for row_id in ids])
        rows = np.flatnonzero(candidates)
        best = rows[np.argsort(-cosines[rows], kind="stable")[: max(n, 0)]]
        return {ids[row]: min(1.0, float(cosines[row])) for row in best}

    def _vectors(self, collection: CollectionName) -> tuple[list[str], Vector]:
        revision = self._ledger.revision()
        cached = self._cache.get(collection)
        if cached is None or cached[0] != revision:
            read = self._ledger.user_matrix if collection == "users" else self._ledger.segment_matrix
            cached = self._cache[collection] = (revision, *read())
        return cached[1:]

    def _matching(self, user_filter: UserFilter) -> set[str]:
        wanted = user_filter.categories
        if wanted:
            taxonomy = stored_taxonomy(self._ledger)
            wanted = (
                frozenset(node for node in taxonomy.by_id if wanted & set(taxonomy.lineage(node)))
                if taxonomy
                else wanted
            )
        return self._ledger.matching_users(user_filter.segment, user_filter.language, wanted)
