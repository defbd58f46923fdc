"""The truth of a store: documents, vectors, users, profiles and segments in one SQLite file.

One process writes at a time, under `write_lock`; any number read beside it and need no lock. Every batch is
one transaction, so a kill loses the batch that was under way. Vectors are float16 in the file; in memory they
are float32, L2-normalised, or zero where there is none.

New input is first written to a file of its own (`stage`) and becomes the truth in one transaction
(`apply_staged`): a build that is killed, or that refuses its input half-way, has changed nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import groupby, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, TypeVar

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from profilegen import ledger_review
from profilegen.errors import StoreError
from profilegen.ledger_review import ReviewTables
from profilegen.records import BuildReport, Category, Claim, Document, Kind, Segment, UserProfile

Vector = NDArray[np.float32]
Row = tuple[Any, ...]
T = TypeVar("T")

LEDGER_FILE = "ledger.sqlite3"
INCOMING_FILE = "incoming.sqlite3"
SCHEMA_VERSION = 1

_BATCH_ROWS = 1_000
# Rows read at once. Pages instead of one long cursor: a reader that stays in one transaction for the hours of
# a build keeps SQLite from ever folding the write-ahead log back into the file.
_PAGE_ROWS = 256

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY CHECK (id <> ''),
    user_id TEXT NOT NULL CHECK (user_id <> ''),
    hash BLOB NOT NULL,
    embedded_hash BLOB NOT NULL,
    record TEXT NOT NULL,
    text_vector BLOB,
    item_vector BLOB
);
CREATE INDEX documents_user ON documents (user_id);
CREATE INDEX documents_missing ON documents (id) WHERE text_vector IS NULL AND item_vector IS NULL;
CREATE TABLE users (user_id TEXT PRIMARY KEY, language TEXT NOT NULL, hash TEXT NOT NULL, vector BLOB);
CREATE TABLE profiles (
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    hash TEXT NOT NULL,
    status TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE TABLE claims (
    user_id TEXT NOT NULL REFERENCES profiles ON DELETE CASCADE,
    kind TEXT NOT NULL,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    support REAL NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (user_id, kind, position)
);
CREATE TABLE memberships (
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    segment_id TEXT NOT NULL,
    confidence REAL NOT NULL,
    assigned INTEGER NOT NULL
);
CREATE TABLE segments (id TEXT PRIMARY KEY, hash TEXT NOT NULL, record TEXT NOT NULL, vector BLOB);
CREATE TABLE builds (id INTEGER PRIMARY KEY, finished TEXT NOT NULL, report TEXT NOT NULL);
"""


_PROFILE = "user_id, profiles.record, segment_id, confidence, assigned"
_PROFILES = "profiles LEFT JOIN memberships USING (user_id)"


class Staged(NamedTuple):
    """What was read: distinct documents, their users, and how many were dropped for an id seen before."""

    documents: int
    users: int
    duplicates: int


class Changes(NamedTuple):
    """What became of the truth when staged documents were applied."""

    new: int
    changed: int
    removed_documents: int
    removed_users: int


class Counts(NamedTuple):
    """How many there are of each; `ok`, `insufficient` and `failed` are profiles."""

    documents: int
    users: int
    ok: int
    insufficient: int
    failed: int
    segments: int
    claims: int


class UserDocuments(NamedTuple):
    """One user's documents, oldest first; arrays are (n_documents, n_dims), zero rows where there is none."""

    user_id: str
    documents: list[Document]
    text_vectors: Vector
    item_vectors: Vector


class ClaimVector(NamedTuple):
    """One thing to be found by: a claim at its position among its kind, or the summary, with its vector."""

    kind: Kind | Literal["summary"]
    position: int
    text: str
    support: float
    vector: Vector


class Membership(NamedTuple):
    """A user's segment. `assigned` marks a user whom HDBSCAN called noise."""

    user_id: str
    segment_id: str
    confidence: float
    assigned: bool


class DocumentVectors(NamedTuple):
    """What the index needs of a document; vectors are (n_dims,), and one of the two may be zero."""

    id: str
    user_id: str
    language: str
    text_vector: Vector
    item_vector: Vector


class Build(NamedTuple):
    """A finished build."""

    finished: datetime
    report: BuildReport


