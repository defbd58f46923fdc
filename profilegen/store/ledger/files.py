"""The ledger file, opened."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from profilegen.disk import full_disk, is_full, is_hardly_free
from profilegen.errors import StoreError
from profilegen.store.files import LEDGER_FILE, make_private_file, make_store_directory, no_store
from profilegen.store.ledger.schema import ADDED, SCHEMA_VERSION, TABLES

_BUSY_TIMEOUT_S = 10
_SIGNS_OF_DAMAGE = ("malformed", "decode to UTF-8", "no such table", "no such column")


def connect(
    directory: Path, *, create: bool, read_only: bool, name: str = LEDGER_FILE, check: bool = True
) -> sqlite3.Connection:
    """Open the ledger of a store.

    :param directory: the store.
    :param create: make the store and its tables if they are missing.
    :param read_only: refuse every change, and need no permission to make one.
    :param name: of the file.
    :param check: whether the file must be a ledger of this version; else it is taken as it is.
    :return: a connection in autocommit mode, which several threads may use.
    :raises StoreError: there is no store, it may not be read, or its ledger is damaged or of a newer version of
        profilegen.
    """
    path = directory / name
    if create:
        make_store_directory(directory)
    try:
        if create:
            make_private_file(path)  # SQLite gives the files beside it the same permissions.
        elif not path.is_file():
            raise no_store(directory)
        elif not os.access(path, os.R_OK):  # And not opened: to close it would end locks that SQLite has on it.
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        if is_full(error):
            raise full_disk(path) from error
        hint = "; it belongs to another account: run this as that one" if isinstance(error, PermissionError) else ""
        raise StoreError(f"cannot use {path}: {error.strerror}{hint}") from error
    with explained(path):
        connection = _connection(path, create=create, read_only=read_only)
    try:
        if check:
            with explained(path):
                _prepare(connection, path, create=create, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise errors of SQLite as errors that say what to do.

    :param path: the file that SQLite works on.
    :raises StoreError: the file is damaged, of another version, locked or may not be used.
    """
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a mistake in the program, not in the file
    except sqlite3.OperationalError as error:
        if _is_full(error, path):
            raise full_disk(path) from error
        if "database is locked" in str(error):
            message = "is in use by another program, which writes to it; end that program, then run the command again"
            raise StoreError(f"{path} {message}") from error
        if "no such table" in str(error) and not _is_of_the_first_version(str(error)):  # A build adds what came later.
            raise StoreError(f"{path} was made by an earlier profilegen; run the same build again") from error
        if any(sign in str(error) for sign in _SIGNS_OF_DAMAGE):
            raise damaged(path, str(error)) from error
        raise StoreError(f"cannot use {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise damaged(path, str(error)) from error


def _is_full(error: sqlite3.OperationalError, path: Path) -> bool:
    """Return whether SQLite had no room, which in some places it calls an error of input or output."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and is_hardly_free(path))


def damaged(path: Path, what: str) -> StoreError:
    """Return the error that a file is damaged, with what to do about it.

    :param path: the damaged file.
    :param what: what of it, and how.
    """
    store = shlex.quote(str(path.parent))
    return StoreError(
        f"{path} is damaged ({what}); restore it from a copy, or see `profilegen doctor --store {store}`, which says "
        "what is lost, and with --repair keeps the rest",
        is_damage=True,
    )


def empty(path: Path) -> StoreError:
    """Return the error that a ledger is an empty file.

    :param path: the file.
    """
    return StoreError(
        f"{path} is empty, so that nothing of it is left; restore it from a copy, or build again", is_damage=True
    )


def newer(path: Path, what: str) -> StoreError:
    """Return the error that a ledger is of a newer version.

    :param path: of the ledger.
    :param what: what of it tells so.
    """
    return StoreError(f"{path} was made by a newer profilegen ({what}); install that version")


def unknown_field(error: ValidationError) -> str:
    """Return the name of a field that a record of this version does not have; empty where something else is wrong.

    :param error: of the record.
    """
    first = error.errors()[0]
    return ".".join(map(str, first["loc"])) if first["type"] == "extra_forbidden" else ""


def _is_of_the_first_version(message: str) -> bool:
    """Return whether the table that a message of SQLite names is one that every ledger has."""
    return f"CREATE TABLE {message.rpartition(': ')[2].rpartition('.')[2]} (" in TABLES


def _connection(path: Path, *, create: bool, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc" if create else "rw"
    address = f"{path.absolute().as_uri()}?mode={mode}"
    if read_only and not os.access(path.parent, os.W_OK):
        # Even to read, SQLite needs the file -shm beside a write-ahead log, and cannot make it here.
        log, shared = (path.with_name(f"{path.name}-{name}") for name in ("wal", "shm"))
        if not log.exists() or not log.stat().st_size:
            address += "&immutable=1"
        elif not shared.exists():
            raise StoreError(f"{log} was left by a killed build and {path.parent} is read-only; run the build again")
    return sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)


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
        raise newer(path, f"ledger version {version}")
    if not create and not path.stat().st_size:
        raise empty(path)
    if not create or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreError(f"{path} is not a ledger of profilegen; name another directory as the store")
    revision = json.dumps(secrets.token_hex(8))
    connection.executescript(
        f"BEGIN IMMEDIATE; {TABLES} {ADDED} INSERT INTO meta VALUES ('revision', '{revision}');"
        f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    )
