"""Clusters of users from their vectors: HDBSCAN on several UMAP layouts, and what most of these agree on."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profilegen.segments.reduction import reduce_dimensions
from profilegen.segments.resolution import Labels, alike_users, candidate_sizes, neighbors_for, separation
from profilegen.vectors import Vectors, unit_rows

# Counted up when the same users would get other clusters: the next build then clusters the users of a store again.
METHOD = "6"
_COMPONENTS = 5
# UMAP's default for so few users is 500; with 200, segments are as stable and agree with labels as well.
_EPOCHS = 200
# The consensus compares all pairs of users, so of more users than this there is one layout.
_LAYOUTS, _MAX_CONSENSUS_USERS = 12, 5_000
# Layouts by which the smallest size of a cluster is chosen.
_CHOICE_LAYOUTS = 3
# Sets of users without groups, whose mean separation real users must exceed by one standard deviation.
_ALIKE_SETS, _ALIKE_USERS = 9, 600
_MIN_USERS = 4
# Users who are in one cluster in at least this share of the layouts stay together.
_MIN_CO_ASSIGNMENT = 0.5
# Shares of the mean of all users that are subtracted before a layout, in turn. Users with several interests are all
# near the mean, where HDBSCAN sees one large cluster; between users with one interest the mean is informative.
_MEAN_SHARES = (0.0, 0.75, 1.0)
_KMEANS_MEAN_SHARE, _KMEANS_ROUNDS = 0.75, 20
# UMAP takes minutes for more users; a sample of this size has the same segments (docs/performance.md).
_SAMPLE_USERS = 10_000
_MIN_NEIGHBORS, _NEIGHBORS, _ROWS_AT_ONCE = 3, 15, 1_000
_MIN_LANGUAGE_USERS = 5
# Two clusters are the same segment if they share at least this much of the users of both (Jaccard index).
_MIN_JACCARD = 0.2


@dataclass(frozen=True)
class Clusters:
    """The cluster of each of n users.

    `labels`: (n,) int64, numbers of clusters from 0. `confidence`: (n,) float32 from 0 to 1, how often the user is in
    one cluster with the users of the same label, over all layouts; where there is one layout, HDBSCAN's membership
    probability. `assigned`: (n,) bool, true for users who are noise to HDBSCAN in half of the layouts or more.
    """

    labels: Labels
    confidence: Vectors
    assigned: npt.NDArray[np.bool_]


def cluster(vectors: Vectors, *, seed: int, min_cluster_size: int | None = None) -> Clusters:
    """Cluster users by their vectors; every user gets a cluster.

    Up to 5,000 users are clustered twelve times by UMAP to five dimensions (McInnes et al. 2018) and HDBSCAN (Campello
    et al. 2013), the recipe of BERTopic (Grootendorst 2022, arXiv 2203.05794), each time with another seed and another
    share of the mean of all users subtracted. Spherical k-means (Dhillon and Modha 2001) refines each clustering and
    assigns the noise. Users who are together in half of the clusterings form a cluster (evidence accumulation, Fred and
    Jain 2005), and k-means from these clusters gives the labels.

    The smallest size of a cluster is that of `resolution.candidate_sizes` whose clusters have the best
    `resolution.separation`, in the mean of three layouts. Users stay one cluster unless that is better by a standard
    deviation than for nine sets of made-up users without groups (`resolution.alike_users`).

    More users are clustered once. Of more than 10,000, a random sample is clustered, and the others are assigned by
    their neighbours in it.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param seed: seed of UMAP, of the sample and of the made-up users; the same seed gives the same clusters on the same
        machine.
    :param min_cluster_size: smallest cluster of HDBSCAN and of the consensus, in users; None to choose it.
    :return: one cluster for everybody if there are fewer than four users, fewer than two of the smallest clusters, or
        no groups.
    """
    if len(vectors) > _SAMPLE_USERS:
        sample = _sample(len(vectors), _SAMPLE_USERS, seed)
        # A size that is given is as large a share of the sample as of all users.
        smallest = min_cluster_size and max(_MIN_USERS, round(min_cluster_size * _SAMPLE_USERS / len(vectors)))
        return assign_by_neighbors(vectors, sample, cluster(vectors[sample], seed=seed, min_cluster_size=smallest))
    sizes = [min_cluster_size] if min_cluster_size else candidate_sizes(len(vectors))
    sizes = [size for size in sizes if len(vectors) >= max(2 * size, _MIN_USERS)]
    if not sizes or not _has_groups(vectors, min_cluster_size, seed):
        n_users = len(vectors)
        return Clusters(np.zeros(n_users, np.int64), np.full(n_users, 0.5, np.float32), np.zeros(n_users, np.bool_))
    layouts = _Layouts(vectors, seed)
    size, _ = _best_size(layouts, sizes, _CHOICE_LAYOUTS if len(vectors) <= _MAX_CONSENSUS_USERS else 1)
    return _cluster_all(layouts, size)


def assign_by_neighbors(vectors: Vectors, known: npt.NDArray[np.int64], clusters: Clusters) -> Clusters:
    """Assign users to the cluster of most of their nearest known users, votes weighted by cosine similarity.

    There are 15 votes, or fewer so that those in the smallest cluster can be a majority.
    Their confidence is the weighted mean of the neighbours' confidence, with 0 for neighbours in other clusters.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param known: (n_known,) row numbers of the users whose clusters are known, at least three.
    :param clusters: the clusters of the known users, in the order of `known`.
    :return: the clusters of all users; those of the known users are unchanged.
    """
    labels = np.empty(len(vectors), np.int64)
    confidence = np.empty(len(vectors), np.float32)
    assigned = np.empty(len(vectors), np.bool_)
    labels[known], confidence[known], assigned[known] = clusters.labels, clusters.confidence, clusters.assigned
    others = np.setdiff1d(np.arange(len(vectors)), known)
    known_vectors = vectors[known].T
    n_votes = min(_NEIGHBORS, max(2 * int(np.bincount(clusters.labels).min()) - 1, _MIN_NEIGHBORS))
    for start in range(0, len(others), _ROWS_AT_ONCE):
        rows = others[start : start + _ROWS_AT_ONCE]
        similarity = vectors[rows] @ known_vectors
        nearest = np.argpartition(similarity, -n_votes)[:, -n_votes:]
        weights = np.maximum(np.take_along_axis(similarity, nearest, axis=1), 1e-6)
        weights /= weights.sum(axis=1, keepdims=True)
        votes = np.zeros((len(rows), clusters.labels.max() + 1), np.float32)
        np.add.at(votes, (np.arange(len(rows))[:, None], clusters.labels[nearest]), weights)
        labels[rows] = votes.argmax(axis=1)
        agreeing = weights * (clusters.labels[nearest] == labels[rows, None])
        confidence[rows] = np.minimum((agreeing * clusters.confidence[nearest]).sum(axis=1), 1)
        assigned[rows] = (weights * clusters.assigned[nearest]).sum(axis=1) > 0.5
    return Clusters(labels, confidence, assigned)


def remove_language_means(vectors: Vectors, languages: Sequence[str]) -> Vectors:
    """Subtract from each user the mean vector of the user's language, so that users are compared by topic.

    A multilingual embedder puts the texts of one language near each other whatever they are about. Nothing changes
    unless two languages or more have five users each; from users of rarer languages the mean of all is subtracted.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param languages: language code of each user.
    :return: (n_users, n_dims) float32, rows L2-normalised.
    """
    counts = Counter(languages)
    common = [language for language, count in counts.items() if count >= _MIN_LANGUAGE_USERS]
    if len(common) < 2:
        return vectors
    centred = vectors - vectors.mean(axis=0)
    codes = np.array(languages)
    for language in common:
        centred[codes == language] = vectors[codes == language] - vectors[codes == language].mean(axis=0)
    return unit_rows(centred)


def match_ids(new: Mapping[str, Sequence[str]], old: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Match new segments to the old ones they continue, by shared users (Hungarian method, Kuhn 1955).

    :param new: user ids of the members by new segment id.
    :param old: user ids of the members by old segment id.
    :return: old segment id by new segment id, for pairs with a Jaccard index of 0.2 or more.
    """
    from scipy.optimize import linear_sum_assignment

    if not new or not old:
        return {}
    old_row = {user: row for row, members in enumerate(old.values()) for user in members}
    shared = np.zeros((len(old), len(new)))
    for column, members in enumerate(new.values()):
        for user in members:
            if user in old_row:
                shared[old_row[user], column] += 1
    sizes = np.array([[len(members)] for members in old.values()]) + [len(members) for members in new.values()]
    jaccard = shared / np.maximum(sizes - shared, 1)
    old_ids, new_ids = list(old), list(new)
    rows, columns = linear_sum_assignment(-jaccard)
    return {
        new_ids[column]: old_ids[row]
        for row, column in zip(rows, columns, strict=True)
        if jaccard[row, column] >= _MIN_JACCARD
    }


