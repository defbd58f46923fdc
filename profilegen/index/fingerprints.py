"""What an index was made from, a few bytes a row, kept beside it to tell which rows have changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from profilegen.index.rows import COLLECTIONS, CollectionName, Row

Numbers = NDArray[np.uint64]

_FILE = "fingerprints.npz"


class Fingerprints(NamedTuple):
    """Of the rows of a collection: `keys` are hashes of ids, `hashes` of all else; (n_rows,) each."""

    keys: Numbers
    hashes: Numbers

    @classmethod
    def joined(cls, parts: Sequence[Fingerprints]) -> Fingerprints:
        """Return the fingerprints of several batches as one, in order of key."""
        keys = np.concatenate([np.zeros(0, np.uint64), *(part.keys for part in parts)])
        hashes = np.concatenate([np.zeros(0, np.uint64), *(part.hashes for part in parts)])
        order = np.argsort(keys)
        return cls(keys[order], hashes[order])

    def places(self, others: Fingerprints) -> NDArray[np.int64]:
        """Return where each of others' keys is among these, which are in order of key; -1 where it is not."""
        if not len(self.keys):
            return np.full(len(others.keys), -1)
        at = np.minimum(np.searchsorted(self.keys, others.keys), len(self.keys) - 1)
        return np.where(self.keys[at] == others.keys, at, -1)


def fingerprints_of(rows: Sequence[Row]) -> Fingerprints:
    """Return the fingerprints of rows in their order."""
    return Fingerprints(
        np.array([key_of(row.id) for row in rows], np.uint64), np.array([_hash_of(row) for row in rows], np.uint64)
    )


def key_of(row_id: str) -> int:
    """Return the key of an id."""
    return _number(row_id.encode("utf-8", "surrogatepass"))


def keep_fingerprints(directory: Path, prints: Mapping[CollectionName, Fingerprints], deleted: int) -> None:
    """Write fingerprints into the directory of an index, with how many rows were deleted since it was made anew."""
    arrays = {f"{name}-{part}": array for name, of in prints.items() for part, array in of._asdict().items()}
    np.savez(directory / _FILE, deleted=np.array(deleted), **arrays)


def kept_fingerprints(directory: Path) -> tuple[dict[CollectionName, Fingerprints], int] | None:
    """Return what `keep_fingerprints` wrote; None where it is missing or damaged."""
    try:
        with np.load(directory / _FILE) as kept:
            if len(kept.files) != 1 + len(Fingerprints._fields) * len(COLLECTIONS):
                return None  # It is of a version that had other collections.
            prints = {name: Fingerprints(kept[f"{name}-keys"], kept[f"{name}-hashes"]) for name in COLLECTIONS}
            return prints, int(kept["deleted"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _hash_of(row: Row) -> int:
    said = repr((sorted(row.metadata.items()), row.document))
    return _number(row.vector.tobytes() + said.encode("utf-8", "surrogatepass"))


def _number(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
