"""How fine a clustering should be, judged by the vectors alone: the sizes to try, and a score to choose by."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from profilegen.vectors import Vectors, unit_rows

Labels = npt.NDArray[np.int64]

_MIN_SIZE = 2
_SPARSEST, _DENSEST = 1 / 6, 2.0
_MIN_NEIGHBORS, _MAX_NEIGHBORS = 4, 15
_MIN_VARIANCE = 1e-9


def candidate_sizes(n_users: int) -> list[int]:
    """Return the smallest sizes of a cluster to try: from a sixth of the square root of the users to twice that root.

    Each is 1.4 times the one before. None is under two, or more than a third of the users (half of fewer than six).

    :param n_users: number of users to be clustered.
    """
    root = math.sqrt(n_users)
    smallest = max(_MIN_SIZE, _SPARSEST * root)
    largest = min(_DENSEST * root, max(n_users / 3, min(_MIN_SIZE, n_users / 2)))
    steps = math.floor(2 * math.log2(largest / smallest) + 1e-9) + 1 if largest >= smallest else 0
    return sorted({round(smallest * 2 ** (step / 2)) for step in range(steps)})


def neighbors_for(size: int) -> int:
    """Return the number of neighbours that UMAP looks at: twice the smallest cluster, from 4 to 15.

    With more neighbours than a cluster has users, UMAP draws it together with others.

    :param size: smallest size of a cluster, in users.
    """
    return min(max(2 * size, _MIN_NEIGHBORS), _MAX_NEIGHBORS)


def separation(vectors: Vectors, labels: Labels) -> float:
    """Return how well labels divide users: mean silhouette times variance explained for users left out.

    The silhouette (Rousseeuw 1987, cosine distance) asks for clusters that are apart and favours few; the share of
    variance that the mean of the *other* members of a user's cluster explains asks for clusters that say much of their
    members, and falls when they get so small that their mean is an accident. Neither needs to know the number of
    clusters, and one cluster has 0.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised after the mean of all was subtracted.
    :param labels: (n_users,) numbers of clusters from 0.
    :return: 0 to 1; 0 where one of the two is negative.
    """
    sizes = np.bincount(labels)
    if len(sizes) < 2:
        return 0.0
    sums = np.stack([vectors[labels == label].sum(axis=0, dtype=np.float64) for label in range(len(sizes))])
    products = vectors @ sums.T
    own = np.take_along_axis(products, labels[:, None], axis=1)[:, 0]
    in_company = sizes[labels] > 1
    others = np.maximum(sizes[labels] - 1, 1)
    explained = _explained(vectors, sums, labels)
    # Rows have length 1, so the mean cosine with a cluster is the product with its mean.
    inside = 1 - (own - 1) / others
    means = products / sizes
    np.put_along_axis(means, labels[:, None], -np.inf, axis=1)
    nearest = 1 - means.max(axis=1)
    silhouette = (nearest - inside) / np.maximum(np.maximum(nearest, inside), _MIN_VARIANCE)
    return max(float(np.where(in_company, silhouette, 0).mean()), 0.0) * max(explained, 0.0)


def alike_users(vectors: Vectors, random: np.random.Generator) -> Vectors:
    """Return made-up users without groups: a normal distribution with the mean and covariance of real users.

    :param vectors: (n_users, n_dims) float32, rows L2-normalised.
    :param random: source of the numbers.
    :return: (n_users, n_dims) float32, rows L2-normalised.
    """
    mean = vectors.mean(axis=0)
    # A normal mixture of the centred rows has their covariance, whatever its rank.
    mixed = random.normal(size=(len(vectors), len(vectors))) @ (vectors - mean) / math.sqrt(len(vectors))
    return unit_rows(np.asarray(mean + mixed, np.float32))


def _explained(vectors: Vectors, sums: npt.NDArray[np.float64], labels: Labels) -> float:
    """Return the share of variance that the mean of a user's cluster explains, the user left out of every mean.

    Of a user who is alone in a cluster, nothing is explained.
    """
    n_users, sizes = len(vectors), np.bincount(labels)[labels]
    # The distance to the mean of the others is that to the mean of all members, times size / (size - 1).
    within = ((vectors - (sums / np.bincount(labels)[:, None])[labels]) ** 2).sum(axis=1)
    within *= (sizes / np.maximum(sizes - 1, 1)) ** 2
    overall = ((vectors - vectors.mean(axis=0)) ** 2).sum(axis=1) * (n_users / (n_users - 1)) ** 2
    if overall.sum() < _MIN_VARIANCE:
        return 0.0
    return float(1 - np.where(sizes > 1, within, overall).sum() / overall.sum())
