"""Groups of segments, where there are many: one or two levels above the segments."""

from __future__ import annotations

import numpy as np

from profilegen.segments.resolution import Labels, separation
from profilegen.vectors import Vectors, unit_rows

# So many segments can be overlooked at once; above that there are groups of them.
_MAX_UNGROUPED = 10
_MAX_LEVELS = 2
_MIN_GROUPS, _SEGMENTS_PER_GROUP = 3, 3


def group_segments(vectors: Vectors, labels: Labels) -> list[Labels]:
    """Group segments whose centres are near each other, and those groups again while there are more than ten.

    Centres are merged by Ward's method (Ward 1963). Of three groups to one for three segments, those are taken that
    divide the users best (`resolution.separation`).

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param labels: (n_users,) segment of each user, all numbers from 0.
    :return: for each level, the largest groups first, the (n_segments,) number of each segment's group; empty for ten
        segments or fewer.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    group_of = np.arange(labels.max(initial=-1) + 1)
    levels: list[Labels] = []
    if len(group_of) <= _MAX_UNGROUPED:
        return levels
    centred = unit_rows(vectors - vectors.mean(axis=0))
    while group_of.max() >= _MAX_UNGROUPED and len(levels) < _MAX_LEVELS:
        tree = linkage(_centres(centred, group_of[labels]), "ward")
        most = (group_of.max() + 1) // _SEGMENTS_PER_GROUP
        cuts = [fcluster(tree, number, "maxclust") - 1 for number in range(_MIN_GROUPS, most + 1)]
        best = max(cuts, key=lambda cut: separation(centred, cut[group_of[labels]]))
        group_of = best[group_of].astype(np.int64)
        levels.insert(0, group_of)
    return levels


def nearest_segments(vectors: Vectors, labels: Labels, number: int = 2) -> tuple[Labels, Vectors]:
    """Return the segments that each user is nearest to after the own one, with weights.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param labels: (n_users,) segment of each user, all numbers from 0.
    :param number: number of segments for each user.
    :return: (n_users, number) segments, the nearest first, and (n_users, number) float32 weights from 0 to 1: the
        cosine of user and centre, divided by that with the own centre, the mean of all users subtracted. Fewer columns
        where there are fewer other segments.
    """
    centred = unit_rows(vectors - vectors.mean(axis=0))
    likeness = centred @ _centres(centred, labels).T
    own = np.take_along_axis(likeness, labels[:, None], axis=1)
    np.put_along_axis(likeness, labels[:, None], -np.inf, axis=1)
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : min(number, likeness.shape[1] - 1)]
    weights = np.take_along_axis(likeness, nearest, axis=1) / np.maximum(own, 1e-6)
    return nearest, np.asarray(weights.clip(0, 1), np.float32)


def _centres(vectors: Vectors, labels: Labels) -> Vectors:
    sums = np.zeros((labels.max(initial=-1) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    return unit_rows(sums)
