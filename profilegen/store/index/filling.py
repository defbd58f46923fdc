"""A child process that builds an index, or tests whether one finds its rows.

To make an index from the one before it, that one is copied, rows that changed or are gone are deleted, and new ones are
added. Chroma does not erase what it deletes, so the index is rebuilt from the ledger alone once a document or a user
was removed or a text has changed, and also when many rows have changed, since it is no slower then.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from profilegen.errors import StoreError
from profilegen.records import batches
from profilegen.store.index.building import DONE, PROGRESS, SOUND, RowProgress
from profilegen.store.index.chroma import building
from profilegen.store.index.fingerprints import (
    Fingerprints,
    IndexSource,
    fingerprints_of,
    key_of,
    read_source,
    write_source,
)
from profilegen.store.index.reading import Index, nearest_rows
from profilegen.store.index.rows import COLLECTIONS, CollectionName, Row, rows_of
from profilegen.store.ledger import Ledger, open_ledger
from profilegen.store.pointer import read_pointer

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection
    from chromadb.api.types import Metadata

T = TypeVar("T")

# Chroma takes 5,461 rows at once.
_BATCH_ROWS = 5_000
_PROBED_ROWS = 32
# An index is made from the one before up to this share of rows that differ, or were deleted since it was rebuilt;
# and up to so many rows, which are in memory meanwhile.
_MOST_CHANGED, _MOST_ROWS = 0.1, 50_000


class _Difference(NamedTuple):
    """How a collection is to change: rows to add, ids to delete of rows that changed, keys of rows that are gone."""

    added: list[Row]
    changed: list[str]
    gone: set[int]

    @property
    def size(self) -> int:
        return len(self.added) + len(self.gone)

    @property
    def outdated(self) -> int:
        return len(self.changed) + len(self.gone)


def load(ledger: Ledger, directory: Path, progress: RowProgress) -> None:
    """Fill a new index with the rows of a ledger.

    :param ledger: what to read.
    :param directory: of the index.
    :param progress: called with the rows that are done and the number of all rows.
    """
    sources = rows_of(ledger)
    total = sum(expected for expected, _ in sources.values())
    done = 0
    prints: dict[CollectionName, Fingerprints] = {}
    with building(directory) as client:
        for name in COLLECTIONS:
            expected, rows = sources[name]
            collection = client.create_collection(
                name,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine", "sync_threshold": _sync_threshold(expected)}},
            )
            parts = []
            while batch := list(islice(rows, _BATCH_ROWS)):
                _add(collection, batch)
                parts.append(fingerprints_of(batch))
                done += len(batch)
                progress(done, total)
            prints[name] = Fingerprints.joined(parts)
    write_source(directory, IndexSource(prints, 0, ledger.removal_token()))
    _settle(directory)
    progress(total, total)


def extend(ledger: Ledger, before: Path, directory: Path, progress: RowProgress) -> bool:
    """Make an index from the one before it.

    :param ledger: what the new one is to hold.
    :param before: directory of the one before.
    :param directory: of the new one.
    :param progress: called with the changed rows that are done and the number of all changed rows.
    :return: False, with nothing done, where too much has changed or removed text is to be erased.
    :raises StoreError: the one before is damaged; the caller removes what was made of it.
    """
    made = read_source(before)
    if made is None or made.removal_token != ledger.removal_token():
        return False
    differences: dict[CollectionName, _Difference] = {}
    prints: dict[CollectionName, Fingerprints] = {}
    n_rows = sum(len(prints.keys) for prints in made.prints.values())
    room = min(_MOST_ROWS, int(_MOST_CHANGED * n_rows) - made.deleted)
    for name, (_, rows) in rows_of(ledger).items():
        found = _difference(rows, made.prints[name], room)
        if found is None:
            return False
        differences[name], prints[name] = found
        room -= differences[name].size
    if differences["users"].gone:
        return False
    total = sum(difference.size for difference in differences.values())
    done = 0
    shutil.copytree(before, directory)
    with building(directory) as client:
        for name, difference in differences.items():
            _change(client, name, difference, len(prints[name].keys))
            done += difference.size
            progress(done, total)
    deleted = made.deleted + sum(difference.outdated for difference in differences.values())
    write_source(directory, IndexSource(prints, deleted, made.removal_token))
    _settle(directory)
    with building(directory) as client:
        if not all(_finds_its_rows(client.get_collection(name, embedding_function=None)) for name in COLLECTIONS):
            raise StoreError(f"{before} does not find its rows")
    return True


def _difference(rows: Iterator[Row], known: Fingerprints, room: int) -> tuple[_Difference, Fingerprints] | None:
    """Return how rows differ from those known, with their fingerprints; None if in more than `room` of them."""
    difference = _Difference([], [], set())
    parts = []
    missing = np.ones(len(known.keys), np.bool_)
    while batch := list(islice(rows, _BATCH_ROWS)):
        prints = fingerprints_of(batch)
        parts.append(prints)
        at = known.places(prints)
        here = at >= 0
        missing[at[here]] = False
        same = here.copy()
        same[here] = known.hashes[at[here]] == prints.hashes[here]
        difference.added.extend(batch[row] for row in np.flatnonzero(~same))
        difference.changed.extend(batch[row].id for row in np.flatnonzero(here & ~same))
        if len(difference.added) > room:
            return None
    difference.gone.update(map(int, known.keys[missing]))
    return None if difference.size > room else (difference, Fingerprints.joined(parts))


def _change(client: Client, name: CollectionName, difference: _Difference, n_rows: int) -> None:
    collection = client.get_collection(name, embedding_function=None)
    collection.modify(configuration={"hnsw": {"sync_threshold": _sync_threshold(n_rows)}})
    # A row is deleted and added again: to update one would keep what it no longer has of its metadata.
    outdated = difference.changed + (_ids_of(collection, difference.gone) if difference.gone else [])
    for ids in batches(outdated, _BATCH_ROWS):
        collection.delete(ids=ids)
    for rows in batches(difference.added, _BATCH_ROWS):
        _add(collection, rows)
    if collection.count() != n_rows:
        raise StoreError(f"the collection {name} has {collection.count()} rows, not {n_rows}")


def _ids_of(collection: Collection, keys: set[int]) -> list[str]:
    found: list[str] = []
    for offset in range(0, collection.count(), _BATCH_ROWS):
        ids = collection.get(limit=_BATCH_ROWS, offset=offset, include=[])["ids"]
        found += [row_id for row_id in ids if key_of(row_id) in keys]
    return found


def _add(collection: Collection, rows: Sequence[Row]) -> None:
    metadata: list[Metadata] = [{**row.metadata} for row in rows]
    collection.add(
        ids=[row.id for row in rows],
        embeddings=np.stack([row.vector for row in rows]),
        metadatas=metadata if any(metadata) else None,  # Chroma refuses empty ones.
        documents=[row.document for row in rows],
    )


def _sync_threshold(n_rows: int) -> int:
    """Return after how many rows Chroma writes them out: its whole list of ids with them, at most a hundred times."""
    return max(1_000, n_rows // 100)


def _settle(directory: Path) -> None:
    """Have Chroma write out the rows since its last sync.

    Else everyone who opens the index adds them to the graph again, and would write to it with enough of them.
    """
    with building(directory) as client:
        for name in COLLECTIONS:
            collection = client.get_collection(name, embedding_function=None)
            # Takes effect on a collection that is not loaded yet, which is why the client is a new one.
            collection.modify(configuration={"hnsw": {"sync_threshold": 2}})
            row = collection.get(limit=1, include=["embeddings"])
            if row["ids"] and row["embeddings"] is not None:
                collection.upsert(ids=row["ids"], embeddings=row["embeddings"])


def _answers(store_dir: Path) -> bool:
    """Return whether each collection finds a sample of its own rows, and users have vectors of the ledger's length."""
    with Index(store_dir) as index:
        if not all(index.ask(name, _finds_its_rows) for name in COLLECTIONS):
            return False
        sample = index.ask("users", lambda rows: rows.get(limit=1, include=["embeddings"])["embeddings"])
    with open_ledger(store_dir, read_only=True) as ledger:
        _, expected = next(ledger.iter_profile_vectors(), (None, None))
    return sample is None or expected is None or all(len(vector) == len(expected) for vector in sample)


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
    # By distance and not by id, as rows may be equal. Half of them: the search is approximate, and among thousands of
    # equal rows, such as a claim that many users share, it loses its way.
    _, distances = nearest_rows(collection, vectors, 1)
    return sum(distance < 1e-3 for nearest in distances for distance in nearest) >= 0.5 * len(vectors)


def _report_progress(done: int, total: int) -> None:
    """Print the progress for the parent; without a parent that reads it, the process ends."""
    print(PROGRESS, done, total, flush=True)


def _stand_by(store_dir: Path) -> None:
    """Report that the index finds its rows, then make the next from it if the parent names a directory."""
    if not _answers(store_dir):
        return
    print(SOUND, flush=True)
    name = sys.stdin.readline().rstrip("\n")
    before = read_pointer(store_dir)
    if not name or before is None:
        return
    with open_ledger(store_dir, read_only=True) as ledger:
        if extend(ledger, store_dir / before.directory, store_dir / name, _report_progress):
            print(DONE, flush=True)


def _build(directory: Path) -> None:
    with open_ledger(directory.parent, read_only=True) as ledger:
        load(ledger, directory, _report_progress)
    print(DONE, flush=True)


def _main(job: str, directory: Path) -> int:
    os.umask(0o077)  # What Chroma writes is for the owner of the store alone.
    try:
        if job == "build":
            _build(directory)
        else:
            _stand_by(directory)
    except StoreError as error:
        print(error, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], Path(sys.argv[2])))
