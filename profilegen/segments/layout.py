"""User vectors to places on a plane, for the map that people look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from profilegen.segments.reduction import reduce

Vectors = NDArray[np.float32]

_MIN_DIST = 0.1
# UMAP of this many users takes half a minute on two cores; more are placed among them.
_FITTED_USERS = 10_000
# Of so few all are neighbours of all, and UMAP has nothing to go by.
_FEW_USERS = 15
_PLACED_BY, _PLACED_TOGETHER = 5, 2_000


def places(vectors: Vectors, *, seed: int) -> Vectors:
    """Return where users stand, (n_users, 2) float32, like near like, by UMAP (McInnes et al. 2018).

    Few users stand along their two principal components. Of many a sample is laid out, and the others stand between
    the five of it that are most like them.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    """
    if len(vectors) < 4:
        return np.stack([np.arange(len(vectors)), np.zeros(len(vectors))], axis=1).astype(np.float32)
    if len(vectors) <= _FEW_USERS:
        return _principal(vectors)
    if len(vectors) <= _FITTED_USERS:
        return reduce(vectors, 2, min_dist=_MIN_DIST, seed=seed)
    fitted = np.sort(np.random.default_rng(seed).choice(len(vectors), _FITTED_USERS, replace=False))
    return place(vectors, fitted, reduce(vectors[fitted], 2, min_dist=_MIN_DIST, seed=seed))


def place(vectors: Vectors, known: NDArray[np.int64], points: Vectors) -> Vectors:
    """Return where all users stand, (n_users, 2): the known ones where they do, others between the five most like them.

    :param known: the rows of the users whose places are known, at least six.
    :param points: the places of the known users, in the order of `known`.
    """
    placed = np.empty((len(vectors), 2), np.float32)
    placed[known] = points
    others = np.setdiff1d(np.arange(len(vectors)), known)
    theirs = vectors[known].T
    for start in range(0, len(others), _PLACED_TOGETHER):
        rows = others[start : start + _PLACED_TOGETHER]
        likeness = vectors[rows] @ theirs
        nearest = np.argpartition(-likeness, _PLACED_BY, axis=1)[:, :_PLACED_BY]
        weights = np.maximum(np.take_along_axis(likeness, nearest, axis=1), 1e-6) ** 8
        weights /= weights.sum(axis=1, keepdims=True)
        placed[rows] = np.einsum("ij,ijk->ik", weights, points[nearest])
    return placed


def _principal(vectors: Vectors) -> Vectors:
    left, lengths, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    return np.asarray(left[:, :2] * lengths[:2], np.float32)
