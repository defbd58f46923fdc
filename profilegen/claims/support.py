"""Support: the probability that a claim is true, from the verifier's probabilities of the documents that show it.

A claim is false only if every document that seems to show it misleads: a noisy or (Pearl 1988, Probabilistic Reasoning
in Intelligent Systems, 4.3). Documents of one person, read by one model, mislead alike, so each but the best counts by
half; that half is an assumption, which the figures below check. A verifier's probabilities are taken as they are unless
a calibration is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_FURTHER_DOCUMENTS = 0.5
_MAX_SUPPORT = 0.98
_EPSILON = 1e-4


class Calibration(NamedTuple):
    """A map of probabilities: the logistic function of `slope` times their log-odds plus `intercept` (Platt 1999)."""

    slope: float = 1.0
    intercept: float = 0.0


class Bin(NamedTuple):
    """Claims of like probability: how many, their mean probability, and the share that is true."""

    n: int
    probability: float
    true: float


def support(probabilities: Sequence[float], calibration: Calibration | None = None) -> float:
    """Return the probability that a claim is true, at most 0.98, 0 without documents.

    :param probabilities: for each document, the verifier's probability that it shows the claim.
    :param calibration: of the verifier; without one, its probabilities are taken as they are.
    """
    if not probabilities:
        return 0.0
    shown = np.sort(calibrated(probabilities, calibration or Calibration()))[::-1]
    weights = np.full(len(shown), _FURTHER_DOCUMENTS)
    weights[0] = 1
    return round(min(1 - float(np.prod((1 - shown) ** weights)), _MAX_SUPPORT), 4)


def calibrated(probabilities: Sequence[float], calibration: Calibration) -> Array:
    """Return calibrated probabilities, (n,) float64.

    :param probabilities: (n,) values from 0 to 1.
    :param calibration: as of `fit_calibration`.
    """
    return np.asarray(1 / (1 + np.exp(-(calibration.slope * log_odds(probabilities) + calibration.intercept))))


def fit_calibration(probabilities: Sequence[float], true: Sequence[bool]) -> Calibration:
    """Return the calibration that makes known answers likeliest; without both kinds of answers, none.

    :param probabilities: (n,) the verifier's.
    :param true: whether each claim is true, (n,).
    """
    from sklearn.linear_model import LogisticRegression

    if len(set(true)) < 2:
        return Calibration()
    model = LogisticRegression().fit(log_odds(probabilities)[:, None], np.asarray(true, bool))
    return Calibration(float(model.coef_[0, 0]), float(model.intercept_[0]))


def brier(probabilities: Sequence[float], true: Sequence[bool]) -> float:
    """Return the mean squared error of probabilities (Brier 1950): 0 is best, 0.25 is what 0.5 for everything gives.

    :param probabilities: (n,) values from 0 to 1, at least one.
    :param true: whether each came true, (n,).
    """
    return float(np.mean((np.asarray(probabilities, float) - np.asarray(true, float)) ** 2))


def reliability(probabilities: Sequence[float], true: Sequence[bool], n_bins: int = 10) -> list[Bin]:
    """Return the points of a reliability diagram (Murphy and Winkler 1977), in bins of equal width that are not empty.

    :param probabilities: (n,) values from 0 to 1.
    :param true: whether each came true, (n,).
    :param n_bins: number of bins between 0 and 1.
    """
    values, came_true = np.asarray(probabilities, float), np.asarray(true, float)
    places = np.minimum((values * n_bins).astype(int), n_bins - 1)
    return [
        Bin(int(chosen.sum()), float(values[chosen].mean()), float(came_true[chosen].mean()))
        for chosen in (places == place for place in range(n_bins))
        if chosen.any()
    ]


def log_odds(probabilities: Sequence[float] | Array) -> Array:
    """Return the logarithms of odds, (n,) float64; a probability counts as .0001 at least and .9999 at most.

    :param probabilities: (n,) values from 0 to 1.
    """
    clipped = np.clip(np.asarray(probabilities, float), _EPSILON, 1 - _EPSILON)
    return np.asarray(np.log(clipped / (1 - clipped)))
