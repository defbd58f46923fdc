"""Hashes of the rows that an index was made from, stored in it, to find the rows that have changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from profilegen.store.index.rows import COLLECTIONS, CollectionName, Row

Numbers = NDArray[np.uint64]

_FILE = "fingerprints.npz"


class Fingerprints(NamedTuple):
    """Hashes of the rows of a collection.

    :param keys: of the ids, (n_rows,) uint64.
    :param hashes: of everything else, (n_rows,) uint64.
    """

    keys: Numbers
    hashes: Numbers

    @classmethod
    def joined(cls, parts: Sequence[Fingerprints]) -> Fingerprints:
        """Return the fingerprints of several batches as one, in order of key.

        :param parts: of the batches.
        """
        keys = np.concatenate([np.zeros(0, np.uint64), *(part.keys for part in parts)])
        hashes = np.concatenate([np.zeros(0, np.uint64), *(part.hashes for part in parts)])
        order = np.argsort(keys)
        return cls(keys[order], hashes[order])

    def places(self, others: Fingerprints) -> NDArray[np.int64]:
        """Return where keys are among these fingerprints, which must be in order of key.

        :param others: whose keys are looked for, (n_others,).
        :return: (n_others,) int64; -1 where a key is missing.
        """
        if not len(self.keys):
            return np.full(len(others.keys), -1)
        at = np.minimum(np.searchsorted(self.keys, others.keys), len(self.keys) - 1)
        return np.where(self.keys[at] == others.keys, at, -1)


def fingerprints_of(rows: Sequence[Row]) -> Fingerprints:
    """Return the fingerprints of rows in their order.

    :param rows: of one collection.
    """
    return Fingerprints(
        np.array([key_of(row.id) for row in rows], np.uint64), np.array([_hash_of(row) for row in rows], np.uint64)
    )


def key_of(row_id: str) -> int:
    """Return the key of a row.

    :param row_id: its id.
    """
    return _number(row_id.encode("utf-8", "surrogatepass"))


class IndexSource(NamedTuple):
    """What an index was made from.

    :param prints: the fingerprints of each collection, in order of key.
    :param deleted: how many rows were deleted since it was made from the ledger alone.
    :param removal_token: `Ledger.removal_token` at that time.
    """

    prints: Mapping[CollectionName, Fingerprints]
    deleted: int
    removal_token: str


def write_source(directory: Path, made: IndexSource) -> None:
    """Write into an index what it was made from.

    :param directory: of the index.
    :param made: what to write.
    """
    arrays = {f"{name}-{part}": array for name, of in made.prints.items() for part, array in of._asdict().items()}
    np.savez(directory / _FILE, deleted=np.array(made.deleted), forgotten=np.array(made.removal_token), **arrays)


def read_source(directory: Path) -> IndexSource | None:
    """Return what an index was made from; None where that is missing or damaged.

    :param directory: of the index.
    """
    try:
        with np.load(directory / _FILE) as kept:
            if len(kept.files) != 2 + len(Fingerprints._fields) * len(COLLECTIONS):
                return None  # It is of a version that had other collections.
            prints = {name: Fingerprints(kept[f"{name}-keys"], kept[f"{name}-hashes"]) for name in COLLECTIONS}
            return IndexSource(prints, int(kept["deleted"]), str(kept["forgotten"]))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _hash_of(row: Row) -> int:
    content = repr((sorted(row.metadata.items()), row.document))
    return _number(row.vector.tobytes() + content.encode("utf-8", "surrogatepass"))


def _number(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
