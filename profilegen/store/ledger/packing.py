"""Vectors as the bytes that a ledger stores, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


def pack(vector: Vector | None) -> bytes | None:
    """Vector (n_dims,) to bytes: float16, little-endian."""
    if vector is None:
        return None
    if not np.isfinite(vector).all():
        raise ValueError("a vector holds NaN or infinity")
    return vector.astype("<f2").tobytes()


def unpack(blobs: Sequence[bytes | None], dims: int) -> Vector:
    """Bytes to (n_blobs, dims) float32, rows L2-normalised; zero where there is no vector."""
    none = bytes(2 * dims)
    return _rows_of(b"".join(blob or none for blob in blobs), dims).reshape(len(blobs), dims)


def stored(blob: bytes) -> Vector:
    """Bytes to one vector (n_dims,) float32, L2-normalised."""
    return _rows_of(blob, len(blob) // 2).reshape(-1)


def matrix(rows: Iterator[tuple[str, bytes]]) -> tuple[list[str], Vector]:
    """(name, bytes) to the names and one array (n_rows, n_dims) float32, rows L2-normalised."""
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