def open_ledger(directory: Path, *, create: bool = False, read_only: bool = False) -> Ledger:
    """Open the ledger of the store at `directory`; with `create`, make what is not there yet.

    :raises StoreError: there is no store, or its ledger is damaged or of a newer version of profilegen.
    """
    path = directory / LEDGER_FILE
    if create:
        _make(directory)
    elif not path.is_file():
        raise _no_store(directory)
    with _explained(path):
        connection = _connect(path, create=create, read_only=read_only)
    try:
        with _explained(path):
            _prepare(connection, path, create=create, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return Ledger(path, connection)


@contextmanager
def write_lock(directory: Path, *, create: bool = False) -> Iterator[None]:
    """Hold the one right to write to the store at `directory`; never waits for it.

    :raises StoreError: another process holds it, or there is no such directory and `create` is not given.
    """
    if create:
        _make(directory)
    elif not directory.is_dir():
        raise _no_store(directory)
    # The process id has a file of its own: some versions of filelock empty the lock file when they fail.
    holder = directory / "write.pid"
    lock = FileLock(directory / "write.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        pid = holder.read_text() if holder.is_file() else "unknown"
        message = f"another profilegen build is writing to {directory} (pid {pid}); wait until it is done"
        raise StoreError(message) from None
    except OSError as error:
        raise StoreError(f"cannot write to {directory}: {error.strerror}") from error
    try:
        holder.write_text(str(os.getpid()))
        # Left by a build that was killed: whoever has the lock knows that no other process is at it.
        _remove_incoming(directory)
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


class Ledger(ReviewTables):
    """An open ledger. Threads may read it side by side; only one thread may write."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the last to close it folds the write-ahead log back in."""
        self._connection.close()

    # Facts about the store

    def get_meta(self, key: str) -> Any:
        """Return what `set_meta` stored under `key`, or None."""
        row = self._one("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else json.loads(row[0])

    def set_meta(self, key: str, value: Any) -> None:
        """Store a JSON value under `key`. This is no change of revision."""
        with self._transaction():
            self._set_meta(key, value)

    def revision(self) -> str:
        """Return a word that changes whenever something changes that the index shows."""
        return str(self.get_meta("revision"))

    def counts(self) -> Counts:
        """Count what is there; users are counted by their documents, built or not."""
        status: dict[str, int] = dict(self._rows("SELECT status, count(*) FROM profiles GROUP BY status"))
        return Counts(
            documents=self._count("SELECT count(*) FROM documents"),
            users=self._count("SELECT count(DISTINCT user_id) FROM documents"),
            ok=status.get("ok", 0),
            insufficient=status.get("insufficient", 0),
            failed=status.get("failed", 0),
            segments=self._count("SELECT count(*) FROM segments"),
            claims=self._count("SELECT count(*) FROM claims"),
        )

    def record_build(self, report: BuildReport) -> None:
        """Write down that a build has finished now."""
        with self._transaction():
            self._connection.execute(
                "INSERT INTO builds (finished, report) VALUES (?, ?)",
                (datetime.now(UTC).isoformat(), report.model_dump_json()),
            )

    def last_build(self) -> Build | None:
        """Return the build that finished last, or None."""
        row = self._one("SELECT finished, report FROM builds ORDER BY id DESC LIMIT 1")
        if row is None:
            return None
        return Build(datetime.fromisoformat(row[0]), BuildReport.model_validate_json(row[1]))

    # Documents

    def stage(self, documents: Iterable[Document]) -> Staged:
        """Write documents beside the truth, the first of each id; what was staged before is dropped.

        Whatever `documents` raises is raised here, and nothing stays staged.
        """
        _remove_incoming(self._path.parent)
        try:
            with (
                _explained(self._incoming),
                closing(sqlite3.connect(self._incoming, isolation_level=None)) as incoming,
            ):
                # Thrown away after a crash, so there is nothing to protect from one.
                incoming.execute("PRAGMA journal_mode = MEMORY")
                incoming.execute("PRAGMA synchronous = OFF")
                return _stage(incoming, documents)
        except BaseException:
            _remove_incoming(self._path.parent)
            raise

    def apply_staged(self, *, add: bool) -> Changes:
        """Make the staged documents the truth, all or nothing; without `add`, what is not among them goes.

        A document that changed keeps its vectors if its text, title and item title did not. A user who has no
        document left goes with everything that was said of them.
        """
        with _explained(self._path):
            self._connection.execute("ATTACH ? AS incoming", (str(self._incoming.absolute()),))
        try:
            with self._transaction():
                changes = self._apply(add=add)
                if any(changes):
                    self._touch()
        finally:
            self._connection.execute("DETACH incoming")
        _remove_incoming(self._path.parent)
        if changes.removed_documents or changes.removed_users:
            self._fold_log()
        return changes

    def remove_users(self, user_ids: Iterable[str]) -> int:
        """Remove users with everything they wrote and everything said of them; returns how many there were.

        The index still holds them until it is built anew.
        """
        removed = 0
        gone = list(user_ids)
        with self._transaction():
            for user_id in gone:
                documents = self._connection.execute("DELETE FROM documents WHERE user_id = ?", (user_id,)).rowcount
                users = self._connection.execute("DELETE FROM users WHERE user_id = ?", (user_id,)).rowcount
                removed += bool(documents or users)
            if removed:
                self._strike_from_segments()
                self._forget_removed()
                self._touch()
        if removed:
            self._fold_log()
        return removed

    def document(self, document_id: str) -> Document | None:
        """Return one document, or None."""
        return self.documents([document_id]).get(document_id)

    def documents(self, document_ids: Iterable[str]) -> dict[str, Document]:
        """Return documents by id, in the order asked for, without those that are not there."""
        wanted = list(document_ids)
        records: dict[str, str] = dict(self._among("SELECT id, record FROM documents WHERE id IN {}", wanted))
        return {name: Document.model_validate_json(records[name]) for name in wanted if name in records}

    def users_of(self, document_ids: Sequence[str]) -> dict[str, str]:
        """Return the user of each of the documents named that is there."""
        return dict(self._among("SELECT id, user_id FROM documents WHERE id IN {}", document_ids))

    def iter_documents(self) -> Iterator[Document]:
        """Give every document in order of id."""
        for _, record in self._paged("SELECT id, record FROM documents WHERE id > ? ORDER BY id LIMIT ?", ""):
            yield Document.model_validate_json(record)

    def language_counts(self) -> dict[str, int]:
        """Return how many documents each language has, the most frequent first."""
        rows = self._rows(
            "SELECT json_extract(record, '$.language'), count(*) FROM documents GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        return dict(rows)

    def documents_missing_vectors(self) -> Iterator[Document]:
        """Give the documents that have no vector, in order of id; vectors may be put while it runs."""
        rows = self._paged(
            "SELECT id, record FROM documents"
            " WHERE text_vector IS NULL AND item_vector IS NULL AND id > ? ORDER BY id LIMIT ?",
            "",
        )
        for _, record in rows:
            yield Document.model_validate_json(record)

    def count_missing_vectors(self) -> int:
        """Return how many documents have no vector."""
        return self._count("SELECT count(*) FROM documents WHERE text_vector IS NULL AND item_vector IS NULL")

    def put_document_vectors(self, rows: Iterable[tuple[str, Vector | None, Vector | None]]) -> None:
        """Store (document id, text vector, item vector); a vector is (n_dims,), None where there is none."""
        for batch in _batches(rows, _BATCH_ROWS):
            packed = [(_pack(text), _pack(item), document_id) for document_id, text, item in batch]
            with self._transaction():
                self._connection.executemany(
                    "UPDATE documents SET text_vector = ?, item_vector = ? WHERE id = ?", packed
                )
                self._touch()

    def clear_vectors(self) -> None:
        """Forget every vector and what was made from them, as when the embedder changes; documents stay."""
        with self._transaction():
            self._connection.execute("UPDATE documents SET text_vector = NULL, item_vector = NULL")
            self._connection.execute("DELETE FROM users")
            self._connection.execute("DELETE FROM segments")
            self._touch()

    # Users

    def user_ids(self) -> Iterator[str]:
        """Give the ids of all who have documents, in order."""
        rows = self._paged("SELECT DISTINCT user_id FROM documents WHERE user_id > ? ORDER BY user_id LIMIT ?", "")
        return (user_id for (user_id,) in rows)

    def user_documents(self, user_id: str) -> list[Document]:
        """Return the documents of one user, undated first, then by time, then by id; empty when unknown."""
        rows = self._rows("SELECT record FROM documents WHERE user_id = ?", (user_id,))
        return sorted((Document.model_validate_json(record) for (record,) in rows), key=_age)

    def iter_users(
        self, user_ids: Iterable[str] | None = None, *, with_vectors: bool = True
    ) -> Iterator[UserDocuments]:
        """Give users with their documents in order of user id: all, or those named that are there.

        Without vectors both arrays are (n_documents, 0).
        """
        dims = self._dims() if with_vectors else 0
        columns = "text_vector, item_vector" if with_vectors else "NULL, NULL"
        wanted = self.user_ids() if user_ids is None else sorted(set(user_ids))
        rows = self._among(
            f"SELECT user_id, record, {columns} FROM documents WHERE user_id IN {{}} ORDER BY user_id", wanted
        )
        for user_id, group in groupby(rows, key=lambda row: row[0]):
            documents = [(Document.model_validate_json(record), text, item) for _, record, text, item in group]
            documents.sort(key=lambda row: _age(row[0]))
            yield UserDocuments(
                user_id,
                [document for document, _, _ in documents],
                _unpack([text for _, text, _ in documents], dims),
                _unpack([item for _, _, item in documents], dims),
            )

    def put_users(self, rows: Iterable[tuple[str, str, str, Vector | None]]) -> None:
        """Store (user id, language, hash, vector); comes before the user's profile and membership."""
        for batch in _batches(rows, _BATCH_ROWS):
            packed = [(user_id, language, hash_, _pack(vector)) for user_id, language, hash_, vector in batch]
            with self._transaction():
                written = self._connection.executemany(
                    "INSERT INTO users VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                    " SET language = excluded.language, hash = excluded.hash, vector = excluded.vector"
                    " WHERE (language, hash, vector)"
                    " IS NOT (excluded.language, excluded.hash, excluded.vector)",
                    packed,
                ).rowcount
                if written:
                    self._touch()

    def user_hashes(self) -> dict[str, str]:
        """Return the hash of each user that was put."""
        return dict(self._rows("SELECT user_id, hash FROM users"))

    def user_languages(self) -> list[str]:
        """Return the language of each user that has a vector, in order of id."""
        rows = self._rows("SELECT language FROM users WHERE vector IS NOT NULL ORDER BY user_id")
        return [language for (language,) in rows]

    def user_matrix(self) -> tuple[list[str], Vector]:
        """Return the users that have a vector, in order of id, and their vectors (n_users, n_dims)."""
        return _matrix(self._rows("SELECT user_id, vector FROM users WHERE vector IS NOT NULL ORDER BY user_id"))

    def user_vectors(self, user_ids: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors (n_dims,) of the users named that have one."""
        rows = self._among("SELECT user_id, vector FROM users WHERE vector IS NOT NULL AND user_id IN {}", user_ids)
        return {user_id: _stored(blob) for user_id, blob in rows}

    def claims_of(self, user_ids: Sequence[str]) -> dict[str, list[ClaimVector]]:
        """Return what the users named are found by."""
        found: dict[str, list[ClaimVector]] = {}
        rows = self._among(
            "SELECT user_id, kind, position, text, support, vector FROM claims"
            " WHERE user_id IN {} ORDER BY user_id, kind, position",
            user_ids,
        )
        for user_id, kind, position, text, support, blob in rows:
            claim = ClaimVector(kind, position, text, support, _stored(blob))
            found.setdefault(user_id, []).append(claim)
        return found

    def interest_vectors(self, texts: Iterable[str]) -> dict[str, Vector]:
        """Return the vectors of the texts that are an interest of some user."""
        rows = self._among("SELECT text, vector FROM claims WHERE kind = 'interest' AND text IN {}", texts)
        return {text: _stored(blob) for text, blob in rows}

    def put_claims(self, user_id: str, claims: Sequence[ClaimVector]) -> None:
        """Store what a user with a profile is found by, in place of what was there."""
        rows = [(user_id, *claim[:-1], _pack(claim.vector)) for claim in claims]
        with self._transaction():
            self._connection.execute("DELETE FROM claims WHERE user_id = ?", (user_id,))
            self._connection.executemany("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._touch()

    # Profiles

    def put_profiles(self, rows: Iterable[tuple[UserProfile, str, Sequence[ClaimVector]]]) -> None:
        """Store (profile, hash of what it was made from, what it is found by) in place of what was there.

        What the profile says of its segment is not stored: memberships say it when the profile is read.
        """
        for batch in _batches(rows, _PAGE_ROWS):
            profiles = [
                (profile.user_id, hash_, profile.status, _without_segment(profile).model_dump_json())
                for profile, hash_, _ in batch
            ]
            claims = [
                (profile.user_id, claim.kind, claim.position, claim.text, claim.support, _pack(claim.vector))
                for profile, _, claim_vectors in batch
                for claim in claim_vectors
            ]
            with self._transaction():
                self._connection.executemany("DELETE FROM profiles WHERE user_id = ?", [row[:1] for row in profiles])
                self._connection.executemany("INSERT INTO profiles VALUES (?, ?, ?, ?)", profiles)
                self._connection.executemany("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", claims)
                self._touch()

    def not_categorised(self, taxonomy: str) -> list[str]:
        """Return the users with interests whose categories are not of this version of a taxonomy."""
        rows = self._rows(
            "SELECT user_id FROM profiles WHERE json_extract(record, '$.built_with.taxonomy') IS NOT ?"
            " AND json_array_length(record, '$.interests') > 0 ORDER BY user_id",
            (taxonomy,),
        )
        return [user_id for (user_id,) in rows]

    def put_categories(self, profiles: Iterable[UserProfile]) -> None:
        """Store profiles whose interests have other categories now; what they are made from is as it was."""
        for batch in _batches(profiles, _PAGE_ROWS):
            rows = [(_without_segment(profile).model_dump_json(), profile.user_id) for profile in batch]
            with self._transaction():
                self._connection.executemany("UPDATE profiles SET record = ? WHERE user_id = ?", rows)
                self._touch()

    def categories(self, segment_id: str | None = None) -> Iterator[tuple[str, str, Category]]:
        """Give (segment id, user id, category) of each interest that has one, of one segment or of all."""
        rows = self._rows(
            "SELECT segment_id, user_id, json_extract(interest.value, '$.category')"
            " FROM profiles JOIN memberships USING (user_id), json_each(profiles.record, '$.interests') AS interest"
            " WHERE json_extract(interest.value, '$.category') IS NOT NULL AND (? IS NULL OR segment_id = ?)",
            (segment_id, segment_id),
        )
        for segment, user_id, category in rows:
            yield segment, user_id, Category(**json.loads(category))

    def categories_of(self, user_ids: Sequence[str]) -> dict[str, set[str]]:
        """Return the ids of the categories of each user's interests; who has none is left out."""
        found: dict[str, set[str]] = {}
        rows = self._among(
            "SELECT user_id, part.atom FROM profiles, json_tree(profiles.record, '$.interests') AS part"
            " WHERE part.key = 'id' AND part.path LIKE '%.category' AND user_id IN {}",
            user_ids,
        )
        for user_id, category in rows:
            found.setdefault(user_id, set()).add(category)
        return found

    def profile_hashes(self) -> dict[str, str]:
        """Return the hash of each user's profile."""
        return dict(self._rows("SELECT user_id, hash FROM profiles"))

    def profile(self, user_id: str) -> UserProfile | None:
        """Return a user's profile with its segment, or None."""
        row = self._one(f"SELECT {_PROFILE} FROM {_PROFILES} WHERE user_id = ?", (user_id,))
        return None if row is None else _profile(row)

    def iter_profiles(self) -> Iterator[UserProfile]:
        """Give every profile with its segment, in order of user id."""
        for row in self._paged(f"SELECT {_PROFILE} FROM {_PROFILES} WHERE user_id > ? ORDER BY user_id LIMIT ?", ""):
            yield _profile(row)

    # Segments

    def put_memberships(self, rows: Iterable[Membership]) -> None:
        """Store the segments of users in place of all that was there."""
        memberships = sorted(Membership(*row) for row in rows)
        if memberships == self.memberships():
            return
        with self._transaction():
            self._connection.execute("DELETE FROM memberships")
            self._connection.executemany("INSERT INTO memberships VALUES (?, ?, ?, ?)", memberships)
            self._touch()

    def segments_of(self, user_ids: Sequence[str]) -> dict[str, str]:
        """Return the segment of each of the users named that has one."""
        return dict(self._among("SELECT user_id, segment_id FROM memberships WHERE user_id IN {}", user_ids))

    def memberships(self) -> list[Membership]:
        """Return the segment of each user that has one, in order of user id."""
        rows = self._rows("SELECT user_id, segment_id, confidence, assigned FROM memberships ORDER BY user_id")
        return [Membership(user_id, segment, confidence, bool(noise)) for user_id, segment, confidence, noise in rows]

    def put_segments(self, rows: Iterable[tuple[Segment, str, Vector | None]]) -> None:
        """Store (segment, hash of what it was made from, vector) in place of all that was there."""
        segments = [(segment.id, hash_, segment.model_dump_json(), _pack(vector)) for segment, hash_, vector in rows]
        if segments == list(self._rows("SELECT id, hash, record, vector FROM segments ORDER BY rowid")):
            return
        with self._transaction():
            self._connection.execute("DELETE FROM segments")
            self._connection.executemany("INSERT INTO segments VALUES (?, ?, ?, ?)", segments)
            self._touch()

    def segments(self) -> list[Segment]:
        """Return all segments in the order they were put."""
        rows = self._rows("SELECT record FROM segments ORDER BY rowid")
        return [Segment.model_validate_json(record) for (record,) in rows]

    def segment(self, segment_id: str) -> Segment | None:
        """Return one segment, or None."""
        row = self._one("SELECT record FROM segments WHERE id = ?", (segment_id,))
        return None if row is None else Segment.model_validate_json(row[0])

    def segment_hashes(self) -> dict[str, str]:
        """Return the hash of each segment; empty text for one that lost a member since it was put."""
        return dict(self._rows("SELECT id, hash FROM segments"))

    def segment_matrix(self) -> tuple[list[str], Vector]:
        """Return the segments that have a vector, as put, and their vectors (n_segments, n_dims)."""
        return _matrix(self._rows("SELECT id, vector FROM segments WHERE vector IS NOT NULL ORDER BY rowid"))

    # What the index is built from

    def iter_document_vectors(self) -> Iterator[DocumentVectors]:
        """Give the vectors of every document that has any, in no order that means something."""
        rows = self._paged(
            "SELECT rowid, id, user_id, json_extract(record, '$.language'), text_vector, item_vector"
            " FROM documents WHERE rowid > ? AND (text_vector IS NOT NULL OR item_vector IS NOT NULL)"
            " ORDER BY rowid LIMIT ?",
            0,
        )
        for _, document_id, user_id, language, text, item in rows:
            vectors = _unpack([text, item], len(text or item) // 2)
            yield DocumentVectors(document_id, user_id, language, vectors[0], vectors[1])

    def iter_profile_vectors(self) -> Iterator[tuple[UserProfile, Vector]]:
        """Give every profile whose user has a vector (n_dims,), in order of user id."""
        rows = self._paged(
            f"SELECT {_PROFILE}, vector FROM {_PROFILES} JOIN users USING (user_id)"
            " WHERE user_id > ? AND vector IS NOT NULL ORDER BY user_id LIMIT ?",
            "",
        )
        for row in rows:
            yield _profile(row[:-1]), _stored(row[-1])

    def iter_claims(self) -> Iterator[tuple[str, ClaimVector]]:
        """Give everything that users are found by, with the user's id, in no order that means something."""
        rows = self._paged(
            "SELECT rowid, user_id, kind, position, text, support, vector FROM claims"
            " WHERE rowid > ? ORDER BY rowid LIMIT ?",
            0,
        )
        for _, user_id, kind, position, text, support, vector in rows:
            yield user_id, ClaimVector(kind, position, text, support, _stored(vector))

    # What the methods above are made of

    @property
    def _incoming(self) -> Path:
        return self._path.parent / INCOMING_FILE

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        with _explained(self._path):
            yield from self._connection.execute(sql, parameters)

    def _execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement inside a transaction; returns how many rows it touched."""
        return self._connection.execute(sql, parameters).rowcount

    def _among(self, sql: str, values: Iterable[str]) -> Iterator[Row]:
        """Give the rows of a query for many values, so many at a time; they go where `{}` stands in it."""
        for batch in _batches(values, _PAGE_ROWS):
            yield from self._rows(sql.format(f"({_marks(batch)})"), batch)

    def _one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        return next(self._rows(sql, parameters), None)

    def _count(self, sql: str) -> int:
        return int(next(self._rows(sql))[0])

    def _paged(self, sql: str, start: str | int) -> Iterator[Row]:
        """Give the rows of a query over (key to start after, how many) whose first column is the key."""
        while rows := list(self._rows(sql, (start, _PAGE_ROWS))):
            yield from rows
            start = rows[-1][0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _set_meta(self, key: str, value: Any) -> None:
        self._connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (key, json.dumps(value)),
        )

    def _touch(self) -> None:
        # A random word and not a number that grows: after a ledger was restored from a copy, or made anew
        # beside an old index, a number would come again and that index would pass as this ledger's.
        self._set_meta("revision", secrets.token_hex(8))

    def _fold_log(self) -> None:
        """Fold the write-ahead log into the file, so that what was removed is not in the log either."""
        with _explained(self._path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _dims(self) -> int:
        """Return how many dimensions the stored vectors have, 0 when there are none."""
        row = self._one(
            "SELECT length(coalesce(text_vector, item_vector)) / 2 FROM documents"
            " WHERE text_vector IS NOT NULL OR item_vector IS NOT NULL LIMIT 1"
        )
        return 0 if row is None else int(row[0])

    def _apply(self, *, add: bool) -> Changes:
        execute = self._connection.execute
        # Users who lose a document; those who still have one afterwards are taken out again.
        execute(
            "CREATE TEMP TABLE losers AS SELECT DISTINCT old.user_id"
            " FROM main.documents AS old LEFT JOIN incoming.documents AS new USING (id)"
            " WHERE new.user_id <> old.user_id OR (new.id IS NULL AND NOT ?)",
            (add,),
        )
        removed = 0
        if not add:
            removed = execute("DELETE FROM main.documents WHERE id NOT IN (SELECT id FROM incoming.documents)").rowcount
        kept = self._count("SELECT count(*) FROM main.documents")
        same_text = "CASE WHEN embedded_hash = excluded.embedded_hash"
        written = execute(
            "INSERT INTO main.documents (id, user_id, hash, embedded_hash, record)"
            " SELECT id, user_id, hash, embedded_hash, record FROM incoming.documents WHERE true"
            " ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, hash = excluded.hash,"
            " embedded_hash = excluded.embedded_hash, record = excluded.record,"
            f" text_vector = {same_text} THEN text_vector END, item_vector = {same_text} THEN item_vector END"
            " WHERE hash <> excluded.hash"
        ).rowcount
        new = self._count("SELECT count(*) FROM main.documents") - kept
        execute("DELETE FROM temp.losers WHERE user_id IN (SELECT user_id FROM main.documents)")
        removed_users = self._count("SELECT count(*) FROM temp.losers")
        execute("DELETE FROM main.users WHERE user_id IN (SELECT user_id FROM temp.losers)")
        execute("DROP TABLE temp.losers")
        if removed or removed_users:
            self._strike_from_segments()
        if written > new or removed or removed_users:
            self._forget_removed()
        return Changes(new, written - new, removed, removed_users)

    def _strike_from_segments(self) -> None:
        """Take what is gone out of what is said of segments, and mark those segments as out of date."""
        for segment in self.segments():
            left = self._struck(segment)
            if not left.members:
                self._connection.execute("DELETE FROM segments WHERE id = ?", (segment.id,))
            elif left != segment:
                self._connection.execute(
                    "UPDATE segments SET record = ?, hash = '' WHERE id = ?",
                    (left.model_dump_json(), segment.id),
                )

    def _struck(self, segment: Segment) -> Segment:
        quoted = {evidence.document for _, claim in segment.claims() for evidence in claim.evidence}
        documents = self._present("id", quoted | set(segment.exemplars))
        users = self._present("user_id", segment.members)
        members = tuple(member for member in segment.members if member in users)

        def carried(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
            left = (
                claim.model_copy(update={"evidence": tuple(e for e in claim.evidence if e.document in documents)})
                for claim in claims
            )
            return tuple(claim for claim in left if claim.evidence)

        return segment.model_copy(
            update={
                "interests": carried(segment.interests),
                "values": carried(segment.values),
                "lifestyle": carried(segment.lifestyle),
                "members": members,
                "size": segment.size - len(segment.members) + len(members),
                "exemplars": tuple(exemplar for exemplar in segment.exemplars if exemplar in documents),
            }
        )

    def _present(self, column: Literal["id", "user_id"], values: Iterable[str]) -> set[str]:
        rows = self._among(f"SELECT {column} FROM main.documents WHERE {column} IN {{}}", values)
        return {value for (value,) in rows}


def _connect(path: Path, *, create: bool, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc" if create else "rw"
    address = f"{path.absolute().as_uri()}?mode={mode}"
    if read_only and not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
        # Even to read, SQLite makes a file beside a ledger with a write-ahead log, which it cannot do here.
        address += "&immutable=1"
    return sqlite3.connect(address, uri=True, timeout=10, isolation_level=None, check_same_thread=False)


def _prepare(connection: sqlite3.Connection, path: Path, *, create: bool, read_only: bool) -> None:
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        if not read_only:
            connection.executescript(ledger_review.SCHEMA)
        return
    if version > SCHEMA_VERSION:
        raise StoreError(f"{path} was made by a newer profilegen (ledger version {version}); install that version")
    if not create or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreError(f"{path} is not a ledger of profilegen; name another directory as the store")
    revision = json.dumps(secrets.token_hex(8))
    connection.executescript(
        f"BEGIN IMMEDIATE; {_SCHEMA} {ledger_review.SCHEMA} INSERT INTO meta VALUES ('revision', '{revision}');"
        f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    )


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make a store at {directory}: {error.strerror}; name another directory") from error


def _no_store(directory: Path) -> StoreError:
    command = f"profilegen build FILES --store {shlex.quote(str(directory))}"
    return StoreError(f"no store at {directory}; make one with `{command}`")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the file at `path` into what a person can do about it."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a mistake in the program, not in the file
    except sqlite3.OperationalError as error:
        raise StoreError(f"cannot use {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        message = f"{path} is damaged ({error}); restore it from a copy, or remove its directory and build again"
        raise StoreError(message) from error


def _stage(incoming: sqlite3.Connection, documents: Iterable[Document]) -> Staged:
    incoming.execute(
        "CREATE TABLE documents (id TEXT PRIMARY KEY, user_id TEXT, hash BLOB, embedded_hash BLOB, record TEXT)"
    )
    read = kept = 0
    for batch in _batches(documents, _BATCH_ROWS):
        incoming.execute("BEGIN")
        rows = [_staged_row(document) for document in batch]
        kept += incoming.executemany("INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?, ?)", rows).rowcount
        incoming.execute("COMMIT")
        read += len(batch)
    users = incoming.execute("SELECT count(DISTINCT user_id) FROM documents").fetchone()[0]
    return Staged(kept, users, read - kept)


def _staged_row(document: Document) -> Row:
    record = document.model_dump_json(exclude_none=True)
    embedded = json.dumps([document.text, document.title, document.item_title])
    return document.id, document.user_id, _hash(record), _hash(embedded), record


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _remove_incoming(directory: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        (directory / f"{INCOMING_FILE}{suffix}").unlink(missing_ok=True)


def _age(document: Document) -> tuple[bool, datetime, str]:
    """Sort key: undated first, then by time (without a zone it is taken as UTC), then by id."""
    time = document.timestamp or datetime.min
    return document.timestamp is not None, time if time.tzinfo else time.replace(tzinfo=UTC), document.id


def _profile(row: Row) -> UserProfile:
    _, record, segment, confidence, assigned = row
    profile = UserProfile.model_validate_json(record)
    if segment is None:
        return profile
    return profile.model_copy(
        update={"segment": segment, "segment_confidence": confidence, "segment_assigned": bool(assigned)}
    )


def _without_segment(profile: UserProfile) -> UserProfile:
    return profile.model_copy(update={"segment": None, "segment_confidence": None, "segment_assigned": False})


def _pack(vector: Vector | None) -> bytes | None:
    """Vector (n_dims,) to bytes: float16, little-endian."""
    if vector is None:
        return None
    if not np.isfinite(vector).all():
        raise ValueError("a vector holds NaN or infinity")
    return vector.astype("<f2").tobytes()


def _unpack(blobs: Sequence[bytes | None], dims: int) -> Vector:
    """Bytes to (n_blobs, dims) float32, rows L2-normalised; zero where there is no vector."""
    none = bytes(2 * dims)
    return _rows_of(b"".join(blob or none for blob in blobs), dims).reshape(len(blobs), dims)


def _stored(blob: bytes) -> Vector:
    """Bytes to one vector (n_dims,) float32, L2-normalised."""
    return _rows_of(blob, len(blob) // 2).reshape(-1)


def _matrix(rows: Iterator[Row]) -> tuple[list[str], Vector]:
    names: list[str] = []
    joined = bytearray()
    dims = 0
    for name, blob in rows:
        names.append(name)
        joined += blob
        dims = len(blob) // 2
    return names, _rows_of(joined, dims).reshape(len(names), dims)


def _rows_of(joined: bytes | bytearray, dims: int) -> Vector:
    vectors = np.frombuffer(joined, "<f2").astype(np.float32).reshape(-1, max(dims, 1))
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    vectors /= np.where(lengths > 0, lengths, 1)[:, np.newaxis]
    return vectors


def _batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
