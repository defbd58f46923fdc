"""At which place the right one stands among all candidates, and what that is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.float64]

# With one right candidate, these are hit rate, reciprocal rank, and NDCG with its ideal of one.
WORTH: Mapping[str, Callable[[Places], Places]] = {
    "hit1": lambda places: (places <= 1).astype(np.float64),
    "hit10": lambda places: (places <= 10).astype(np.float64),
    "mrr": lambda places: 1 / places,
    "ndcg10": lambda places: np.where(places <= 10, 1 / np.log2(places + 1), 0.0),
}


@cache
def chance(metric: str, n_candidates: int) -> float:
    """Return the mean worth of a metric where the right candidate is equally likely to have any rank.

    :param metric: a key of `WORTH`.
    :param n_candidates: number of candidates, the right one included.
    """
    return float(WORTH[metric](np.arange(1, n_candidates + 1, dtype=np.float64)).mean())


def place(scores: npt.NDArray[np.float32], right: int) -> float:
    """Return the place of one candidate by score, from 1; those that tie share the mean of their places.

    :param scores: (n_candidates,), the higher the better.
    """
    better = np.count_nonzero(scores > scores[right])
    tied = np.count_nonzero(scores == scores[right]) - 1
    return 1 + better + tied / 2
