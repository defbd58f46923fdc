"""Whether the same users are clustered alike again: with other seeds, and with a part of them left out.

Segment by segment it is the measure of Hennig (2007, Cluster-wise assessment of cluster stability): the Jaccard index
of the segment with its nearest cluster in each new clustering.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from profilegen.evaluation.agreement import Codes, mean_pairwise
from profilegen.evaluation.bootstrap import statistic
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import Measured
from profilegen.segments import clustering

Mask = npt.NDArray[np.bool_]
Progress = Callable[[str, int, int], None]

SEEDS = (101, 102, 103, 104, 105)
_SHARE = 0.8


def measure(
    dataset: Dataset, *, min_cluster_size: int | None, progress: Progress
) -> tuple[list[Measured], dict[str, float]]:
    """Cluster again and return how alike the clusterings are, and the stability of each segment by its id."""
    n = len(dataset.users)
    everybody = [np.ones(n, np.bool_) for _ in SEEDS]
    parts = [_part(n, seed) for seed in SEEDS]
    again: list[Codes] = []
    for seed, present in zip((*SEEDS, *SEEDS), (*everybody, *parts), strict=True):
        progress("clusterings again", len(again), 2 * len(SEEDS))
        again.append(_clustered(dataset, present, seed, min_cluster_size))
    progress("clusterings again", 2 * len(SEEDS), 2 * len(SEEDS))
    seeds, subsamples = again[: len(SEEDS)], again[len(SEEDS) :]
    # The adjusted Rand index is 0 for unrelated clusterings.
    figures: list[Measured] = [
        statistic("segments.stability", mean_pairwise(seeds, everybody), n, chance=0),
        statistic("segments.stability.subsamples", mean_pairwise(subsamples, parts), n, chance=0),
    ]
    return figures, _by_segment(dataset, again, [*everybody, *parts])


def _part(n: int, seed: int) -> Mask:
    present = np.zeros(n, np.bool_)
    present[np.random.default_rng(seed).permutation(n)[: round(_SHARE * n)]] = True
    return present


def _clustered(dataset: Dataset, present: Mask, seed: int, min_cluster_size: int | None) -> Codes:
    """Return the cluster of each user, as a build finds it; that of those who are left out means nothing."""
    rows = np.flatnonzero(present)
    languages = [dataset.users[row].language for row in rows]
    centred = clustering.remove_language_means(dataset.user_vectors[rows], languages)
    found = np.zeros(len(present), np.int64)
    found[rows] = clustering.cluster(centred, seed=seed, min_cluster_size=min_cluster_size).labels
    return found


def _by_segment(dataset: Dataset, again: list[Codes], present: list[Mask]) -> dict[str, float]:
    segments = sorted({user.segment for user in dataset.users if user.segment})
    members = np.array([[user.segment == segment for user in dataset.users] for segment in segments])
    best = [
        _jaccard(members[:, mask], clusters[mask]).max(axis=1) for clusters, mask in zip(again, present, strict=True)
    ]
    return {segment: round(float(value), 4) for segment, value in zip(segments, np.mean(best, axis=0), strict=True)}


def _jaccard(members: Mask, clusters: Codes) -> npt.NDArray[np.float64]:
    """Return (n_segments, n_clusters): users of both by users of either."""
    inside = np.eye(int(clusters.max()) + 1)[clusters]
    shared = members.astype(np.float64) @ inside
    either = members.sum(axis=1)[:, None] + inside.sum(axis=0)[None] - shared
    return np.asarray(shared / np.maximum(either, 1))
