"""User vectors to segments: UMAP and HDBSCAN several times, then a segment for everybody that most of them agree on."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from profilegen.segments.reduction import reduce_dimensions
from profilegen.segments.user_vectors import Vectors

Labels = npt.NDArray[np.int64]

# Counted up when the same users would now be clustered otherwise, so that stores are brought up to date.
METHOD = "4"
_NEIGHBORS = 15
_COMPONENTS = 5
# So many layouts of UMAP, each from another seed, are clustered, and users who are together in half of them stay so:
# what only one shows is chance. All pairs of users are compared, so of more users there is one layout.
_LAYOUTS, _LAID_OUT_OFTEN, _TOGETHER = 12, 5_000, 0.5
# So much of the mean of all users is taken off before a layout, in turn. People of several interests are all near the
# mean, where they make one lump; to tell people of one interest apart, it is of use (`segments.*` of `evaluate`).
_MEAN_SHARES = (0.0, 0.75, 1.0)
_MEAN_SHARE = 0.75
# UMAP takes 500 rounds for so few users unless told otherwise; with 200, segments are as stable and as true.
_EPOCHS = 200
_MAX_ROUNDS = 20
# UMAP takes minutes for more users than this; the segments of a sample of so many are those of all
# (docs/performance.md has the time and the error).
_FITTED_USERS = 10_000
_ROWS_AT_ONCE = 1_000
_MIN_USERS_A_LANGUAGE = 5
_MANY_CLUSTERS, _MAX_SHARE = 8, 0.2
# Two clusters are the same segment if they share at least this much of the users of both (Jaccard index).
_SAME_SEGMENT = 0.2


@dataclass(frozen=True)
class Clusters:
    """The cluster of each user. `labels` count from 0; `confidence` is 0 to 1; `assigned` marks HDBSCAN's noise.

    Where there are several layouts, the confidence of a user is how often those of the same cluster are together with
    the user, and noise is what HDBSCAN leaves out of half of them or more.
    """

    labels: Labels
    confidence: Vectors
    assigned: npt.NDArray[np.bool_]


def default_min_cluster_size(n_users: int) -> int:
    """Return the smallest segment worth telling: about 0.4 times the square root of the users, at least 5."""
    return max(5, round(0.41 * math.sqrt(n_users)))


def cluster(vectors: Vectors, *, seed: int, min_cluster_size: int | None = None) -> Clusters:
    """Cluster users; those that HDBSCAN leaves out go to the nearest cluster, with half its confidence at most.

    UMAP to five dimensions, then HDBSCAN, is the recipe of BERTopic (Grootendorst 2022, arXiv 2203.05794). Here it is
    done with several layouts of UMAP, and what they agree on is the clustering (Fred and Jain 2005, evidence
    accumulation). The layouts differ in their seeds and in how much of the mean of all users is taken off before. In
    the end users go to the nearest centre until nobody moves (spherical k-means, Dhillon and Modha 2001). More than ten
    thousand users are clustered by a random sample of so many, and the others go with their neighbours.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    """
    smallest = min_cluster_size or default_min_cluster_size(len(vectors))
    if len(vectors) < 2 * smallest or len(vectors) < 8:
        return _one_cluster(len(vectors))
    if len(vectors) <= _FITTED_USERS:
        return _cluster_all(vectors, seed, smallest)
    sample = np.sort(np.random.default_rng(seed).permutation(len(vectors))[:_FITTED_USERS])
    # A segment is as large a share of the sample as of all.
    fitted = _cluster_all(vectors[sample], seed, max(5, round(smallest * _FITTED_USERS / len(vectors))))
    return assign_by_neighbors(vectors, sample, fitted)


def remove_language_means(vectors: Vectors, languages: Sequence[str]) -> Vectors:
    """Take out what users of a language share only for their language; with one language, nothing changes.

    A multilingual embedder puts a language's texts together whatever they are about; with the mean of each
    language taken off, users of several languages meet in the same segments.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param languages: one code a user; of those with few users the mean of everybody is taken off.
    """
    counts = Counter(languages)
    common = [language for language, count in counts.items() if count >= _MIN_USERS_A_LANGUAGE]
    if len(common) < 2:
        return vectors
    centred = vectors - vectors.mean(axis=0)
    codes = np.array(languages)
    for language in common:
        centred[codes == language] = vectors[codes == language] - vectors[codes == language].mean(axis=0)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9), np.float32)


def match_ids(new: Mapping[str, Sequence[str]], old: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return for new segment ids the old ones they go on as, by the users they share (Hungarian method).

    :param new: members by new id.
    :param old: members by old id.
    """
    from scipy.optimize import linear_sum_assignment

    if not new or not old:
        return {}
    before = {user: row for row, members in enumerate(old.values()) for user in members}
    shared = np.zeros((len(old), len(new)))
    for column, members in enumerate(new.values()):
        for user in members:
            if user in before:
                shared[before[user], column] += 1
    sizes = np.array([[len(members)] for members in old.values()]) + [len(members) for members in new.values()]
    overlap = shared / np.maximum(sizes - shared, 1)
    names = list(old), list(new)
    rows, columns = linear_sum_assignment(-overlap)
    return {
        names[1][column]: names[0][row]
        for row, column in zip(rows, columns, strict=True)
        if overlap[row, column] >= _SAME_SEGMENT
    }


