"""Chroma, opened at a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from profilegen.errors import StoreError

if TYPE_CHECKING:
    from chromadb.api.client import Client


def client(directory: Path) -> Client:
    """Open an index with Chroma.

    :param directory: the index; it is made if it is missing.
    """
    import chromadb
    from chromadb.config import Settings

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


def damaged(store_dir: Path, reason: object) -> StoreError:
    """Return the error that an index cannot be used, with what to do.

    :param store_dir: the store.
    :param reason: what Chroma reported, or what is missing.
    """
    return StoreError(f"the search index at {store_dir} is damaged ({reason}); `profilegen build` makes it again")
