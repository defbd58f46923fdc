"""The command that measures how good a store is: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from profilegen.cli.app import app
from profilegen.cli.console import progress_bars
from profilegen.cli.options import Json, Store, Workers
from profilegen.errors import UsageError
from profilegen.publish.output import print_json, print_page, print_text


@app.command()
def evaluate(
    store: Store = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV with user_id and label; several labels are joined with |.")
    ] = None,
    heldout: Annotated[
        Path | None, typer.Option(help="JSON Lines with user_id and item_title: the next item of each user.")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(help="JSON Lines with query and relevant: the labels of the users to find.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="JSON Lines with user_id and persona: sentences that are true of each user.")
    ] = None,
    judgements: Annotated[
        Path | None, typer.Option(help="JSON Lines with text, claim and holds: claims that a person has read.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="GGUF writer or verifier that judges claims. [default: the 1.5B writer, if it is downloaded]"
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Skip the stability of segments and the default judge, which take longest.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Directory for the report. [default: evaluation in the store]")
    ] = None,
    workers: Workers = None,
    json_: Json = False,
) -> None:
    """Measure how good a store is, each figure with interval, chance and a plain method.

    Prints a table and writes report.md, report.html with plots, and evaluation.json. docs/evaluation.md explains each
    figure. The files are only for scoring, never an input of a build.

    Example: profilegen evaluate --labels labels.csv --heldout heldout.jsonl --queries queries.jsonl
    """
    from profilegen.config import load_settings
    from profilegen.evaluation import evaluate as run
    from profilegen.evaluation import save_evaluation
    from profilegen.evaluation.report import evaluation_table, write_report
    from profilegen.store.files import EVALUATION_DIRECTORY

    if report is not None and report.exists() and not report.is_dir():
        raise UsageError(f"the report is a directory, and {report} is a file; name another with --report")
    settings = load_settings(store=store, workers=workers)
    with progress_bars() as progress:
        evaluation = run(
            settings,
            labels=labels,
            heldout=heldout,
            queries=queries,
            truth_file=truth,
            judgements=judgements,
            judge_model=judge,
            quick=quick,
            progress=progress,
        )
    if json_:
        print_json(evaluation.model_dump(mode="json"))
    else:
        print_page(evaluation_table(evaluation))
    written = write_report(evaluation, report or settings.store / EVALUATION_DIRECTORY, private=report is None)
    print_text(f"wrote {', '.join(str(path) for path in written)}", error=True)
    save_evaluation(evaluation, settings.store)