class _Layouts:
    """UMAP layouts of the same users, each made when it is first asked for.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param seed: seed of the first layout; the others have seeds of their own.
    """

    def __init__(self, vectors: Vectors, seed: int) -> None:
        self.vectors, self.seed = vectors, seed
        self.centred = _subtract_mean(vectors, _KMEANS_MEAN_SHARE)
        self._made: dict[tuple[int, int], Vectors] = {}

    def labels(self, number: int, size: int) -> tuple[Labels, Vectors]:
        """Return HDBSCAN's labels, -1 for noise, and membership probabilities on one layout.

        :param number: number of the layout, from 0.
        :param size: smallest size of a cluster.
        """
        key = number, neighbors_for(size)
        if key not in self._made:
            view = _subtract_mean(self.vectors, _MEAN_SHARES[number % len(_MEAN_SHARES)])
            self._made[key] = _layout(view, (self.seed + 7919 * number) % 2**32, key[1])
        return _hdbscan(self._made[key], size)


def _has_groups(vectors: Vectors, min_cluster_size: int | None, seed: int) -> bool:
    """Return whether users are divided better than each of several sets of users without groups."""
    random = np.random.default_rng(seed)
    users = vectors[_sample(len(vectors), _ALIKE_USERS, seed)]
    smallest = min_cluster_size and max(2, round(min_cluster_size * len(users) / len(vectors)))
    sizes = [smallest] if smallest else candidate_sizes(len(users))
    _, best = _best_size(_Layouts(users, seed), sizes, 1)
    alike = [_best_size(_Layouts(alike_users(users, random), seed), sizes, 1)[1] for _ in range(_ALIKE_SETS)]
    return bool(best > np.mean(alike) + np.std(alike))


