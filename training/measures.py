"""How well verdicts tell which claims hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LABELS = ("shown", "not shown", "contradicted")
"""What a verifier says of a text and a claim, in the order of its outputs."""


class Measured(NamedTuple):
    """An example of a verifier that is measured on: its label, language and form."""

    label: int
    language: str
    form: str


def measure(scores: Array, rows: Sequence[Measured]) -> dict[str, Any]:
    """Return figures over all examples, by language and by form.

    :param scores: (n_rows, n_labels) probabilities.
    :param rows: the examples.
    """
    holds = np.array([row.label == 0 for row in rows])
    everything = binary(scores[:, 0], holds)
    threshold = everything["threshold at 5% false"]
    right = scores.argmax(1) == np.array([row.label for row in rows])
    report: dict[str, Any] = {"all": everything, "three labels right": round(float(right.mean()), 3)}
    for what in ("language", "form"):
        for value in sorted({getattr(row, what) for row in rows}):
            chosen = np.array([getattr(row, what) == value for row in rows])
            if 0 < holds[chosen].sum() < chosen.sum() and chosen.sum() >= 20:
                report[f"{what} {value}"] = binary(scores[chosen, 0], holds[chosen], threshold)
    return report


def binary(shown: Array, holds: Array, threshold: float | None = None) -> dict[str, float]:
    """Return how well the probability of `shown` tells which claims hold.

    :param shown: (n,) probabilities.
    :param holds: (n,) whether the claim holds.
    :param threshold: at which a claim stands; without one, that at which at most 5% of the false ones do.
    """
    at_5 = float(np.sort(shown[~holds])[::-1][int(0.05 * (~holds).sum())]) if (~holds).any() else 0.5
    strict = at_5 if threshold is None else threshold
    return {
        "n": len(holds),
        "right at .5": round(float(((shown > 0.5) == holds).mean()), 3),
        "false that pass at .5": round(float((shown[~holds] > 0.5).mean()), 3),
        "true that stand at .5": round(float((shown[holds] > 0.5).mean()), 3),
        "right at threshold": round(float(((shown > strict) == holds).mean()), 3),
        "false that pass at threshold": round(float((shown[~holds] > strict).mean()), 3),
        "true that stand at threshold": round(float((shown[holds] > strict).mean()), 3),
        "true that stand at 5% false of this set": round(float((shown[holds] > at_5).mean()), 3),
        "threshold at 5% false": round(strict, 4),
        "brier": round(float(((shown - holds) ** 2).mean()), 4),
    }
