"""What commands share when they open a store, print and show progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer


@contextmanager
def opened_store(store: Path | None) -> Iterator[Any]:
    """Open the store that the settings name."""
    from profilegen.config import load_settings
    from profilegen.store.store import open_store

    with open_store(load_settings(store=store).store) as opened:
        yield opened


def print_json(value: Any) -> None:
    """Print a value as JSON for programs."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def heading(command: str) -> None:
    """Show the command that gives what comes next."""
    typer.secho(f"\n$ {command}", bold=True)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar with the time left for each stage on a terminal; say nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total or None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield show
