"""Figures of the quality of a store, each with its interval, chance and a plain method; docs/evaluation.md."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from profilegen.backends import Progress, no_progress
from profilegen.config import Settings
from profilegen.errors import InputError, StoreError
from profilegen.evaluation import (
    calibration,
    claims,
    coverage,
    identify,
    judged,
    next_item,
    search,
    segments,
    stability,
    statements,
    truth,
)
from profilegen.evaluation.dataset import Dataset, read_dataset
from profilegen.evaluation.figures import Evaluation, Figure, LeftOut, Measured, SupportBin
from profilegen.evaluation.inputs import (
    Judgement,
    Labels,
    read_heldout,
    read_judgements,
    read_labels,
    read_questions,
    read_truth,
)
from profilegen.evaluation.judge import Judge, open_judge
from profilegen.evaluation.provenance import chosen_on
from profilegen.evaluation.statements import Statements
from profilegen.store.forgetting import opened_to_write
from profilegen.store.ledger import open_ledger, write_lock
from profilegen.store.store import open_store

__all__ = ["Evaluation", "evaluate", "save_evaluation"]


def evaluate(
    settings: Settings,
    *,
    labels: Path | None = None,
    heldout: Path | None = None,
    queries: Path | None = None,
    truth_file: Path | None = None,
    judgements: Path | None = None,
    judge_model: str | None = None,
    quick: bool = False,
    progress: Progress = no_progress,
) -> Evaluation:
    """Measure a store; it is only read, and no build may run meanwhile.

    :param settings: name the store, the workers and the smallest segment.
    :param labels: CSV with user_id and label, several labels joined with a bar.
    :param heldout: JSON Lines with user_id and item_title: what each user took next.
    :param queries: JSON Lines with query and relevant, the labels that answer it.
    :param truth_file: JSON Lines with user_id and persona, sentences that are true of the user.
    :param judgements: JSON Lines with text, claim and holds, as a person found; with user_id where it is of the store.
    :param judge_model: name or path of a writer or a verifier that judges; by default `judge.DEFAULT`, if it is there.
    :param quick: leave out `segments.stability` and the default judge, which take longest.
    :param progress: called with the stage, the number of steps done and their total.
    :raises InputError: one of the files cannot be used.
    :raises StoreError: there is no finished store, or another process is writing to it.
    """
    start = time.perf_counter()
    labels_of = read_labels(labels) if labels else {}
    items = read_heldout(heldout) if heldout else []
    questions = read_questions(queries) if queries else []
    true = read_truth(truth_file) if truth_file else {}
    read = read_judgements(judgements) if judgements else []
    with open_ledger(settings.store, read_only=True) as ledger, open_store(settings.store) as store:
        with write_lock(settings.store):  # fails during a build, when there is nothing finished to measure
            revision = ledger.revision()
        progress("reading the store", 0, 1)
        dataset = read_dataset(ledger, store.embed)
        embedder = ledger.get_meta("embedder")["name"]
        progress("reading the store", 1, 1)
        _check_labels(labels, labels_of, dataset)
        of_claims, plain = statements.of_claims(dataset), statements.of_key_phrases(dataset)
        segment_rows = segments.describe(dataset, labels_of)
        measured: list[Measured] = [
            *coverage.measure(dataset),
            claims.breadth(dataset),
            claims.distinctness(of_claims, plain),
            claims.polarity(dataset),
            *truth.sentences(dataset, true, of_claims, plain, embedder=embedder),
            truth.labels(dataset, labels_of, of_claims, plain),
            *identify.measure(dataset, plain),
            *segments.measure(dataset, labels_of),
            segments.naming(dataset, labels_of, segment_rows),
            *next_item.measure(dataset, items, labels_of),
        ]
        figures, question_rows = search.measure(store, dataset, questions, labels_of, progress)
        measured += figures
        figures, stability_of = _stability(dataset, settings, quick, progress)
        measured += figures
        judge = _judge(dataset, settings, judge_model, quick)
        figures, reliability = _judged(dataset, judge, plain, read, progress)
        measured += figures
    return Evaluation(
        store=settings.store.name,
        revision=revision,
        embedder=embedder,
        writers=dict(Counter(_author(user.built_with.summary, user.built_with.writer) for user in dataset.users)),
        judge=judge.name if isinstance(judge, Judge) else None,
        users=len(dataset.users),
        documents=len(dataset.text_vectors),
        figures=tuple(
            figure.model_copy(update={"chosen_on": chosen_on(figure.name)})
            for figure in measured
            if isinstance(figure, Figure)
        ),
        left_out=tuple(figure for figure in measured if isinstance(figure, LeftOut)),
        reliability=tuple(reliability),
        segments=tuple(row.model_copy(update={"stability": stability_of.get(row.id)}) for row in segment_rows),
        questions=tuple(question_rows),
        seconds=round(time.perf_counter() - start, 1),
    )


def save_evaluation(evaluation: Evaluation, store: Path) -> None:
    """Save an evaluation in its store, without the users' words in it: names of segments and questions.

    :param evaluation: the figures.
    :param store: directory of the store.
    :raises StoreError: the store has changed since, or another process is writing to it.
    """
    with opened_to_write(store) as ledger:
        if ledger.revision() != evaluation.revision:
            raise StoreError(f"{store} has changed while it was evaluated; evaluate it again")
        saved = evaluation.model_dump(mode="json", exclude={"questions": True, "segments": {"__all__": {"name"}}})
        ledger.set_meta("evaluation", saved)


def _stability(
    dataset: Dataset, settings: Settings, quick: bool, progress: Progress
) -> tuple[list[Measured], dict[str, float]]:
    if quick:
        return [LeftOut(name="segments.stability", reason="left out by --quick")], {}
    return stability.measure(dataset, min_cluster_size=settings.min_cluster_size, progress=progress)


def _judge(dataset: Dataset, settings: Settings, model: str | None, quick: bool) -> Judge | str:
    if quick and model is None:
        return "left out by --quick"
    made_with = {name for user in dataset.users for name in (user.built_with.writer, user.built_with.verifier)}
    return open_judge(model, workers=settings.workers, others=sorted(made_with))


def _judged(
    dataset: Dataset, judge: Judge | str, plain: Statements, read: Sequence[Judgement], progress: Progress
) -> tuple[list[Measured], list[SupportBin]]:
    """Return the figures that a judge or a person gives."""
    outcomes = list(_outcomes_read(dataset, read))
    measured: list[Measured] = [calibration.read_share(outcomes)]
    if isinstance(judge, str):
        measured += [LeftOut(name=name, reason=judge) for name in judged.JUDGED]
    else:
        try:
            steps = len(judged.JUDGED)
            progress("judge", 0, steps)
            shown, answers = judged.measure_claims(dataset, judge, plain)
            progress("judge", 1, steps)
            faithful = judged.measure_summaries(dataset, judge)
            progress("judge", 2, steps)
            measured += [shown, faithful, judged.measure_segments(dataset, judge), *judged.measure_judge(judge, read)]
            progress("judge", steps, steps)
        finally:
            judge.close()
        outcomes = outcomes or [calibration.Outcome(row.support, row.shown) for row in answers]
    figures, reliability = calibration.measure(outcomes)
    return [*measured, *figures], reliability


def _outcomes_read(dataset: Dataset, read: Sequence[Judgement]) -> Iterator[calibration.Outcome]:
    """Yield the claims of the store that a person has read."""
    holds = {(row.user_id, row.claim): row.holds for row in read if row.user_id}
    for user in dataset.users if holds else ():
        for _, claim in user.iter_claims():
            known = holds.get((user.user_id, judged.claim_text(claim, user)))
            if known is not None:
                yield calibration.Outcome(claim.support, known)


def _check_labels(path: Path | None, labels: Labels, dataset: Dataset) -> None:
    if path and not any(user.user_id in labels for user in dataset.users):
        raise InputError(f"{path} labels no user of the store; its user_id must be the store's")


def _author(summary: str, writer: str) -> str:
    return {"writer": writer, "mixed": f"{writer}, in part", "template": "a template", "none": "nobody"}[summary]
