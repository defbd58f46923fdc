"""Whether a profile tells its user from all others: from its text alone to the user's own documents."""

from __future__ import annotations

import numpy as np

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset, Vectors, profile_text, unit
from profilegen.evaluation.figures import Measured
from profilegen.evaluation.ranking import WORTH, chance, place

_METRICS = ("hit1", "hit10", "mrr")
_PROFILES_TOGETHER = 256


def measure(dataset: Dataset) -> list[Measured]:
    """Rank all users by the cosine of one profile's text and the mean of each one's documents."""
    rows = [int(row) for row in dataset.asked if dataset.users[row].status == "ok"]
    texts = [profile_text(dataset.users[row]) for row in rows]
    places = _places(dataset.embed(texts), rows, _mean_documents(dataset)) if rows else np.zeros(0)
    ones = np.ones(len(rows))
    return [
        share(
            f"identify.{metric}",
            WORTH[metric](places),
            ones,
            reason="no user has a profile",
            chance=chance(metric, len(dataset.users)),
        )
        for metric in _METRICS
    ]


def _mean_documents(dataset: Dataset) -> Vectors:
    return unit(np.add.reduceat(dataset.document_vectors, dataset.starts, axis=0))


def _places(profiles: Vectors, rows: list[int], users: Vectors) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    places = []
    for start in range(0, len(rows), _PROFILES_TOGETHER):
        likeness = profiles[start : start + _PROFILES_TOGETHER] @ users.T
        places += [place(scores, right) for scores, right in zip(likeness, rows[start:], strict=False)]
    return np.array(places, np.float64)
