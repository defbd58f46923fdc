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
    """Open the collections at a directory, or make it."""
    import chromadb
    from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False)
    return cast("Client", chromadb.PersistentClient(path=str(directory), settings=settings))


@contextmanager
def building(directory: Path) -> Iterator[Client]:
    """Open what is being built, and close it with the block.

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
    """Say that an index cannot be used, and what to do."""
    return StoreError(f"the search index at {store_dir} is damaged ({reason}); `profilegen build` makes it again")
