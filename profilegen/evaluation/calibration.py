"""Whether support is the probability that a claim is true: Brier score and reliability (Brier 1950)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from profilegen.evaluation.bootstrap import share, statistic
from profilegen.evaluation.figures import LeftOut, Measured, SupportBin

Array = npt.NDArray[np.float64]

_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class Outcome(NamedTuple):
    """The support of a claim, and whether it is true."""

    support: float
    true: bool


def read_share(outcomes: Sequence[Outcome]) -> Measured:
    """Return the share of claims of the store that a person found true, of those that a person has read.

    :param outcomes: these claims.
    """
    return share(
        "claims.shown.read",
        [outcome.true for outcome in outcomes],
        np.ones(len(outcomes)),
        reason="needs --judgements of claims of this store",
        unit="claims",
    )


def measure(outcomes: Sequence[Outcome]) -> tuple[list[Measured], list[SupportBin]]:
    """Return the Brier score and the mean gap between support and truth, and the reliability table.

    :param outcomes: claims whose truth a person or a judge has told.
    """
    names = ("support.brier", "support.gap")
    if not outcomes:
        reason = "needs a judge, or --judgements of claims of this store"
        return [LeftOut(name=name, reason=reason) for name in names], []
    support, true = (np.array(column, np.float64) for column in zip(*outcomes, strict=True))
    squares = np.square(support - true)
    rate, n = float(true.mean()), len(outcomes)
    in_bin = np.eye(len(_EDGES) - 1)[np.digitize(support, _EDGES[1:-1])]

    def gap(weights: Array) -> Array:
        # The mean over claims of the distance between mean support and share of true claims in their bin.
        return np.asarray(np.abs((weights * (support - true)) @ in_bin).sum(axis=1) / weights.sum(axis=1))

    exchanged = float(np.square(support[:, None] - true[None]).mean())
    figures: list[Measured] = [
        # The plain method says of every claim that it is true as often as all of them are.
        statistic(
            names[0],
            lambda weights: (weights @ squares) / weights.sum(axis=1),
            n,
            unit="claims",
            chance=exchanged,
            plain=rate * (1 - rate),
        ),
        statistic(names[1], gap, n, unit="claims"),
    ]
    return figures, [
        SupportBin(
            low=low,
            high=high,
            claims=int(column.sum()),
            support=round(float(column @ support / column.sum()), 4),
            true=round(float(column @ true / column.sum()), 4),
        )
        for low, high, column in zip(_EDGES, _EDGES[1:], in_bin.T, strict=False)
        if column.any()
    ]
