"""The rank of the right candidate among all, and metrics of that rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

Ranks = npt.NDArray[np.float64]

# With one right candidate, these are hit rate, reciprocal rank, and NDCG, whose ideal is 1.
METRICS: Mapping[str, Callable[[Ranks], Ranks]] = {
    "hit1": lambda ranks: (ranks <= 1).astype(np.float64),
    "hit10": lambda ranks: (ranks <= 10).astype(np.float64),
    "mrr": lambda ranks: 1 / ranks,
    "ndcg10": lambda ranks: np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0.0),
}


def rank_of(scores: npt.NDArray[np.floating], right: int) -> float:
    """Return the rank of one candidate by score, from 1; candidates that tie share the mean of their ranks.

    :param scores: (n_candidates,) scores, the higher the better.
    :param right: index of the candidate.
    """
    better = np.count_nonzero(scores > scores[right])
    tied = np.count_nonzero(scores == scores[right]) - 1
    return 1 + better + tied / 2


@cache
def chance(metric: str, n_candidates: int) -> float:
    """Return the mean of a metric where the right candidate is equally likely to have any rank.

    :param metric: a key of `METRICS`.
    :param n_candidates: number of candidates, the right one included.
    """
    return float(METRICS[metric](np.arange(1, n_candidates + 1, dtype=np.float64)).mean())
