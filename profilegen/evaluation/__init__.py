"""Figures of the quality of a store, each with its 95% interval and chance level; docs/evaluation.md defines them."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from profilegen.backends import Progress, open_writer
from profilegen.config import Settings
from profilegen.errors import InputError, StoreError
from profilegen.evaluation import claims, coverage, identify, judge, next_item, prose, search, segments, stability
from profilegen.evaluation.dataset import Dataset, read_dataset
from profilegen.evaluation.figures import Evaluation, Figure, LeftOut, Measured, SegmentFigures
from profilegen.evaluation.inputs import Labels, read_heldout, read_labels, read_questions
from profilegen.store.ledger import open_ledger, write_lock
from profilegen.store.store import open_store

__all__ = ["Evaluation", "evaluate", "save_evaluation"]


def evaluate(
    settings: Settings,
    *,
    labels: Path | None = None,
    heldout: Path | None = None,
    queries: Path | None = None,
    judge_model: str | None = None,
    quick: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a store; it is only read, and no build may run meanwhile.

    :param settings: name the store, the workers and the smallest segment.
    :param labels: CSV with user_id and label, several labels joined with a bar.
    :param heldout: JSON Lines with user_id and item_title: what each user took next.
    :param queries: JSON Lines with query and relevant, the labels that answer it.
    :param judge_model: name or path of a GGUF model that grades a sample of profiles.
    :param quick: leave out `segments.stability`, which takes longest.
    :param progress: called with the stage, the number of steps done and their total.
    :raises InputError: one of the files cannot be used.
    :raises StoreError: there is no finished store, or another process is writing to it.
    """
    start = time.perf_counter()
    report = progress or _ignore_progress
    labels_of = read_labels(labels) if labels else {}
    items = read_heldout(heldout) if heldout else []
    questions = read_questions(queries) if queries else []
    grader = open_writer(judge_model, judge.judge_options(settings.workers)) if judge_model else None
    with open_ledger(settings.store, read_only=True) as ledger, open_store(settings.store) as store:
        with write_lock(settings.store):  # fails during a build, when there is nothing finished to measure
            revision = ledger.revision()
        report("reading the store", 0, 1)
        dataset = read_dataset(ledger, store.embed)
        report("reading the store", 1, 1)
        _check_labels(labels, labels_of, dataset)
        segment_rows = segments.describe(dataset, labels_of)
        measured: list[Measured] = [*coverage.measure(dataset), *segments.measure(dataset, labels_of)]
        stability_of: dict[str, float] = {}
        if quick:
            measured.append(LeftOut(name="segments.stability", reason="left out by --quick"))
        else:
            figures, stability_of = stability.measure(
                dataset, min_cluster_size=settings.min_cluster_size, progress=report
            )
            measured += figures
        measured.append(segments.naming(dataset, labels_of, segment_rows))
        measured += _measure_profiles(dataset, labels_of, report)
        measured += next_item.measure(dataset, items, labels_of)
        figures, question_rows = search.measure(store, dataset, questions, labels_of, report)
        measured += figures
        if grader:
            measured += judge.measure(dataset, grader, progress=report)
        embedder = ledger.get_meta("embedder")
    return Evaluation(
        store=settings.store.name,
        revision=revision,
        embedder=embedder["name"],
        writers=dict(Counter(_author(user.built_with.summary, user.built_with.writer) for user in dataset.users)),
        users=len(dataset.users),
        documents=len(dataset.text_vectors),
        figures=tuple(figure for figure in measured if isinstance(figure, Figure)),
        left_out=tuple(figure for figure in measured if isinstance(figure, LeftOut)),
        segments=tuple(_with_stability(row, stability_of) for row in segment_rows),
        questions=tuple(question_rows),
        seconds=round(time.perf_counter() - start, 1),
    )


def save_evaluation(evaluation: Evaluation, store: Path) -> None:
    """Save an evaluation in its store, without the users' words in it: names of segments and questions.

    :param evaluation: the figures.
    :param store: directory of the store.
    :raises StoreError: the store has changed since, or another process is writing to it.
    """
    with write_lock(store), open_ledger(store) as ledger:
        if ledger.revision() != evaluation.revision:
            raise StoreError(f"{store} has changed while it was evaluated; evaluate it again")
        saved = evaluation.model_dump(mode="json", exclude={"questions": True, "segments": {"__all__": {"name"}}})
        ledger.set_meta("evaluation", saved)


def _measure_profiles(dataset: Dataset, labels: Labels, progress: Progress) -> list[Measured]:
    progress("profiles", 0, 1)
    embedded = claims.embed_claims(dataset)
    figures = [
        *claims.measure(dataset),
        *claims.specificity(dataset, embedded),
        claims.distinctness(embedded),
        *claims.covered_labels(dataset, embedded, labels),
        *prose.measure(dataset),
        *identify.measure(dataset),
    ]
    progress("profiles", 1, 1)
    return figures


def _check_labels(path: Path | None, labels: Labels, dataset: Dataset) -> None:
    if path and not any(user.user_id in labels for user in dataset.users):
        raise InputError(f"{path} labels no user of the store; its user_id must be the store's")


def _author(summary: str, writer: str) -> str:
    return {"writer": writer, "template": "a template", "none": "nobody"}[summary]


def _with_stability(row: SegmentFigures, stability_of: dict[str, float]) -> SegmentFigures:
    return row.model_copy(update={"stability": stability_of.get(row.id)})


def _ignore_progress(stage: str, done: int, total: int) -> None:
    """Report nothing."""
