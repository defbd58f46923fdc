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

    The plain method beside it takes the users whose vectors are nearest to the question.

    :param store: the open store.
    :param dataset: the same store in memory.
    :param questions: questions with the labels that answer them.
    :param labels: labels of each user.
    :param progress: called with the stage, the number of questions done and their total.
    """
    rows, chances, plain = [], [], []
    for number, question in enumerate(questions):
        progress("questions", number, len(questions))
        relevant = {user.user_id for user in dataset.users} & _users_with(labels, question.relevant)
        if relevant:
            scores = _scores([hit.user_id in relevant for hit in store.search(question.query, _FIRST)], len(relevant))
            rows.append(QuestionFigures(query=question.query, p10=scores[0], ndcg10=scores[1]))
            chances.append(_chance(len(relevant), len(dataset.users)))
            cosines = dataset.user_vectors @ store.embed([question.query], queries=True)[0]
            nearest = np.argsort(-cosines, kind="stable")[:_FIRST]
            plain.append(_scores([dataset.users[row].user_id in relevant for row in nearest], len(relevant)))
    progress("questions", len(questions), len(questions))
    reason = "no user answers any question" if questions and labels else "needs --queries and --labels"
    chance, plain_mean = (np.mean(some, axis=0) if some else (None, None) for some in (chances, plain))
    figures = [
        share(
            name,
            [getattr(row, name.partition(".")[2]) for row in rows],
            np.ones(len(rows)),
            reason=reason,
            unit="questions",
            chance=level,
            plain=plain_level,
        )
        for name, level, plain_level in zip(("search.p10", "search.ndcg10"), chance, plain_mean, strict=True)
    ]
    return figures, rows


def _users_with(labels: Labels, names: Sequence[str]) -> set[str]:
    return {user_id for user_id, own in labels.items() if not set(names).isdisjoint(own)}


def _scores(hits: Sequence[bool], n_relevant: int) -> tuple[float, float]:
    """Return the precision of the first ten, or of as many as there are relevant users, and NDCG of the first ten."""
    first = min(_FIRST, n_relevant)
    return round(sum(hits[:first]) / first, 4), round(_ndcg(hits, n_relevant), 4)


def _chance(n_relevant: int, n_users: int) -> tuple[float, float]:
    """Return the expected precision and NDCG of the first ten users in random order."""
    n_shown, share_relevant = min(_FIRST, n_users), n_relevant / n_users
    ideal = _discounts(min(n_relevant, _FIRST)).sum()
    return share_relevant, share_relevant * _discounts(n_shown).sum() / ideal


def _ndcg(hits: Sequence[bool], n_relevant: int) -> float:
    """Return normalised discounted cumulative gain (Järvelin and Kekäläinen 2002) of the first ten."""
    gain = _discounts(len(hits)) @ np.array(hits, np.float64)
    return float(gain / _discounts(min(n_relevant, _FIRST)).sum())


def _discounts(n: int) -> npt.NDArray[np.float64]:
    """Return what a relevant user counts at each of the first `n` ranks."""
    return np.asarray(1 / np.log2(np.arange(n) + 2))
