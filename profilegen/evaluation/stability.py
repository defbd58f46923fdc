"""Whether another clustering gives the same segments: with other seeds, and with a part of the users left out.

The stability of one segment is the measure of Hennig (2007, Cluster-wise assessment of cluster stability): the Jaccard
index of the segment with its most similar cluster in each new clustering, averaged.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from profilegen.backends import Progress
from profilegen.evaluation.agreement import Codes, mean_pairwise
from profilegen.evaluation.bootstrap import statistic
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import Measured
from profilegen.segments import clustering

Mask = npt.NDArray[np.bool_]

SEEDS = (101, 102, 103, 104, 105)
_SUBSAMPLE_SHARE = 0.8


def measure(
    dataset: Dataset, *, min_cluster_size: int | None, progress: Progress
) -> tuple[list[Measured], dict[str, float]]:
    """Cluster the users ten times; return how similar the clusterings are, and the stability of each segment by its id.

    :param dataset: the store.
    :param min_cluster_size: smallest segment, in users; None for the default of a build.
    :param progress: called with the stage, the number of clusterings done and their total.
    """
    n = len(dataset.users)
    everybody = [np.ones(n, np.bool_) for _ in SEEDS]
    subsamples = [_subsample(n, seed) for seed in SEEDS]
    clusterings: list[Codes] = []
    for seed, present in zip((*SEEDS, *SEEDS), (*everybody, *subsamples), strict=True):
        progress("clustering", len(clusterings), 2 * len(SEEDS))
        clusterings.append(_cluster(dataset, present, seed, min_cluster_size))
    progress("clustering", 2 * len(SEEDS), 2 * len(SEEDS))
    of_all, of_subsamples = clusterings[: len(SEEDS)], clusterings[len(SEEDS) :]
    # The adjusted Rand index is 0 for unrelated clusterings.
    figures: list[Measured] = [
        statistic("segments.stability", mean_pairwise(of_all, everybody), n, chance=0),
        statistic("segments.stability.subsamples", mean_pairwise(of_subsamples, subsamples), n, chance=0),
    ]
    return figures, _by_segment(dataset, clusterings, [*everybody, *subsamples])


def _subsample(n: int, seed: int) -> Mask:
    present = np.zeros(n, np.bool_)
    present[np.random.default_rng(seed).permutation(n)[: round(_SUBSAMPLE_SHARE * n)]] = True
    return present


def _cluster(dataset: Dataset, present: Mask, seed: int, min_cluster_size: int | None) -> Codes:
    """Return the cluster of each user as a build finds it; 0 for users who are not present."""
    rows = np.flatnonzero(present)
    languages = [dataset.users[row].language for row in rows]
    centred = clustering.remove_language_means(dataset.user_vectors[rows], languages)
    clusters = np.zeros(len(present), np.int64)
    clusters[rows] = clustering.cluster(centred, seed=seed, min_cluster_size=min_cluster_size).labels
    return clusters


def _by_segment(dataset: Dataset, clusterings: list[Codes], present: list[Mask]) -> dict[str, float]:
    segments = sorted({user.segment for user in dataset.users if user.segment})
    members = np.array([[user.segment == segment for user in dataset.users] for segment in segments])
    best = [
        _jaccard(members[:, mask], clusters[mask]).max(axis=1)
        for clusters, mask in zip(clusterings, present, strict=True)
    ]
    return {segment: round(float(value), 4) for segment, value in zip(segments, np.mean(best, axis=0), strict=True)}


def _jaccard(members: Mask, clusters: Codes) -> npt.NDArray[np.float64]:
    """Return (n_segments, n_clusters): users of both divided by users of either."""
    one_hot = np.eye(int(clusters.max()) + 1)[clusters]
    shared = members.astype(np.float64) @ one_hot
    either = members.sum(axis=1)[:, None] + one_hot.sum(axis=0)[None] - shared
    return np.asarray(shared / np.maximum(either, 1))
