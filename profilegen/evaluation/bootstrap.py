"""Values with their 95% bootstrap interval: percentiles over 1,000 resamples of the users (Efron 1979).

A resample is a row of weights: how many times each user was drawn. The seed is fixed, so figures over the same users
share their resamples, and the difference of two figures is resampled in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from profilegen.evaluation.figures import Figure, LeftOut, Measured

Array = npt.NDArray[np.float64]

_RESAMPLES = 1_000
_RESAMPLES_PER_BATCH = 100
_SEED = 20_240
_BOUNDS = (2.5, 97.5)


def share(
    name: str,
    parts: npt.ArrayLike,
    wholes: npt.ArrayLike,
    *,
    reason: str,
    unit: str = "users",
    chance: float | None = None,
    plain: float | None = None,
) -> Measured:
    """Return the sum of parts divided by the sum of wholes, with its interval.

    :param name: name of the figure.
    :param parts: (n_users,) numerators, one a user.
    :param wholes: (n_users,) denominators; users whose denominator is 0 are left out.
    :param reason: why there is no such figure, for the case that every denominator is 0.
    :param unit: what is resampled, in the plural.
    :param chance: the value with users exchanged, if that changes it.
    :param plain: the value of a plain method, if there is one.
    """
    counted = np.asarray(wholes, np.float64)
    summed = np.asarray(parts, np.float64)[counted > 0]
    counted = counted[counted > 0]
    if not len(counted):
        return LeftOut(name=name, reason=reason)
    return statistic(
        name,
        lambda weights: (weights @ summed) / (weights @ counted),
        len(counted),
        unit=unit,
        chance=chance,
        plain=plain,
    )


def statistic(
    name: str,
    value: Callable[[Array], Array],
    n: int,
    *,
    unit: str = "users",
    known: float | None = None,
    chance: float | None = None,
    plain: float | None = None,
) -> Figure:
    """Return the value of a statistic over users, with its interval.

    :param name: name of the figure.
    :param value: function from weights, (n_resamples, n), to values, (n_resamples,); NaN where a resample has none.
    :param n: number of users.
    :param unit: what is resampled, in the plural.
    :param known: the value for all users, where a library has computed it already.
    :param chance: the value with users exchanged, if that changes it.
    :param plain: the value of a plain method, if there is one.
    """
    drawn = np.concatenate([value(weights) for weights in _resamples(n)])
    whole = float(value(np.ones((1, n)))[0]) if known is None else known
    low, high = np.nanpercentile(drawn, _BOUNDS) if not np.isnan(drawn).all() else (whole, whole)
    return Figure(
        name=name,
        value=_rounded(whole),
        low=_rounded(low),
        high=_rounded(high),
        n=n,
        unit=unit,
        chance=None if chance is None else _rounded(chance),
        plain=None if plain is None else _rounded(plain),
    )


def _resamples(n: int) -> Iterator[Array]:
    random = np.random.default_rng(_SEED)
    for _ in range(0, _RESAMPLES, _RESAMPLES_PER_BATCH):
        yield random.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES_PER_BATCH).astype(np.float64)


def _rounded(value: float) -> float:
    return round(float(value), 4) + 0.0  # -0.0 becomes 0.0
