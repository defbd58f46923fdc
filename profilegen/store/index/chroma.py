"""Chroma, opened at a directory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from profilegen.errors import StoreError

if TYPE_CHECKING:
    from chromadb.api.client import Client

_LOCK_TIMEOUT_S = 10.0


def client(directory: Path) -> Client:
    """Open an index with Chroma.

    :param directory: the index; it is made if it is missing.
    :raises StoreError: another program has locked it.
    """
    import chromadb
    from chromadb.config import Settings

    _check_lock(directory / "chroma.sqlite3")
    settings = Settings(anonymized_telemetry=False)
    return cast("Client", chromadb.PersistentClient(path=str(directory), settings=settings))


@contextmanager
def building(directory: Path) -> Iterator[Client]:
    """Open an index that is being built; it is closed with the block.

    :param directory: the index; it is made if it is missing.
    :raises StoreError: Chroma failed.
    """
    from chromadb.errors import ChromaError

    try:
        opened = client(directory)
        try:
            yield opened
        finally:
            opened.close()
    except ChromaError as error:
        raise StoreError(f"cannot build the search index in {directory.parent}: {error}") from error


def _check_lock(path: Path) -> None:
    """Refuse a file that another program has locked: Chroma would wait for it without end.

    :raises StoreError: it has been locked for some seconds.
    """
    if not path.is_file():
        return
    try:
        with closing(sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise StoreError(f"another program has locked the search index {path.parent}; end that program") from error
    except sqlite3.DatabaseError:  # Damaged; Chroma says how.
        return


def damaged(store_dir: Path, reason: object) -> StoreError:
    """Return the error that an index cannot be used, with what to do.

    :param store_dir: the store.
    :param reason: what Chroma reported, or what is missing.
    """
    return StoreError(f"the search index at {store_dir} is damaged ({reason}); `profilegen build` makes it again")
