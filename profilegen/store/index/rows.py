"""The rows of the index, read from the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from profilegen.claims import categories
from profilegen.claims.taxonomy import Taxonomy
from profilegen.records import UserProfile
from profilegen.store import overlay
from profilegen.store.categories import stored_taxonomy
from profilegen.store.ledger import Ledger

Vector = NDArray[np.float32]
CollectionName = Literal["users", "segments"]

COLLECTIONS: tuple[CollectionName, ...] = ("users", "segments")


class Row(NamedTuple):
    """A row of a collection.

    :param id: of the user or segment.
    :param vector: (n_dims,) float32, L2-normalised.
    :param metadata: what `UserFilter` has conditions on.
    :param document: the summary.
    """

    id: str
    vector: Vector
    metadata: dict[str, str | bool]
    document: str


class UserFilter(NamedTuple):
    """Conditions on users, all of which must be met.

    :param segment: the id of the user's segment.
    :param language: of the user's profile, a code such as `en`.
    :param categories: ids, of one of which, or of one below it, an interest of the user must be; none for any.
    """

    segment: str | None = None
    language: str | None = None
    categories: frozenset[str] = frozenset()

    def chroma_conditions(self) -> dict[str, Any] | None:
        """Return the conditions in Chroma's form, None where there is none."""
        conditions: list[dict[str, Any]] = []
        if self.segment is not None:
            conditions.append({"segment": self.segment})
        if self.language is not None:
            conditions.append({"language": self.language})
        if self.categories:
            fields = [{_category_field(node): True} for node in sorted(self.categories)]
            conditions.append({"$or": fields} if len(fields) > 1 else fields[0])
        return {"$and": conditions} if len(conditions) > 1 else conditions[0] if conditions else None

    def matches(self, profile: UserProfile, taxonomy: Taxonomy | None) -> bool:
        """Tell whether a user meets the conditions.

        :param profile: with the decisions of persons on it.
        :param taxonomy: the one that the categories are of, where there are any.
        """
        return (
            self.segment in (None, profile.segment)
            and self.language in (None, profile.language)
            and (not self.categories or not self.categories.isdisjoint(categories.category_ids(profile, taxonomy)))
        )


def rows_of(ledger: Ledger) -> dict[CollectionName, tuple[int, Iterator[Row]]]:
    """Return the rows of each collection, without those that have no vector.

    :param ledger: what to read.
    :return: of each collection about how many rows there are, and the rows.
    """
    counts = ledger.counts()
    return {
        "users": (counts.users, _user_rows(ledger)),
        "segments": (counts.segments, _segment_rows(ledger)),
    }


def _user_rows(ledger: Ledger) -> Iterator[Row]:
    decided = ledger.decided_users()
    taxonomy = stored_taxonomy(ledger)
    for profile, vector in ledger.iter_profile_vectors():
        if profile.user_id in decided:
            profile = overlay.with_decisions(ledger, profile)
        metadata: dict[str, str | bool] = {"language": profile.language}
        if profile.segment is not None:
            metadata["segment"] = profile.segment
        metadata |= {_category_field(node): True for node in categories.category_ids(profile, taxonomy)}
        if vector.any():
            yield Row(profile.user_id, vector, metadata, profile.summary)


def _segment_rows(ledger: Ledger) -> Iterator[Row]:
    vectors = dict(zip(*ledger.segment_matrix(), strict=True))
    for segment in overlay.segments(ledger):
        if segment.id in vectors and vectors[segment.id].any():
            yield Row(segment.id, vectors[segment.id], {}, segment.summary)


def _category_field(node_id: str) -> str:
    """Return the name under which a user's row tells that an interest is of a category or of one below it."""
    return f"category {node_id}"
