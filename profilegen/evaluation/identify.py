"""Whether a profile identifies its user: from its text alone to the user's own documents."""

from __future__ import annotations

import numpy as np

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset, profile_text
from profilegen.evaluation.figures import Measured
from profilegen.evaluation.ranking import METRICS, Ranks, chance, rank_of
from profilegen.vectors import Vectors, unit_rows

_METRICS = ("hit1", "hit10", "mrr")
_PROFILES_PER_BATCH = 256


def measure(dataset: Dataset) -> list[Measured]:
    """Return hit rates and reciprocal rank of users, ranked by the cosine of a profile's text with their documents.

    :param dataset: the store.
    """
    rows = [int(row) for row in dataset.sampled_rows if dataset.users[row].status == "ok"]
    texts = [profile_text(dataset.users[row]) for row in rows]
    ranks = _ranks(dataset.embed(texts), rows, _mean_documents(dataset)) if rows else np.zeros(0)
    return [
        share(
            f"identify.{metric}",
            METRICS[metric](ranks),
            np.ones(len(rows)),
            reason="no user has a profile",
            chance=chance(metric, len(dataset.users)),
        )
        for metric in _METRICS
    ]


def _mean_documents(dataset: Dataset) -> Vectors:
    return unit_rows(np.add.reduceat(dataset.document_vectors, dataset.starts, axis=0))


def _ranks(profiles: Vectors, rows: list[int], users: Vectors) -> Ranks:
    ranks = []
    for start in range(0, len(rows), _PROFILES_PER_BATCH):
        cosines = profiles[start : start + _PROFILES_PER_BATCH] @ users.T
        ranks += [rank_of(scores, right) for scores, right in zip(cosines, rows[start:], strict=False)]
    return np.array(ranks, np.float64)
