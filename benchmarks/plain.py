"""What plain methods reach with the vectors of a store, without its segments and profiles.

Beside `search.p10` and `next.*.hit10` of `profilegen evaluate`: the cosine with a user's mean vector, and with a user's
nearest document. Plain methods for segments are in `benchmarks.clustering`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.machine import cores
from benchmarks.measures import Section
from profilegen.backends import Options, open_embedder
from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset, read_dataset
from profilegen.evaluation.figures import Figure
from profilegen.evaluation.inputs import HeldOut, Labels, Question, read_heldout, read_labels, read_questions
from profilegen.evaluation.ranking import METRICS, rank_of
from profilegen.store.ledger import open_ledger
from profilegen.vectors import Vectors

_FIRST = 10


def measure(store: Path, folder: Path) -> Section:
    """Measure plain methods on a finished store.

    :param store: directory of the store; it is only read.
    :param folder: holds `labels.csv`, and may hold `queries.jsonl` and `heldout.jsonl`.
    """
    section = Section("What plain methods reach with the vectors of the store; compare with `profilegen evaluate`.")
    labels = read_labels(folder / "labels.csv")
    questions, heldout = folder / "queries.jsonl", folder / "heldout.jsonl"
    with open_ledger(store, read_only=True) as ledger:
        source = ledger.get_meta("embedder")["source"]
        with open_embedder(source, Options(workers=cores())) as embedder:
            dataset = read_dataset(ledger, embedder.embed)
            if questions.is_file():
                rows = read_questions(questions)
                vectors = embedder.embed([row.query for row in rows], queries=True)
                _search(section, dataset, labels, rows, vectors)
            if heldout.is_file():
                _predict(section, dataset, read_heldout(heldout))
    return section


def _search(
    section: Section, dataset: Dataset, labels: Labels, questions: Sequence[Question], vectors: Vectors
) -> None:
    precisions: dict[str, list[float]] = {"mean-vector": [], "nearest-document": []}
    for question, vector in zip(questions, vectors, strict=True):
        relevant = [not set(labels.get(user.user_id, ())).isdisjoint(question.relevant) for user in dataset.users]
        if any(relevant):
            for method, scores in _scores(dataset, vector[None]).items():
                first = np.argsort(-scores[0], kind="stable")[:_FIRST]
                precisions[method].append(sum(relevant[row] for row in first) / _FIRST)
    for method, values in precisions.items():
        _add(section, f"plain.search.p10.{method}", values, "questions")


def _predict(section: Section, dataset: Dataset, heldout: Sequence[HeldOut]) -> None:
    titles = sorted({item.item_title for item in heldout})
    column_of = {title: column for column, title in enumerate(titles)}
    row_of = {user.user_id: row for row, user in enumerate(dataset.users)}
    taken: dict[int, set[int]] = {}
    for item in heldout:
        if item.user_id in row_of:
            taken.setdefault(row_of[item.user_id], set()).add(column_of[item.item_title])
    for method, scores in _scores(dataset, dataset.embed(titles)).items():
        ranks = []
        for row, columns in taken.items():
            for column in columns:
                candidates = scores[:, row].copy()
                candidates[list(columns - {column})] = -np.inf
                ranks.append(rank_of(candidates, column))
        _add(section, f"plain.next.hit10.{method}", METRICS["hit10"](np.array(ranks)), "items")


def _add(section: Section, name: str, values: npt.ArrayLike, unit: str) -> None:
    """Add the mean of the values, and its 95% interval as a fact."""
    figure = share(name, values, np.ones_like(values), reason="there are none")
    if isinstance(figure, Figure):
        section.add(name, f"of {figure.n} {unit}", [figure.value])
        section.facts[f"{name}: 95% interval"] = [figure.low, figure.high]


def _scores(dataset: Dataset, queries: Vectors) -> dict[str, npt.NDArray[np.float32]]:
    """Return by method the cosines of queries and users, (n_queries, n_users)."""
    return {
        "mean-vector": queries @ dataset.user_vectors.T,
        "nearest-document": np.stack(list(dataset.nearest_documents(queries))),
    }
