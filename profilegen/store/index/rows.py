"""What the collections hold: the rows of each, read from the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from profilegen.claims import categories
from profilegen.store import overlay
from profilegen.store.ledger import Ledger

Vector = NDArray[np.float32]
CollectionName = Literal["users", "segments"]

COLLECTIONS: tuple[CollectionName, ...] = ("users", "segments")


class Row(NamedTuple):
    """A row of a collection."""

    id: str
    vector: Vector
    metadata: dict[str, str | int | float]
    document: str | None = None


def category_field(node_id: str) -> str:
    """Return the name under which a user's row says that an interest is of a category or of one below it."""
    return f"category {node_id}"


def rows_of(ledger: Ledger) -> dict[CollectionName, tuple[int, Iterator[Row]]]:
    """Return the rows of each collection with about how many there are; those without a vector are left out."""
    counts = ledger.counts()
    return {
        "users": (counts.users, _user_rows(ledger)),
        "segments": (counts.segments, _segment_rows(ledger)),
    }


def _user_rows(ledger: Ledger) -> Iterator[Row]:
    decided = ledger.decided_users()
    taxonomy = categories.stored_taxonomy(ledger)
    for profile, vector in ledger.iter_profile_vectors():
        if profile.user_id in decided:
            profile = overlay.laid_over(ledger, profile)
        metadata: dict[str, str | int | float] = {
            "language": profile.language,
            "status": profile.status,
            "documents": profile.behaviour.documents,
        }
        if profile.segment is not None and profile.segment_confidence is not None:
            metadata |= {"segment": profile.segment, "segment_confidence": profile.segment_confidence}
        metadata |= {category_field(node): True for node in categories.nodes_of(profile, taxonomy)}
        if vector.any():
            yield Row(profile.user_id, vector, metadata, profile.summary)


def _segment_rows(ledger: Ledger) -> Iterator[Row]:
    vectors = dict(zip(*ledger.segment_matrix(), strict=True))
    for segment in overlay.segments(ledger):
        if segment.id in vectors and vectors[segment.id].any():
            metadata: dict[str, str | int | float] = {"name": segment.name, "size": segment.size}
            yield Row(segment.id, vectors[segment.id], metadata, segment.summary)
