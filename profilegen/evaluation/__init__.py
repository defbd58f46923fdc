"""The figures that say how good a store is, each with the interval it is known to; docs/evaluation.md defines them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from profilegen.config import Settings
from profilegen.errors import InputError, StoreError
from profilegen.evaluation import claims, coverage, identify, judge, next_item, prose, search, segments, stability
from profilegen.evaluation.dataset import Dataset, read_material
from profilegen.evaluation.figures import Evaluation, Figure, LeftOut, Measured, SegmentFigures
from profilegen.evaluation.inputs import Labels, read_heldout, read_labels, read_questions
from profilegen.llama.catalog import resolve
from profilegen.store.ledger import open_ledger, write_lock
from profilegen.store.store import open_store

Progress = Callable[[str, int, int], None]

__all__ = ["Evaluation", "evaluate", "keep"]


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
    """Measure the store that the settings name; the store is only read, and must not be written meanwhile.

    :param labels: CSV with user_id and label, several labels joined with a bar.
    :param heldout: JSON Lines with user_id and item_title: what each user took next.
    :param queries: JSON Lines with query and relevant, the labels that answer it.
    :param judge_model: name or path of a GGUF model that grades a sample of profiles.
    :param quick: leave out clustering anew, which takes longest.
    :raises InputError: one of the files cannot be used.
    :raises StoreError: there is no finished store, or another process is writing to it.
    """
    start = time.perf_counter()
    report = progress or _silent
    named = read_labels(labels) if labels else {}
    items = read_heldout(heldout) if heldout else []
    questions = read_questions(queries) if queries else []
    grader = resolve(judge_model, "writer", pull=True) if judge_model else None
    with open_ledger(settings.store, read_only=True) as ledger, open_store(settings.store) as store:
        with write_lock(settings.store):  # while a build is at work, there is nothing finished to measure
            revision = ledger.revision()
        report("reading the store", 0, 1)
        dataset = read_material(ledger, store.embed)
        report("reading the store", 1, 1)
        _check_labels(labels, named, dataset)
        described = segments.describe(dataset, named)
        measured: list[Measured] = [*coverage.measure(dataset), *segments.measure(dataset, named)]
        stable: dict[str, float] = {}
        if quick:
            measured.append(LeftOut(name="segments.stability", reason="left out by --quick"))
        else:
            found, stable = stability.measure(dataset, min_cluster_size=settings.min_cluster_size, progress=report)
            measured += found
        measured.append(segments.naming(dataset, named, described))
        measured += _of_profiles(dataset, named, report)
        measured += next_item.measure(dataset, items, named)
        answered, asked = search.measure(store, dataset, questions, named, report)
        measured += answered
        if grader:
            measured += judge.measure(dataset, grader, workers=settings.workers, progress=report)
        made_with = ledger.get_meta("embedder")
    return Evaluation(
        store=settings.store.name,
        revision=revision,
        embedder=made_with["name"],
        writers=dict(Counter(_maker(user.built_with.summary, user.built_with.writer) for user in dataset.users)),
        users=len(dataset.users),
        documents=len(dataset.text_vectors),
        figures=tuple(figure for figure in measured if isinstance(figure, Figure)),
        left_out=tuple(figure for figure in measured if isinstance(figure, LeftOut)),
        segments=tuple(_with_stability(row, stable) for row in described),
        questions=tuple(asked),
        seconds=round(time.perf_counter() - start, 1),
    )


def keep(evaluation: Evaluation, store: Path) -> None:
    """Store an evaluation for whoever shows the segments; what users said in it, names and questions, stays out.

    :raises StoreError: the store has changed since, or another process is writing to it.
    """
    with write_lock(store), open_ledger(store) as ledger:
        if ledger.revision() != evaluation.revision:
            raise StoreError(f"{store} has changed while it was evaluated; evaluate it again")
        kept = evaluation.model_dump(mode="json", exclude={"questions": True, "segments": {"__all__": {"name"}}})
        ledger.set_meta("evaluation", kept)


def _of_profiles(dataset: Dataset, labels: Labels, progress: Progress) -> list[Measured]:
    progress("profiles", 0, 1)
    told = claims.stated(dataset)
    figures = [
        *claims.measure(dataset),
        *claims.own(dataset, told),
        claims.distinct(told),
        *claims.covered_labels(dataset, told, labels),
        *prose.measure(dataset),
        *identify.measure(dataset),
    ]
    progress("profiles", 1, 1)
    return figures


def _check_labels(path: Path | None, labels: Labels, dataset: Dataset) -> None:
    if path and not any(user.user_id in labels for user in dataset.users):
        raise InputError(f"{path} labels no user of the store; its user_id must be the store's")


def _maker(summary: str, writer: str) -> str:
    return {"writer": writer, "template": "a template", "none": "nobody"}[summary]


def _with_stability(row: SegmentFigures, stable: dict[str, float]) -> SegmentFigures:
    return row.model_copy(update={"stability": stable.get(row.id)})


def _silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
