"""What is measured: the profiles, documents and vectors of a store, in memory and in one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from profilegen.vectors import Vectors

Rows = npt.NDArray[np.int64]
Embed = Callable[[Sequence[str]], Vectors]

# Figures that compare a user with all others are computed for a sample of so many users in a larger store.
_MAX_SAMPLED_USERS = 2_000


@dataclass(frozen=True)
class Dataset:
    """A store in memory; users are in order of id, documents in order of user.

    :param users: profiles with reviewers' decisions applied.
    :param documents: the documents of each user.
    :param text_vectors: (n_documents, n_dims) float32; a row of zeros for a document without text.
    :param item_vectors: (n_documents, n_dims) float32; a row of zeros for a document without item title.
    :param starts: (n_users,) row of each user's first document.
    :param user_vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param segments: segments with reviewers' decisions applied.
    :param embed: function from texts to L2-normalised rows, by the store's embedder.
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
        """Vectors of text and item title together, (n_documents, n_dims) float32, rows L2-normalised."""
        return document_vectors(self.text_vectors, self.item_vectors)

    @cached_property
    def sampled_rows(self) -> Rows:
        """Rows of the users for whom costly figures are computed: all, or a sample by a hash of the id."""
        if len(self.users) <= _MAX_SAMPLED_USERS:
            return np.arange(len(self.users))
        return np.array(sorted(self.rows_by_hash()[:_MAX_SAMPLED_USERS]))

    def rows_by_hash(self) -> list[int]:
        """Return the rows of all users, ordered by a hash of their ids; the first n are a random sample."""
        return sorted(range(len(self.users)), key=lambda row: _hash(self.users[row].user_id))

    def rows_of_user(self, vectors: Vectors, user_row: int) -> Vectors:
        """Return the part of an array of documents that belongs to one user.

        :param vectors: (n_documents, n_dims).
        :param user_row: row of the user in `users`.
        """
        end = self.starts[user_row + 1] if user_row + 1 < len(self.starts) else len(vectors)
        return vectors[self.starts[user_row] : end]


def read_dataset(ledger: Ledger, embed: Embed) -> Dataset:
    """Read a store into memory.

    :param ledger: open ledger of the store.
    :param embed: function from texts to L2-normalised rows, by the store's embedder.
    :raises StoreError: not every user has a profile and a vector.
    """
    users = tuple(overlay.profiles(ledger))
    stored = list(ledger.iter_users())
    user_ids, user_vectors = ledger.user_matrix()
    ids = [user.user_id for user in users]
    if not users or ids != user_ids or ids != [user.user_id for user in stored]:
        raise StoreError("the last build was not finished; run the same build again, then evaluate")
    counts = [len(user.documents) for user in stored]
    return Dataset(
        users=users,
        documents=tuple(tuple(user.documents) for user in stored),
        text_vectors=np.concatenate([user.text_vectors for user in stored]),
        item_vectors=np.concatenate([user.item_vectors for user in stored]),
        starts=np.cumsum([0, *counts[:-1]]),
        user_vectors=user_vectors,
        segments=tuple(overlay.segments(ledger)),
        embed=embed,
    )


def profile_text(user: UserProfile) -> str:
    """Return a profile as one text: the summary, then the text of each claim with a full stop.

    :param user: profile of the user.
    """
    return " ".join([user.summary, *(f"{claim.text}." for _, claim in user.iter_claims())]).strip()


def _hash(user_id: str) -> str:
    return blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
