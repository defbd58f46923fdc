"""The positions of users on the map: user vectors to two dimensions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from profilegen.segments.reduction import reduce_dimensions
from profilegen.vectors import Vectors

_MIN_DIST = 0.1
# UMAP of this many users takes half a minute on two cores; more are placed between these.
_MAX_UMAP_USERS = 10_000
# With so few users everybody is a neighbour of everybody, and UMAP has nothing to work with.
_MIN_UMAP_USERS = 16
_NEIGHBORS, _ROWS_AT_ONCE = 5, 2_000


def positions(vectors: Vectors, *, seed: int) -> Vectors:
    """Return the position of each user on the map, similar users near each other: UMAP (McInnes et al. 2018).

    Fewer than 16 users get their two principal components. Of more than 10,000 users a random sample is laid out by
    UMAP, and the others are placed between their nearest neighbours in it (`interpolate_positions`).

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param seed: the seed of UMAP and of the sample; the same seed gives the same positions.
    :return: (n_users, 2) float32.
    """
    if len(vectors) < 4:
        return np.stack([np.arange(len(vectors)), np.zeros(len(vectors))], axis=1).astype(np.float32)
    if len(vectors) < _MIN_UMAP_USERS:
        return _principal_components(vectors)
    if len(vectors) <= _MAX_UMAP_USERS:
        return reduce_dimensions(vectors, 2, min_dist=_MIN_DIST, seed=seed)
    sample = np.sort(np.random.default_rng(seed).choice(len(vectors), _MAX_UMAP_USERS, replace=False))
    points = reduce_dimensions(vectors[sample], 2, min_dist=_MIN_DIST, seed=seed)
    return interpolate_positions(vectors, sample, points)


def interpolate_positions(vectors: Vectors, known: NDArray[np.int64], points: Vectors) -> Vectors:
    """Place users between the five known users who are most similar to them; known users stay where they are.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param known: (n_known,) row numbers of the users whose positions are known, at least six.
    :param points: (n_known, 2) float32, their positions, in the order of `known`.
    :return: (n_users, 2) float32, the positions of all users.
    """
    placed = np.empty((len(vectors), 2), np.float32)
    placed[known] = points
    others = np.setdiff1d(np.arange(len(vectors)), known)
    known_vectors = vectors[known].T
    for start in range(0, len(others), _ROWS_AT_ONCE):
        rows = others[start : start + _ROWS_AT_ONCE]
        similarity = vectors[rows] @ known_vectors
        nearest = np.argpartition(-similarity, _NEIGHBORS, axis=1)[:, :_NEIGHBORS]
        weights = np.maximum(np.take_along_axis(similarity, nearest, axis=1), 1e-6) ** 8
        weights /= weights.sum(axis=1, keepdims=True)
        placed[rows] = np.einsum("ij,ijk->ik", weights, points[nearest])
    return placed


def _principal_components(vectors: Vectors) -> Vectors:
    left, lengths, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    return np.asarray(left[:, :2] * lengths[:2], np.float32)
