"""What is measured: the profiles, documents and vectors of a store, in memory and in one order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from profilegen.errors import StoreError
from profilegen.records import Document, Segment, UserProfile
from profilegen.segments.user_vectors import document_vectors
from profilegen.store import overlay
from profilegen.store.ledger import Ledger

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Embed = Callable[[Sequence[str]], Vectors]

# In a larger store, figures that compare a user with all others are asked of so many users, sampled by a hash.
_MAX_ASKED = 2_000
_QUERIES_TOGETHER = 256


@dataclass(frozen=True)
class Dataset:
    """A store as the figures need it; users are in order of id, documents in order of user.

    `text_vectors` and `item_vectors` are (n_documents, n_dims), zero rows where there is none; `user_vectors` is
    (n_users, n_dims), rows L2-normalised. `starts` says where each user's documents begin.
    """

    users: tuple[UserProfile, ...]
    documents: tuple[tuple[Document, ...], ...]
    text_vectors: Vectors
    item_vectors: Vectors
    starts: Rows
    user_vectors: Vectors
    segments: tuple[Segment, ...]
    embed: Embed

    @cached_property
    def document_vectors(self) -> Vectors:
        """(n_documents, n_dims), rows L2-normalised."""
        return document_vectors(self.text_vectors, self.item_vectors)

    @cached_property
    def asked(self) -> Rows:
        """The rows of the users whom costly figures are about: all, or a sample by a hash of the id."""
        if len(self.users) <= _MAX_ASKED:
            return np.arange(len(self.users))
        return np.array(sorted(self.scattered()[:_MAX_ASKED]))

    def scattered(self) -> list[int]:
        """Return the rows of all users in an order that only a hash of their ids decides."""
        return sorted(range(len(self.users)), key=lambda row: scattered(self.users[row].user_id))

    def nearest_documents(self, queries: Vectors) -> Iterator[Vectors]:
        """Give for each query (n_dims,) the cosine with the nearest document of every user, (n_users,)."""
        for start in range(0, len(queries), _QUERIES_TOGETHER):
            likeness = queries[start : start + _QUERIES_TOGETHER] @ self.document_vectors.T
            yield from np.maximum.reduceat(likeness, self.starts, axis=1)

    def of_user(self, rows: Vectors, user: int) -> Vectors:
        """Return the part of an array of documents that is one user's."""
        end = self.starts[user + 1] if user + 1 < len(self.starts) else len(rows)
        return rows[self.starts[user] : end]


def read_material(ledger: Ledger, embed: Embed) -> Dataset:
    """Read a store.

    :raises StoreError: not every user has a profile and a segment.
    """
    users = tuple(overlay.profiles(ledger))
    written = list(ledger.iter_users())
    user_ids, user_vectors = ledger.user_matrix()
    ids = [user.user_id for user in users]
    if not users or ids != user_ids or ids != [user.user_id for user in written]:
        raise StoreError("the last build was not finished; run the same build again, then evaluate")
    counts = [len(user.documents) for user in written]
    return Dataset(
        users=users,
        documents=tuple(tuple(user.documents) for user in written),
        text_vectors=np.concatenate([user.text_vectors for user in written]),
        item_vectors=np.concatenate([user.item_vectors for user in written]),
        starts=np.cumsum([0, *counts[:-1]]),
        user_vectors=user_vectors,
        segments=tuple(overlay.segments(ledger)),
        embed=embed,
    )


def scattered(user_id: str) -> str:
    """Return a hash by which users are sampled, the same in every run."""
    return blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def profile_text(user: UserProfile) -> str:
    """Return what a profile says as one text: the summary, then each claim with a full stop."""
    return " ".join([user.summary, *(f"{claim.text}." for _, claim in user.iter_claims())]).strip()


def unit(vectors: Vectors) -> Vectors:
    """Return rows L2-normalised, zero rows as they are."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-9), np.float32)
