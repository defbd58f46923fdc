"""What an index was made from, a few bytes a row, kept beside it to tell which rows have changed since."""

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


class Made(NamedTuple):
    """What an index was made from.

    :param deleted: how many rows were deleted since it was made anew.
    :param forgotten: what `Ledger.forgotten` said when it was.
    """

    prints: Mapping[CollectionName, Fingerprints]
    deleted: int
    forgotten: str


def keep_made(directory: Path, made: Made) -> None:
    """Write into the directory of an index what it was made from."""
    arrays = {f"{name}-{part}": array for name, of in made.prints.items() for part, array in of._asdict().items()}
    np.savez(directory / _FILE, deleted=np.array(made.deleted), forgotten=np.array(made.forgotten), **arrays)


def kept_made(directory: Path) -> Made | None:
    """Return what `keep_made` wrote; None where it is missing or damaged."""
    try:
        with np.load(directory / _FILE) as kept:
            if len(kept.files) != 2 + len(Fingerprints._fields) * len(COLLECTIONS):
                return None  # It is of a version that had other collections.
            prints = {name: Fingerprints(kept[f"{name}-keys"], kept[f"{name}-hashes"]) for name in COLLECTIONS}
            return Made(prints, int(kept["deleted"]), str(kept["forgotten"]))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _hash_of(row: Row) -> int:
    said = repr((sorted(row.metadata.items()), row.document))
    return _number(row.vector.tobytes() + said.encode("utf-8", "surrogatepass"))


def _number(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
