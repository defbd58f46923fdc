"""Whether a question in plain words finds the users whose labels answer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

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
    progress: Callable[[str, int, int], None],
) -> tuple[list[Measured], list[QuestionFigures]]:
    """Ask the store each question that some user answers; returns the figures, and those of each question."""
    rows, chances = [], []
    for number, question in enumerate(questions):
        progress("questions", number, len(questions))
        answering = {user.user_id for user in dataset.users} & _labelled(labels, question.relevant)
        if answering:
            found = [hit.user_id in answering for hit in store.search(question.query, _FIRST)]
            p10, ndcg10 = round(sum(found) / _FIRST, 4), round(_ndcg(found, len(answering)), 4)
            rows.append(QuestionFigures(query=question.query, p10=p10, ndcg10=ndcg10))
            chances.append(_chance(len(answering), len(dataset.users)))
    progress("questions", len(questions), len(questions))
    reason = "no user answers any question" if questions and labels else "needs --queries and --labels"
    ones = [1] * len(rows)
    p10_chance, ndcg10_chance = np.mean(chances, axis=0) if chances else (None, None)
    figures = [
        share("search.p10", [row.p10 for row in rows], ones, reason=reason, unit="questions", chance=p10_chance),
        share(
            "search.ndcg10", [row.ndcg10 for row in rows], ones, reason=reason, unit="questions", chance=ndcg10_chance
        ),
    ]
    return figures, rows


def _chance(right: int, users: int) -> tuple[float, float]:
    """Return the expected precision and NDCG of the first ten of users in random order, `right` of them relevant."""
    shown = min(_FIRST, users)
    return right / users * shown / _FIRST, right / users * _discounts(shown).sum() / _discounts(
        min(right, _FIRST)
    ).sum()


def _labelled(labels: Labels, relevant: Sequence[str]) -> set[str]:
    return {user_id for user_id, names in labels.items() if not set(relevant).isdisjoint(names)}


def _ndcg(found: Sequence[bool], right: int) -> float:
    """Return normalised discounted cumulative gain (Järvelin and Kekäläinen 2002) of the first ten."""
    gained = _discounts(len(found)) @ np.array(found, np.float64)
    return float(gained / _discounts(min(right, _FIRST)).sum())


def _discounts(n: int) -> npt.NDArray[np.float64]:
    """Return what a relevant user is worth at each of the first `n` ranks."""
    return np.asarray(1 / np.log2(np.arange(n) + 2))
