"""Whether a question in plain words finds the users whose labels answer it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from profilegen.backends import Progress
from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import Measured, QuestionFigures
from profilegen.evaluation.inputs import Labels, Question
from profilegen.store.store import Store

_FIRST = 10


def measure(
    store: Store,
    dataset: Dataset,
    questions: Sequence[Question],
    labels: Labels,
    progress: Progress,
) -> tuple[list[Measured], list[QuestionFigures]]:
    """Search the store for each question that some user answers; return the figures, and those of each question.

    :param store: the open store.
    :param dataset: the same store in memory.
    :param questions: questions with the labels that answer them.
    :param labels: labels of each user.
    :param progress: called with the stage, the number of questions done and their total.
    """
    rows, chances = [], []
    for number, question in enumerate(questions):
        progress("questions", number, len(questions))
        relevant = {user.user_id for user in dataset.users} & _users_with(labels, question.relevant)
        if relevant:
            hits = [hit.user_id in relevant for hit in store.search(question.query, _FIRST)]
            p10, ndcg10 = round(sum(hits) / _FIRST, 4), round(_ndcg(hits, len(relevant)), 4)
            rows.append(QuestionFigures(query=question.query, p10=p10, ndcg10=ndcg10))
            chances.append(_chance(len(relevant), len(dataset.users)))
    progress("questions", len(questions), len(questions))
    reason = "no user answers any question" if questions and labels else "needs --queries and --labels"
    chance = np.mean(chances, axis=0) if chances else (None, None)
    figures = [
        share(
            name,
            [getattr(row, name.partition(".")[2]) for row in rows],
            np.ones(len(rows)),
            reason=reason,
            unit="questions",
            chance=level,
        )
        for name, level in zip(("search.p10", "search.ndcg10"), chance, strict=True)
    ]
    return figures, rows


def _users_with(labels: Labels, names: Sequence[str]) -> set[str]:
    return {user_id for user_id, own in labels.items() if not set(names).isdisjoint(own)}


def _chance(n_relevant: int, n_users: int) -> tuple[float, float]:
    """Return the expected precision and NDCG of the first ten users in random order."""
    n_shown, share_relevant = min(_FIRST, n_users), n_relevant / n_users
    ideal = _discounts(min(n_relevant, _FIRST)).sum()
    return share_relevant * n_shown / _FIRST, share_relevant * _discounts(n_shown).sum() / ideal


def _ndcg(hits: Sequence[bool], n_relevant: int) -> float:
    """Return normalised discounted cumulative gain (Järvelin and Kekäläinen 2002) of the first ten."""
    gain = _discounts(len(hits)) @ np.array(hits, np.float64)
    return float(gain / _discounts(min(n_relevant, _FIRST)).sum())


def _discounts(n: int) -> npt.NDArray[np.float64]:
    """Return what a relevant user counts at each of the first `n` ranks."""
    return np.asarray(1 / np.log2(np.arange(n) + 2))
