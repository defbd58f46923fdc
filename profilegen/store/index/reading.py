"""The index as others ask it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar, cast

import numpy as np

from profilegen.errors import StoreError
from profilegen.store.index.chroma import client, damaged
from profilegen.store.index.rows import CollectionName, Vector
from profilegen.store.pointer import Pointer, read_pointer

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

T = TypeVar("T")


class Hit(NamedTuple):
    """One row found. `distance` is the cosine distance, 0 to 2."""

    id: str
    distance: float
    metadata: Mapping[str, Any]
    document: str | None


def open_index(store_dir: Path) -> Index:
    """Open the index that the store at `store_dir` points to.

    :raises StoreError: there is none, or it cannot be opened.
    """
    return Index(store_dir)


class Index:
    """An open index, for any number of threads. After a build it searches the new one by itself."""

    def __init__(self, store_dir: Path) -> None:
        self._store_dir = store_dir
        self._lock = threading.Lock()
        self._pointer: Pointer | None = None
        self._client: Client | None = None
        self._collections: dict[CollectionName, Collection] = {}
        with self._lock:
            self._follow()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files; a later query opens them again."""
        with self._lock:
            self._let_go()

    def count(self, collection: CollectionName) -> int:
        """Return how many rows a collection has."""
        return self.ask(collection, lambda rows: rows.count())

    def query(
        self, collection: CollectionName, vector: Vector, n: int, where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        """Return the at most `n` rows nearest to `vector` (n_dims,), the nearest first.

        `where` holds conditions on metadata that must all be met, each a value or one of Chroma's operators:
        `{"language": "en", "user_id": {"$ne": "u1"}}`.

        :raises StoreError: the index is damaged, or was built with vectors of other dimensions.
        """
        return self.query_many(collection, vector[np.newaxis], n, where)[0]

    def query_many(
        self, collection: CollectionName, vectors: Vector, n: int, where: Mapping[str, Any] | None = None
    ) -> list[list[Hit]]:
        """Do what `query` does for each row of `vectors` (n_queries, n_dims) at once."""
        return self.ask(collection, lambda rows: query(rows, vectors, n, where))

    def nearest(
        self, collection: CollectionName, vector: Vector, n: int, where: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Return the ids of the rows that `query` finds, the nearest first, each with its cosine.

        For hundreds of rows this is about six times as quick as to have everything of them read.
        """
        return self.ask(collection, lambda rows: _nearest(rows, vector, n, where))

    def ask(self, collection: CollectionName, question: Callable[[Collection], T]) -> T:
        """Return what a question about one of Chroma's collections gives.

        :raises StoreError: the index is damaged, or was built with vectors of other dimensions.
        """
        from chromadb.errors import ChromaError, InvalidArgumentError

        with self._lock:
            while True:
                opened = self._follow()
                try:
                    if collection not in self._collections:
                        self._collections[collection] = opened.get_collection(collection, embedding_function=None)
                    return question(self._collections[collection])
                except InvalidArgumentError as error:
                    if self._pointer and not (self._store_dir / self._pointer.directory / "chroma.sqlite3").is_file():
                        raise damaged(self._store_dir, f"{self._pointer.directory} is missing") from error
                    message = f"{error}: the index at {self._store_dir} was built with another embedding model"
                    raise StoreError(message) from error
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
        self._let_go()
        # Chroma would make what it is asked to open.
        while pointer is not None and not (self._store_dir / pointer.directory / "chroma.sqlite3").is_file():
            before, pointer = pointer, read_pointer(self._store_dir)
            if pointer == before:
                raise damaged(self._store_dir, f"{pointer.directory} is missing")
        if pointer is None:
            raise StoreError(f"no search index at {self._store_dir}; `profilegen build` makes it")
        try:
            self._client = client(self._store_dir / pointer.directory)
        except ChromaError as error:
            raise damaged(self._store_dir, error) from error
        self._pointer = pointer
        return self._client

    def _let_go(self) -> None:
        self._collections.clear()
        if self._client is not None:
            self._client.close()
        self._client = None


def query(collection: Collection, vectors: Vector, n: int, where: Mapping[str, Any] | None) -> list[list[Hit]]:
    """Return for each vector the rows nearest to it, as `Index.query` does."""
    found = _found(collection, vectors, n, where, ["distances", "metadatas", "documents"])
    if found is None:
        return [[] for _ in vectors]
    ids, distances, metadata, documents = found
    return [
        # Rounding makes some distances of equal vectors negative.
        [Hit(row[0], max(0.0, row[1]), row[2], row[3]) for row in zip(*columns, strict=True)]
        for columns in zip(ids, distances, metadata, documents, strict=True)
    ]


def _nearest(collection: Collection, vector: Vector, n: int, where: Mapping[str, Any] | None) -> dict[str, float]:
    found = _found(collection, vector[np.newaxis], n, where, ["distances"])
    if found is None:
        return {}
    (ids,), (distances,) = found
    return {row_id: min(1.0, 1 - distance) for row_id, distance in zip(ids, distances, strict=True)}


def _found(
    collection: Collection, vectors: Vector, n: int, where: Mapping[str, Any] | None, columns: list[Any]
) -> list[list[list[Any]]] | None:
    """Return the ids and the columns named, each a list of values for each vector; None where none are wanted."""
    if n < 1:
        return None
    conditions = [{key: value} for key, value in (where or {}).items()]
    found = collection.query(
        query_embeddings=vectors,
        n_results=n,
        where={"$and": conditions} if len(conditions) > 1 else conditions[0] if conditions else None,
        include=columns,
    )
    return [cast("list[list[Any]]", found[column]) for column in ("ids", *columns)]  # type: ignore[literal-required]