def _one_cluster(n_users: int) -> Clusters:
    """Too few users, or none that are alike: they are one segment."""
    return Clusters(np.zeros(n_users, np.int64), np.full(n_users, 0.5, np.float32), np.zeros(n_users, np.bool_))


def _cluster_all(vectors: Vectors, seed: int, smallest: int) -> Clusters:
    """Cluster users by all of them."""
    seen = _subtract_mean(vectors, _MEAN_SHARE)
    if len(vectors) > _LAID_OUT_OFTEN:
        once = _cluster_layout(seen, seed, smallest)
        return replace(once, labels=_spherical_kmeans(seen, once.labels))
    views = [_subtract_mean(vectors, share) for share in _MEAN_SHARES]
    layouts = ((views[number % len(views)], (seed + 7919 * number) % 2**32) for number in range(_LAYOUTS))
    return _consensus(seen, [_cluster_layout(view, seed, smallest) for view, seed in layouts], smallest)


def _subtract_mean(vectors: Vectors, share: float) -> Vectors:
    """Return the rows with so much of their mean taken off, normalised anew."""
    rest = vectors - share * vectors.mean(axis=0)
    return np.asarray(rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-9), np.float32)


def _cluster_layout(vectors: Vectors, seed: int, smallest: int) -> Clusters:
    n_dims = min(_COMPONENTS, len(vectors) - 2)
    reduced = reduce_dimensions(vectors, n_dims, min_dist=0.0, seed=seed, n_epochs=_EPOCHS)
    labels, confidence = _density_clusters(reduced, smallest)
    if labels.max(initial=-1) < 0:
        return _one_cluster(len(vectors))
    return _assign_noise(reduced, labels, confidence)


def _consensus(vectors: Vectors, found: Sequence[Clusters], smallest: int) -> Clusters:
    """Return the clusters that most clusterings agree on, by average linkage of how often two users are apart."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    together = np.zeros((len(vectors), len(vectors)), np.float32)
    for settled in (_spherical_kmeans(vectors, one.labels) for one in found):
        together += settled[:, None] == settled
    together /= len(found)
    groups = fcluster(linkage(squareform(1 - together, checks=False), "average"), 1 - _TOGETHER, "distance")
    sizes = np.bincount(groups)
    large = np.flatnonzero(sizes >= smallest)
    if not len(large):
        return _one_cluster(len(vectors))
    labels = _spherical_kmeans(vectors, np.where(np.isin(groups, large), np.searchsorted(large, groups), -1))
    alike = np.stack([together[:, labels == label].mean(axis=1) for label in range(labels.max() + 1)], axis=1)
    confidence = np.minimum(alike[np.arange(len(labels)), labels], 1)
    assigned = np.mean([one.assigned for one in found], axis=0) >= _TOGETHER
    return Clusters(labels, np.where(assigned, np.minimum(confidence, 0.5), confidence), assigned)


def _spherical_kmeans(vectors: Vectors, labels: Labels) -> Labels:
    """Give everybody the nearest centre, the centres anew, and so on until nobody moves; -1 is nobody's before."""
    for _ in range(_MAX_ROUNDS):
        centres = np.stack([vectors[labels == label].mean(axis=0) for label in np.unique(labels[labels >= 0])])
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
        nearest = np.unique((vectors @ centres.T).argmax(axis=1), return_inverse=True)[1].astype(np.int64)
        if (nearest == labels).all():
            break
        labels = nearest
    return labels