def _best_size(layouts: _Layouts, sizes: Sequence[int], n_layouts: int) -> tuple[int, float]:
    """Return the smallest size of a cluster with the best separation, and that."""
    whole = _subtract_mean(layouts.vectors, 1.0)

    def score(size: int) -> float:
        found = (layouts.labels(number, size)[0] for number in range(n_layouts))
        return float(np.mean([separation(whole, _spherical_kmeans(layouts.centred, labels)) for labels in found]))

    scores = [score(size) for size in sizes]
    best = int(np.argmax(scores))
    return sizes[best], scores[best]


def _cluster_all(layouts: _Layouts, size: int) -> Clusters:
    """Cluster on twelve layouts and take the consensus; of many users, cluster on one layout."""
    n_users = len(layouts.vectors)
    if n_users > _MAX_CONSENSUS_USERS:
        labels, probabilities = layouts.labels(0, size)
        return Clusters(_spherical_kmeans(layouts.centred, labels), probabilities, labels < 0)
    co_assignment = np.zeros((n_users, n_users), np.float32)
    noise = np.zeros(n_users, np.int64)
    for number in range(_LAYOUTS):
        labels, _ = layouts.labels(number, size)
        noise += labels < 0
        labels = _spherical_kmeans(layouts.centred, labels)
        co_assignment += labels[:, None] == labels
    co_assignment /= _LAYOUTS
    labels = _spherical_kmeans(layouts.centred, _consensus(co_assignment, size))
    return Clusters(labels, _mean_co_assignment(co_assignment, labels), noise >= _LAYOUTS / 2)


def _layout(vectors: Vectors, seed: int, n_neighbors: int) -> Vectors:
    n_dims = min(_COMPONENTS, len(vectors) - 2)
    return reduce_dimensions(vectors, n_dims, min_dist=0.0, seed=seed, n_neighbors=n_neighbors, n_epochs=_EPOCHS)


def _sample(n_users: int, size: int, seed: int) -> npt.NDArray[np.int64]:
    """Return so many row numbers drawn at random, in order; all where there are no more."""
    return np.sort(np.random.default_rng(seed).permutation(n_users)[:size])


def _hdbscan(layout: Vectors, smallest: int) -> tuple[Labels, Vectors]:
    """Return HDBSCAN's labels, -1 for noise, and membership probabilities, 0 for noise."""
    import hdbscan

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = hdbscan.HDBSCAN(min_cluster_size=smallest, min_samples=max(2, round(0.4 * smallest))).fit(layout)
    return np.asarray(model.labels_, np.int64), np.asarray(model.probabilities_, np.float32)


def _consensus(co_assignment: Vectors, smallest: int) -> Labels:
    """Group users by average linkage of how often they are apart; users in groups smaller than `smallest` get -1.

    :param co_assignment: (n_users, n_users) share of the clusterings in which two users are together.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    tree = linkage(squareform(1 - co_assignment, checks=False), "average")
    groups = fcluster(tree, 1 - _MIN_CO_ASSIGNMENT, "distance")
    large = np.flatnonzero(np.bincount(groups) >= smallest)
    return np.where(np.isin(groups, large), np.searchsorted(large, groups), -1)


def _mean_co_assignment(co_assignment: Vectors, labels: Labels) -> Vectors:
    """Return for each user the mean co-assignment with the users of the same label."""
    means = np.stack([co_assignment[:, labels == label].mean(axis=1) for label in range(labels.max() + 1)], axis=1)
    return np.asarray(np.minimum(means[np.arange(len(labels)), labels], 1), np.float32)


def _spherical_kmeans(vectors: Vectors, labels: Labels) -> Labels:
    """Assign users to the nearest centre and compute the centres again until nobody moves.

    :param labels: the clusters to begin with; users with -1 belong to no centre yet. If all do, all get one label.
    """
    if labels.max() < 0:
        return np.zeros_like(labels)
    for _ in range(_KMEANS_ROUNDS):
        means = [vectors[labels == label].mean(axis=0) for label in np.unique(labels[labels >= 0])]
        centres = unit_rows(np.stack(means))
        nearest = np.unique((vectors @ centres.T).argmax(axis=1), return_inverse=True)[1].astype(np.int64)
        if (nearest == labels).all():
            break
        labels = nearest
    return labels


def _subtract_mean(vectors: Vectors, share: float) -> Vectors:
    """Return the rows with a share of their mean subtracted, L2-normalised."""
    return unit_rows(vectors - share * vectors.mean(axis=0))
