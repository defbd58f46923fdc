"""The Chroma collections that people search, built from the ledger and never the only copy of anything.

A build fills a directory of its own and then switches a pointer file to it, for two reasons. Chroma does not
survive a kill while it loads: what is half-built is never searched. And Chroma does not erase: after a
delete, even of a whole collection, vectors and ids are still in its files, so only a new directory, and the
removal of the old one, forgets a user.

The directory is filled by a process of its own, which has never seen a removed user: Chroma writes its vector
files at the size it has reserved, with whatever the process last kept in that memory.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from profilegen import categories, reviewed
from profilegen.errors import StoreError
from profilegen.vectors import document_vectors

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

    from profilegen.ledger import Ledger

T = TypeVar("T")
Vector = NDArray[np.float32]
CollectionName = Literal["documents", "users", "segments", "claims"]

COLLECTIONS: tuple[CollectionName, ...] = ("documents", "users", "segments", "claims")
POINTER_FILE = "index.json"

# Chroma takes 5,461 rows at once.
_BATCH_ROWS = 5_000
_PROBED_ROWS = 32
_PROBE_TIMEOUT_S = 600
_PROGRESS = "progress"
# Between the parts of a claim's id; no user id holds a control character.
_BETWEEN = "\x1f"


class Hit(NamedTuple):
    """One row found. `distance` is the cosine distance, 0 to 2."""

    id: str
    distance: float
    metadata: Mapping[str, Any]
    document: str | None


class _Row(NamedTuple):
    id: str
    vector: Vector
    metadata: dict[str, str | int | float]
    document: str | None = None


@dataclass(frozen=True)
class _Pointer:
    """Which directory is the index, what it was built from, and when."""

    directory: str
    revision: str
    created: str


def build_index(ledger: Ledger, store_dir: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Build the index of the store at `store_dir` from its ledger and switch to it; needs the write lock.

    `progress` is told rows done and rows in all after every batch. Until the switch the old index is
    searched, and it stays when this fails or is killed.

    :raises StoreError: Chroma could not build it.
    """
    revision = ledger.revision()
    fresh = store_dir / f"index-{secrets.token_hex(8)}"
    try:
        _fill(fresh, progress or (lambda done, total: None))
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    _point(store_dir, _Pointer(fresh.name, revision, datetime.now(UTC).isoformat(timespec="seconds")))
    _remove_others(store_dir, fresh)


def claim_user(row_id: str) -> str:
    """Return the user of a row of the collection `claims`."""
    return row_id.partition(_BETWEEN)[0]


def open_index(store_dir: Path) -> Index:
    """Open the index that the store at `store_dir` points to.

    :raises StoreError: there is none, or it cannot be opened.
    """
    return Index(store_dir)


def category_field(node_id: str) -> str:
    """Return the name under which a user's row says that an interest is of a category or of one below it."""
    return f"category {node_id}"


def current_revision(store_dir: Path) -> str | None:
    """Return the revision of the ledger that the index was built from, or None where there is no index."""
    pointer = _read_pointer(store_dir)
    return None if pointer is None else pointer.revision


def probe(store_dir: Path) -> bool:
    """Whether the index is there and answers, tried in a child process.

    A damaged index can end the process that opens it, which no `except` catches. Each collection must give
    vectors of length 1 for a sample of its rows, and find those rows by them; damage that the sample misses
    stays unseen.
    """
    if _read_pointer(store_dir) is None:
        return False
    with _child("probe", store_dir) as child:
        try:
            return child.wait(_PROBE_TIMEOUT_S) == 0
        except subprocess.TimeoutExpired:
            return False