def _density_clusters(reduced: Vectors, smallest: int) -> tuple[Labels, Vectors]:
    """Return HDBSCAN's labels (-1 for noise) and probabilities (Campello et al. 2013).

    Where there are many clusters and one of them holds more than a fifth of all users, that one is a lump of
    several that touch, and is split where the density allows. Where it does not, HDBSCAN would call the whole
    lump noise; then it stays.
    """
    labels, confidence = _hdbscan(reduced, smallest)
    sizes = np.bincount(labels[labels >= 0])
    limit = int(_MAX_SHARE * len(reduced))
    if len(sizes) < _MANY_CLUSTERS or sizes.max() <= limit:
        return labels, confidence
    split, split_confidence = _hdbscan(reduced, smallest, max_cluster_size=limit)
    parts = np.unique(split[(labels == sizes.argmax()) & (split >= 0)])
    return (split, split_confidence) if len(parts) > 1 else (labels, confidence)


def _hdbscan(reduced: Vectors, smallest: int, **settings: int) -> tuple[Labels, Vectors]:
    import hdbscan

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = hdbscan.HDBSCAN(min_cluster_size=smallest, min_samples=max(2, round(0.4 * smallest)), **settings).fit(
            reduced
        )
    return np.asarray(model.labels_, np.int64), np.asarray(model.probabilities_, np.float32)


def _assign_noise(reduced: Vectors, labels: Labels, confidence: Vectors) -> Clusters:
    """Give noise to the nearest centre; its confidence is less the nearer the second nearest is."""
    noise = labels < 0
    labels, confidence = labels.copy(), confidence.copy()
    if noise.any():
        centres = np.stack([reduced[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
        distances = np.linalg.norm(reduced[noise][:, None] - centres[None], axis=2)
        labels[noise] = distances.argmin(axis=1)
        ordered = np.sort(distances, axis=1)
        second = ordered[:, 1] if ordered.shape[1] > 1 else ordered[:, 0] + 1
        confidence[noise] = 0.5 * (1 - ordered[:, 0] / np.maximum(second, 1e-9))
    return Clusters(labels, confidence, noise)


def assign_by_neighbors(vectors: Vectors, known: npt.NDArray[np.int64], clusters: Clusters) -> Clusters:
    """Give other users the cluster of most of their nearest neighbours among the known ones, weighed by cosine.

    Their confidence is the mean of the neighbours', those of another cluster counted as none.

    :param vectors: (n_users, n_dims) unit rows.
    :param known: the rows of the users whose clusters are known, at least sixteen.
    :param clusters: of the known users, in the order of `known`.
    """
    labels = np.empty(len(vectors), np.int64)
    confidence = np.empty(len(vectors), np.float32)
    assigned = np.empty(len(vectors), np.bool_)
    labels[known], confidence[known], assigned[known] = clusters.labels, clusters.confidence, clusters.assigned
    others = np.setdiff1d(np.arange(len(vectors)), known)
    theirs = vectors[known].T
    for start in range(0, len(others), _ROWS_AT_ONCE):
        rows = others[start : start + _ROWS_AT_ONCE]
        likeness = vectors[rows] @ theirs
        nearest = np.argpartition(likeness, -_NEIGHBORS)[:, -_NEIGHBORS:]
        weights = np.maximum(np.take_along_axis(likeness, nearest, axis=1), 1e-6)
        weights /= weights.sum(axis=1, keepdims=True)
        votes = np.zeros((len(rows), clusters.labels.max() + 1), np.float32)
        np.add.at(votes, (np.arange(len(rows))[:, None], clusters.labels[nearest]), weights)
        labels[rows] = votes.argmax(axis=1)
        agreeing = weights * (clusters.labels[nearest] == labels[rows, None])
        confidence[rows] = np.minimum((agreeing * clusters.confidence[nearest]).sum(axis=1), 1)
        assigned[rows] = (weights * clusters.assigned[nearest]).sum(axis=1) > 0.5
    return Clusters(labels, confidence, assigned)
