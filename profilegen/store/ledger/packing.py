"""Vectors as the bytes that a ledger stores, and back; near segments from their JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from profilegen.vectors import Vectors

T = TypeVar("T")


def pack(vector: Vectors | None) -> bytes | None:
    """Return a vector as bytes.

    :param vector: (n_dims,) float32, or None.
    :return: float16, little-endian; None for None.
    :raises ValueError: the vector holds NaN or infinity.
    """
    if vector is None:
        return None
    if not np.isfinite(vector).all():
        raise ValueError("a vector holds NaN or infinity")
    return vector.astype("<f2").tobytes()


def unpack(blobs: Sequence[bytes | None], dims: int) -> Vectors:
    """Return packed vectors as one array.

    :param blobs: of `pack`; None where there is no vector.
    :param dims: how many dimensions each has.
    :return: (n_blobs, dims) float32, rows L2-normalised, zero where there is no vector.
    :raises ValueError: a vector has other dimensions, or holds NaN.
    """
    none = bytes(2 * dims)
    joined = b"".join(none if blob is None else _checked(blob, dims) for blob in blobs)
    return _normalised(joined, dims).reshape(len(blobs), dims)


def unpack_one(blob: bytes) -> Vectors:
    """Return one packed vector (n_dims,) float32, L2-normalised.

    :param blob: of `pack`.
    :raises ValueError: it is no vector, or holds NaN.
    """
    return _normalised(blob, len(blob) // 2).reshape(-1)


def unpack_named(rows: Iterable[tuple[T, bytes]]) -> tuple[list[T], Vectors]:
    """Return names and one array of their vectors.

    :param rows: (name, bytes of `pack`).
    :return: the names, and (n_rows, n_dims) float32, rows L2-normalised.
    :raises ValueError: the vectors have not all the same dimensions, or hold NaN.
    """
    names: list[T] = []
    joined = bytearray()
    dims = 0
    for name, blob in rows:
        dims = dims or len(blob) // 2
        joined += _checked(blob, dims)
        names.append(name)
    return names, _normalised(joined, dims).reshape(len(names), dims)


def unpack_near(text: str | None) -> tuple[tuple[str, float], ...]:
    """Return (segment id, weight) of the segments that a user is near to.

    :param text: a JSON list of such pairs, or None.
    :raises ValueError: it is no such list.
    """
    return tuple((str(segment_id), float(weight)) for segment_id, weight in json.loads(text or "[]"))


def _checked(blob: bytes, dims: int) -> bytes:
    if len(blob) != 2 * dims:
        raise ValueError(f"it has {len(blob)} bytes, not {2 * dims}")
    return blob


def _normalised(joined: bytes | bytearray, dims: int) -> Vectors:
    vectors = np.frombuffer(joined, "<f2").astype(np.float32).reshape(-1, max(dims, 1))
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    if not np.isfinite(lengths).all():
        raise ValueError("it holds NaN or infinity")
    vectors /= np.where(lengths > 0, lengths, 1)[:, np.newaxis]
    return vectors
