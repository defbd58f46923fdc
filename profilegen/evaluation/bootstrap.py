"""Values with their 95% bootstrap interval: percentiles over 1,000 resamples of the users (Efron 1979).

A resample is a row of weights: how many times each user was drawn. The seed is fixed, so that figures over the same
users are resampled alike, and a difference of two is resampled in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from profilegen.evaluation.figures import Figure, LeftOut, Measured

Array = npt.NDArray[np.float64]

_RESAMPLES = 1_000
_TOGETHER = 100
_SEED = 20_240
_BOUNDS = (2.5, 97.5)


def share(name: str, parts: npt.ArrayLike, wholes: npt.ArrayLike, *, reason: str, unit: str = "users") -> Measured:
    """Return sum of parts by sum of wholes, one of each a user; users without a whole do not count.

    :param reason: why there is no such figure, should no user count.
    """
    counted = np.asarray(wholes, np.float64)
    told = np.asarray(parts, np.float64)[counted > 0]
    counted = counted[counted > 0]
    if not len(counted):
        return LeftOut(name=name, reason=reason)
    return statistic(name, lambda weights: (weights @ told) / (weights @ counted), len(counted), unit=unit)


def statistic(
    name: str, value: Callable[[Array], Array], n: int, *, known: float | None = None, unit: str = "users"
) -> Figure:
    """Return the value of a statistic with its interval.

    :param value: (n_resamples, n) weights to (n_resamples,) values.
    :param known: the value for all, where a library has given it.
    """
    drawn = np.concatenate([value(weights) for weights in _resamples(n)])
    low, high = np.nanpercentile(drawn, _BOUNDS)
    whole = float(value(np.ones((1, n)))[0]) if known is None else known
    return Figure(name=name, value=_rounded(whole), low=_rounded(low), high=_rounded(high), n=n, unit=unit)


def _resamples(n: int) -> Iterator[Array]:
    random = np.random.default_rng(_SEED)
    for _ in range(0, _RESAMPLES, _TOGETHER):
        yield random.multinomial(n, np.full(n, 1 / n), size=_TOGETHER).astype(np.float64)


def _rounded(value: float) -> float:
    return round(float(value), 4)