class Index:
    """An open index, for any number of threads. After a build it searches the new one by itself."""

    def __init__(self, store_dir: Path) -> None:
        self._store_dir = store_dir
        self._lock = threading.Lock()
        self._pointer: _Pointer | None = None
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
        return self._asked(collection, lambda rows: rows.count())

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
        return self._asked(collection, lambda rows: _query(rows, vectors, n, where))

    def nearest(
        self, collection: CollectionName, vector: Vector, n: int, where: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Return the ids of the rows that `query` finds, the nearest first, each with its cosine.

        For hundreds of rows this is about six times as quick as to have everything of them read.
        """
        return self._asked(collection, lambda rows: _nearest(rows, vector, n, where))

    def texts(self, collection: CollectionName, ids: Sequence[str]) -> dict[str, str | None]:
        """Return the text of each of the rows named that is there."""

        def found(rows: Collection) -> dict[str, str | None]:
            got = rows.get(ids=list(ids), include=["documents"])
            return dict(zip(got["ids"], got["documents"] or (), strict=True))

        return self._asked(collection, found) if ids else {}

    def _asked(self, collection: CollectionName, question: Callable[[Collection], T]) -> T:
        from chromadb.errors import ChromaError, InvalidArgumentError

        with self._lock:
            while True:
                client = self._follow()
                try:
                    if collection not in self._collections:
                        self._collections[collection] = client.get_collection(collection, embedding_function=None)
                    return question(self._collections[collection])
                except InvalidArgumentError as error:
                    message = f"{error}: the index at {self._store_dir} was built with another embedding model"
                    raise StoreError(message) from error
                except ChromaError as error:
                    # Unless a build has removed this index since it was opened.
                    if self._pointer == _read_pointer(self._store_dir):
                        raise _damaged(self._store_dir, error) from error

    def _follow(self) -> Client:
        """Return a client of the index that the pointer names now."""
        from chromadb.errors import ChromaError

        pointer = _read_pointer(self._store_dir)
        if self._client is not None and pointer == self._pointer:
            return self._client
        self._let_go()
        # Chroma would make what it is asked to open.
        while pointer is not None and not (self._store_dir / pointer.directory / "chroma.sqlite3").is_file():
            before, pointer = pointer, _read_pointer(self._store_dir)
            if pointer == before:
                raise _damaged(self._store_dir, f"{pointer.directory} is missing")
        if pointer is None:
            raise StoreError(f"no search index at {self._store_dir}; `profilegen build` makes it")
        try:
            self._client = _client(self._store_dir / pointer.directory)
        except ChromaError as error:
            raise _damaged(self._store_dir, error) from error
        self._pointer = pointer
        return self._client

    def _let_go(self) -> None:
        self._collections.clear()
        if self._client is not None:
            self._client.close()
        self._client = None


def _fill(directory: Path, progress: Callable[[int, int], None]) -> None:
    """Have a child build the index of the store around `directory` in it."""
    said = ""
    with _child("build", directory) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(_PROGRESS):
                done, total = line.split()[1:]
                progress(int(done), int(total))
            else:
                said = line.strip()
    if child.returncode:
        raise StoreError(said or f"cannot build the search index in {directory.parent}: {_ended(child.returncode)}")


@contextmanager
def _child(job: Literal["probe", "build"], directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run this module for a job; it ends with the block."""
    # The child must find this very package, wherever it is started.
    path = os.pathsep.join([str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen(
        [sys.executable, "-m", "profilegen.index", job, str(directory)],
        env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep), "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    with child:
        try:
            yield child
        except BaseException:
            child.kill()
            raise
        finally:
            if job == "probe":
                child.kill()


def _ended(status: int) -> str:
    return f"the process that builds it was ended by signal {-status}" if status < 0 else f"exit status {status}"


def _load(ledger: Ledger, directory: Path, progress: Callable[[int, int], None]) -> None:
    """Fill new collections at `directory` with the rows of the ledger."""
    counts = ledger.counts()
    sources: dict[CollectionName, tuple[int, Iterator[_Row]]] = {
        "documents": (counts.documents, _document_rows(ledger)),
        "users": (counts.users, _user_rows(ledger)),
        "segments": (counts.segments, _segment_rows(ledger)),
        "claims": (counts.claims, _claim_rows(ledger)),
    }
    total = sum(expected for expected, _ in sources.values())
    done = 0
    with _building(directory) as client:
        for name in COLLECTIONS:
            expected, rows = sources[name]
            # Chroma writes its whole list of ids at every sync: at most a hundred times, that is.
            sync_threshold = max(1_000, expected // 100)
            collection = client.create_collection(
                name,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine", "sync_threshold": sync_threshold}},
            )
            while batch := list(islice(rows, _BATCH_ROWS)):
                _add(collection, batch)
                done += len(batch)
                progress(done, total)
    progress(total, total)


def _settle(directory: Path) -> None:
    """Have Chroma write out the rows since its last sync.

    Else everyone who opens the index adds them to the graph again, and would write to it with enough of them.
    """
    with _building(directory) as client:
        for name in COLLECTIONS:
            collection = client.get_collection(name, embedding_function=None)
            # Takes effect on a collection that is not loaded yet, which is why the client is a new one.
            collection.modify(configuration={"hnsw": {"sync_threshold": 2}})
            row = collection.get(limit=1, include=["embeddings"])
            if row["ids"] and row["embeddings"] is not None:
                collection.upsert(ids=row["ids"], embeddings=row["embeddings"])


def _document_rows(ledger: Ledger) -> Iterator[_Row]:
    for row in ledger.iter_document_vectors():
        metadata: dict[str, str | int | float] = {"user_id": row.user_id, "language": row.language}
        vector = document_vectors(row.text_vector[np.newaxis], row.item_vector[np.newaxis])[0]
        if vector.any():
            yield _Row(row.id, vector, metadata)


def _user_rows(ledger: Ledger) -> Iterator[_Row]:
    decided = ledger.decided_users()
    taxonomy = categories.stored_taxonomy(ledger)
    for profile, vector in ledger.iter_profile_vectors():
        if profile.user_id in decided:
            profile = reviewed.laid_over(ledger, profile)
        metadata: dict[str, str | int | float] = {
            "language": profile.language,
            "status": profile.status,
            "documents": profile.behaviour.documents,
        }
        if profile.segment is not None and profile.segment_confidence is not None:
            metadata |= {"segment": profile.segment, "segment_confidence": profile.segment_confidence}
        metadata |= {category_field(node): True for node in categories.nodes_of(profile, taxonomy)}
        if vector.any():
            yield _Row(profile.user_id, vector, metadata, profile.summary)


def _segment_rows(ledger: Ledger) -> Iterator[_Row]:
    vectors = dict(zip(*ledger.segment_matrix(), strict=True))
    for segment in reviewed.segments(ledger):
        if segment.id in vectors and vectors[segment.id].any():
            metadata: dict[str, str | int | float] = {"name": segment.name, "size": segment.size}
            yield _Row(segment.id, vectors[segment.id], metadata, segment.summary)


def _claim_rows(ledger: Ledger) -> Iterator[_Row]:
    for user_id, claim in ledger.iter_claims():
        metadata: dict[str, str | int | float] = {
            "user_id": user_id,
            "kind": claim.kind,
            "support": claim.support,
        }
        if claim.vector.any():
            name = _BETWEEN.join([user_id, claim.kind, str(claim.position)])
            yield _Row(name, claim.vector, metadata, claim.text)


def _add(collection: Collection, rows: list[_Row]) -> None:
    documents = [row.document for row in rows if row.document is not None]
    collection.add(
        ids=[row.id for row in rows],
        embeddings=np.stack([row.vector for row in rows]),
        metadatas=[row.metadata for row in rows],
        documents=documents or None,
    )


@contextmanager
def _building(directory: Path) -> Iterator[Client]:
    from chromadb.errors import ChromaError

    try:
        client = _client(directory)
        try:
            yield client
        finally:
            client.close()
    except ChromaError as error:
        raise StoreError(f"cannot build the search index in {directory.parent}: {error}") from error


def _client(directory: Path) -> Client:
    import chromadb
    from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False)
    return cast("Client", chromadb.PersistentClient(path=str(directory), settings=settings))


def _point(store_dir: Path, pointer: _Pointer) -> None:
    draft = store_dir / f"{POINTER_FILE}.new"
    with draft.open("w") as file:
        json.dump(asdict(pointer), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(store_dir / POINTER_FILE)


def _read_pointer(store_dir: Path) -> _Pointer | None:
    try:
        return _Pointer(**json.loads((store_dir / POINTER_FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None  # as good as no index: it is built again


def _remove_others(store_dir: Path, kept: Path) -> None:
    """Remove the index before this one, and what killed builds left; who has one open goes on reading it."""
    for directory in store_dir.glob("index-*"):
        if directory != kept:
            shutil.rmtree(directory, ignore_errors=True)


def _query(collection: Collection, vectors: Vector, n: int, where: Mapping[str, Any] | None) -> list[list[Hit]]:
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


def _damaged(store_dir: Path, reason: object) -> StoreError:
    return StoreError(f"the search index at {store_dir} is damaged ({reason}); `profilegen build` makes it again")


def _answers(store_dir: Path) -> bool:
    """Whether each collection finds a sample of its own rows."""
    with open_index(store_dir) as index:
        return all(index._asked(name, _finds_its_rows) for name in COLLECTIONS)


def _finds_its_rows(collection: Collection) -> bool:
    rows = collection.count()
    if not rows:
        return True
    parts = [
        collection.get(limit=_PROBED_ROWS, offset=offset, include=["embeddings"])["embeddings"]
        for offset in {0, max(0, rows - _PROBED_ROWS)}
    ]
    vectors = np.concatenate([part for part in parts if part is not None]).astype(np.float32)
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-2):
        return False
    # By distance and not by id, as rows may be equal; nine in ten, as the search is approximate.
    nearest = [hits[0].distance for hits in _query(collection, vectors, 1, None) if hits]
    return sum(distance < 1e-3 for distance in nearest) >= 0.9 * len(vectors)


def _build(directory: Path) -> None:
    """Fill `directory`, telling the parent how far it is; without a parent to tell, it ends."""
    from profilegen.ledger import open_ledger

    with open_ledger(directory.parent, read_only=True) as ledger:
        _load(ledger, directory, lambda done, total: print(_PROGRESS, done, total, flush=True))
    _settle(directory)


def _main(job: str, directory: Path) -> int:
    if job == "probe":
        return 0 if _answers(directory) else 1
    try:
        _build(directory)
    except StoreError as error:
        print(error, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], Path(sys.argv[2])))
