"""An open index, to search it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, cast

import numpy as np

from profilegen.errors import StoreError
from profilegen.store.index.chroma import client, damaged
from profilegen.store.index.rows import CollectionName, UserFilter, Vector
from profilegen.store.pointer import Pointer, read_pointer

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection
    from chromadb.api.types import Where

T = TypeVar("T")


class Index:
    """The index of a store, for any number of threads. It is opened by the first question, and again after a build."""

    def __init__(self, store_dir: Path) -> None:
        """Name the store.

        :param store_dir: its directory, which need not hold an index yet.
        """
        self._store_dir = store_dir
        self._lock = threading.Lock()
        self._pointer: Pointer | None = None
        self._client: Client | None = None
        self._collections: dict[CollectionName, Collection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; a later question opens them again."""
        with self._lock:
            self._close()

    def nearest(
        self,
        collection: CollectionName,
        vector: Vector,
        n: int,
        user_filter: UserFilter | None = None,
        *,
        embedder: str = "",
    ) -> dict[str, float]:
        """Return the rows nearest to a vector.

        :param collection: where to look.
        :param vector: (n_dims,) float32, L2-normalised.
        :param n: maximum number of rows.
        :param user_filter: conditions that every user must meet; only for the collection of users.
        :param embedder: SHA-256 of the file that the vector was made with, where the index must be made with it too.
        :return: the cosine of each row by its id, the nearest first.
        :raises StoreError: there is no index that can be used, it is damaged, or was made with another embedder.
        """
        where = user_filter.chroma_conditions() if user_filter else None
        return self.ask(collection, lambda rows: _nearest(rows, vector, n, where), embedder=embedder)

    def count(self, collection: CollectionName) -> int:
        """Return how many rows a collection has.

        :param collection: its name.
        :raises StoreError: there is no index that can be used, or it is damaged.
        """
        return self.ask(collection, lambda rows: rows.count())

    def ask(self, collection: CollectionName, question: Callable[[Collection], T], *, embedder: str = "") -> T:
        """Return the answer to a question about one of Chroma's collections.

        :param collection: its name.
        :param question: called with the open collection.
        :param embedder: SHA-256 of the file that the index must be made with, empty for any.
        :raises StoreError: there is no index that can be used, it is damaged, or was made with another embedder.
        """
        from chromadb.errors import ChromaError, InvalidArgumentError

        with self._lock:
            while True:
                opened = self._follow()
                if embedder and self._pointer and self._pointer.embedder not in ("", embedder):
                    raise self._other_embedder()
                try:
                    if collection not in self._collections:
                        self._collections[collection] = opened.get_collection(collection, embedding_function=None)
                    return question(self._collections[collection])
                except InvalidArgumentError as error:
                    if self._pointer and not _is_index(self._store_dir / self._pointer.directory):
                        raise damaged(self._store_dir, f"{self._pointer.directory} is missing") from error
                    raise self._other_embedder() from error
                except ChromaError as error:
                    # Unless a build has removed this index since it was opened.
                    if self._pointer == read_pointer(self._store_dir):
                        raise damaged(self._store_dir, error) from error

    def _follow(self) -> Client:
        """Return a client of the index that the pointer names now."""
        from chromadb.errors import ChromaError

        pointer = read_pointer(self._store_dir)
        if self._client is not None and pointer == self._pointer:
            return self._client
        self._close()
        # Chroma would make what it is asked to open.
        while pointer is not None and not _is_index(self._store_dir / pointer.directory):
            before, pointer = pointer, read_pointer(self._store_dir)
            if pointer == before:
                raise damaged(self._store_dir, f"{pointer.directory} is missing")
        if pointer is None:
            raise StoreError(f"there is no search index at {self._store_dir}; `profilegen build` makes one")
        directory = self._store_dir / pointer.directory
        if not all(os.access(path, os.W_OK) for path in (directory, directory / "chroma.sqlite3")):
            raise StoreError(f"{directory} is read-only, and Chroma opens only what it can write to")
        try:
            self._client = client(directory)
        except (ChromaError, AttributeError) as error:  # The latter when it fails to open the same directory again.
            raise damaged(self._store_dir, error) from error
        self._pointer = pointer
        return self._client

    def _other_embedder(self) -> StoreError:
        return StoreError(
            f"the search index at {self._store_dir} was made with another embedding model; "
            "`profilegen build` makes it again"
        )

    def _close(self) -> None:
        self._collections.clear()
        if self._client is not None:
            self._client.close()
        self._client = None


def nearest_rows(
    collection: Collection, vectors: Vector, n: int, where: Where | None = None
) -> tuple[list[list[str]], list[list[float]]]:
    """Return the rows of a collection nearest to each of some vectors.

    :param collection: open in Chroma.
    :param vectors: (n_vectors, n_dims) float32.
    :param n: maximum number of rows for each, at least one.
    :param where: conditions in Chroma's form.
    :return: for each vector the ids, the nearest first, and their cosine distances, 0 to 2.
    """
    found = collection.query(query_embeddings=vectors, n_results=n, where=where, include=["distances"])
    return found["ids"], cast("list[list[float]]", found["distances"])


def _nearest(collection: Collection, vector: Vector, n: int, where: Where | None) -> dict[str, float]:
    if n < 1:
        return {}
    (ids,), (distances,) = nearest_rows(collection, vector[np.newaxis], n, where)
    return {row_id: min(1.0, 1 - distance) for row_id, distance in zip(ids, distances, strict=True)}


def _is_index(directory: Path) -> bool:
    return (directory / "chroma.sqlite3").is_file()
