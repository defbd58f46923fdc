"""The files of a store: the ledger, what is staged beside it, and the lock of the one process that writes."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from profilegen.errors import StoreError
from profilegen.store.ledger.schema import ADDED, SCHEMA_VERSION, TABLES

LEDGER_FILE = "ledger.sqlite3"
INCOMING_FILE = "incoming.sqlite3"


def connect(directory: Path, *, create: bool, read_only: bool) -> sqlite3.Connection:
    """Open the ledger of the store at `directory`; with `create`, make what is not there yet.

    :raises StoreError: there is no store, or its ledger is damaged or of a newer version of profilegen.
    """
    path = directory / LEDGER_FILE
    if create:
        _make(directory)
    elif not path.is_file():
        raise _no_store(directory)
    with explained(path):
        connection = _connection(path, create=create, read_only=read_only)
    try:
        with explained(path):
            _prepare(connection, path, create=create, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


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
        remove_incoming(directory)
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def remove_incoming(directory: Path) -> None:
    """Remove what is staged beside the ledger, finished or not."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        (directory / f"{INCOMING_FILE}{suffix}").unlink(missing_ok=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the file at `path` into what a person can do about it."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a mistake in the program, not in the file
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # A build adds what came later.
            raise StoreError(f"{path} was made by an earlier profilegen; run the same build again") from error
        raise StoreError(f"cannot use {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        message = f"{path} is damaged ({error}); restore it from a copy, or remove its directory and build again"
        raise StoreError(message) from error


def _connection(path: Path, *, create: bool, read_only: bool) -> sqlite3.Connection:
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
            connection.executescript(ADDED)
        return
    if version > SCHEMA_VERSION:
        raise StoreError(f"{path} was made by a newer profilegen (ledger version {version}); install that version")
    if not create or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreError(f"{path} is not a ledger of profilegen; name another directory as the store")
    revision = json.dumps(secrets.token_hex(8))
    connection.executescript(
        f"BEGIN IMMEDIATE; {TABLES} {ADDED} INSERT INTO meta VALUES ('revision', '{revision}');"
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
