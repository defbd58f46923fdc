"""Vectors as arrays of float32, and how they are scaled to length 1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
"""One vector, (n_dims,), or several, (n_rows, n_dims)."""

_MIN_NORM = 1e-9


def unit(vector: Vectors) -> Vectors:
    """Return a vector L2-normalised; one of zeros stays as it is.

    :param vector: (n_dims,).
    :return: (n_dims,) float32.
    """
    return np.asarray(vector / max(float(np.linalg.norm(vector)), _MIN_NORM), np.float32)


def unit_rows(vectors: Vectors) -> Vectors:
    """Return vectors L2-normalised along the last axis; those of zeros stay as they are.

    :param vectors: (n_rows, n_dims), or (n_dims,).
    :return: the same shape, float32.
    """
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _MIN_NORM), np.float32)
