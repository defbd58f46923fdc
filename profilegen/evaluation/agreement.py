"""How far two clusterings of the same users agree, for many weightings of the users at once.

scikit-learn's metrics take no weights; these give the same values for weights of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def codes(names: Sequence[Any]) -> Codes:
    """Return the names as numbers counted from 0.

    :param names: (n_users,) hashable names.
    """
    return np.asarray(np.unique(np.asarray(names), return_inverse=True)[1], np.int64)


class Tables:
    """The contingency tables of labels and clusters, one for each weighting of the users; empty cells are left out.

    :param truth: (n_users,) label of each user, counted from 0.
    :param clusters: (n_users,) cluster of each user, counted from 0.
    """

    def __init__(self, truth: Codes, clusters: Codes) -> None:
        self._truth, self._clusters = _one_hot(truth), _one_hot(clusters)
        # Ordered by cluster, so that the cells of one cluster are adjacent.
        cells, cell_of = np.unique(clusters * (truth.max() + 1) + truth, return_inverse=True)
        self._cells = _one_hot(cell_of)
        self._starts = np.unique(cells // (truth.max() + 1), return_index=True)[1]

    def nmi(self, weights: Array) -> Array:
        """Return normalised mutual information by the arithmetic mean of the entropies, which is V-measure too.

        :param weights: (n_weightings, n_users) weight of each user.
        :return: (n_weightings,) values.
        """
        n = weights.sum(axis=1)
        rows, columns, cells = (_n_log_n(weights @ side) / n for side in (self._truth, self._clusters, self._cells))
        entropies = (np.log(n) - rows) + (np.log(n) - columns)
        information = np.log(n) + cells - rows - columns
        return np.asarray(np.where(entropies > 1e-12, 2 * information / np.maximum(entropies, 1e-12), 1.0))

    def ari(self, weights: Array) -> Array:
        """Return the adjusted Rand index (Hubert and Arabie 1985).

        :param weights: (n_weightings, n_users) weight of each user.
        :return: (n_weightings,) values.
        """
        rows, columns, cells = (_pairs(weights @ side) for side in (self._truth, self._clusters, self._cells))
        n = weights.sum(axis=1)
        expected = rows * columns / np.maximum(n * (n - 1) / 2, 1)
        largest = (rows + columns) / 2
        return np.asarray(np.where(largest > expected, (cells - expected) / np.maximum(largest - expected, 1e-12), 1.0))

    def purity(self, weights: Array) -> Array:
        """Return the share of users who have the most frequent label of their cluster.

        :param weights: (n_weightings, n_users) weight of each user.
        :return: (n_weightings,) values.
        """
        largest = np.maximum.reduceat(weights @ self._cells, self._starts, axis=1)
        return np.asarray(largest.sum(axis=1) / weights.sum(axis=1))


def mean_pairwise(clusterings: Sequence[Codes], present: Sequence[npt.NDArray[np.bool_]]) -> Callable[[Array], Array]:
    """Return a function from weights to the mean adjusted Rand index of all pairs of clusterings.

    :param clusterings: each (n_users,), cluster of each user, counted from 0.
    :param present: each (n_users,), whether the user takes part; a pair is compared over the users of both.
    :return: function from (n_weightings, n_users) weights to (n_weightings,) values.
    """
    pairs = []
    for first in range(len(clusterings)):
        for second in range(first):
            both = present[first] & present[second]
            pairs.append((both, Tables(clusterings[first][both], clusterings[second][both])))

    def value(weights: Array) -> Array:
        return np.asarray(np.mean([tables.ari(weights[:, both]) for both, tables in pairs], axis=0))

    return value


def _one_hot(numbers: Codes) -> Any:
    """Return (n_users, n_numbers), sparse."""
    from scipy.sparse import csr_array

    users = np.arange(len(numbers))
    return csr_array((np.ones(len(numbers)), (users, numbers)), shape=(len(numbers), int(numbers.max()) + 1))


def _n_log_n(counts: Array) -> Array:
    return np.asarray((counts * np.log(np.maximum(counts, 1))).sum(axis=1))


def _pairs(counts: Array) -> Array:
    return np.asarray((counts * (counts - 1) / 2).sum(axis=1))
