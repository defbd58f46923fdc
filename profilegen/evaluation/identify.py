"""Whether a profile, or its summary alone, tells its user from all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset, profile_text
from profilegen.evaluation.figures import Measured
from profilegen.evaluation.ranking import METRICS, Ranks, chance, rank_of
from profilegen.evaluation.statements import Statements
from profilegen.vectors import Vectors, unit_rows

_METRICS = ("hit1", "hit10", "mrr")
_TEXTS_PER_BATCH = 256


def measure(dataset: Dataset, plain: Statements) -> list[Measured]:
    """Return hit rates and reciprocal rank of users, ranked by the cosine of a text about them with their documents.

    :param dataset: the store.
    :param plain: key phrases of the same users, as many as they have claims.
    """
    users = unit_rows(np.add.reduceat(dataset.document_vectors, dataset.starts, axis=0))
    rows = [int(row) for row in dataset.sampled_rows if dataset.users[row].status == "ok"]
    figures: list[Measured] = []
    for name, texts in (
        ("identify", [profile_text(dataset.users[row]) for row in rows]),
        ("summary.distinct", [dataset.users[row].summary for row in rows]),
    ):
        with_text = [row for row, text in zip(rows, texts, strict=True) if text.strip()]
        ranks = _ranks(dataset, [text for text in texts if text.strip()], with_text, users)
        plain_ranks = _ranks(dataset, [plain.text_of_user(row) for row in with_text], with_text, users)
        figures += [
            share(
                f"{name}.{metric}",
                METRICS[metric](ranks),
                np.ones(len(ranks)),
                reason="no user has such a text",
                chance=chance(metric, len(dataset.users)),
                plain=float(METRICS[metric](plain_ranks).mean()) if len(plain_ranks) else None,
            )
            for metric in _METRICS
        ]
    return figures


def _ranks(dataset: Dataset, texts: Sequence[str], rows: Sequence[int], users: Vectors) -> Ranks:
    vectors = dataset.embed(texts) if texts else np.zeros((0, users.shape[1]), np.float32)
    ranks: list[float] = []
    for start in range(0, len(rows), _TEXTS_PER_BATCH):
        cosines = vectors[start : start + _TEXTS_PER_BATCH] @ users.T
        ranks += [rank_of(scores, right) for scores, right in zip(cosines, rows[start:], strict=False)]
    return np.array(ranks, np.float64)
