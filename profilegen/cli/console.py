"""What commands share when they open a store and show progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from profilegen.publish.output import escaping_console, print_text

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

T = TypeVar("T")


@contextmanager
def opened_store(store: Path | None) -> Iterator[Any]:
    """Open the store that the settings name.

    :param store: its directory, None for that of the environment or the settings file.
    """
    from profilegen.config import load_settings
    from profilegen.store.store import open_store

    with open_store(load_settings(store=store).store) as opened:
        yield opened


class ProgressBars:
    """A bar for each stage of a command, with the time left; called with the stage, what is done, and the total.

    :param bars: Rich's; None to show nothing.
    """

    def __init__(self, bars: Progress | None) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is.

        :param stage: its name.
        :param done: how much of it is done.
        :param total: how much there is, 0 where that is not known.
        """
        if self._bars is None:
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total or None)
        self._bars.update(self._tasks[stage], completed=done, total=total or None)

    def announce(self, sentence: str) -> None:
        """Print a sentence on standard error, above the bars.

        :param sentence: the sentence.
        """
        if self._bars is None:
            print_text(sentence, error=True)
        else:
            self._bars.console.print(sentence, markup=False, highlight=False)

    def asking(self, question: Callable[[T], bool]) -> Callable[[T], bool] | None:
        """Return a question that is asked without bars that move beside it; None where nobody can be asked.

        :param question: prints on standard error, and reads the answer from standard input.
        """
        bars = self._bars
        if bars is None or not sys.stdin.isatty():
            return None

        def ask(about: T) -> bool:
            bars.stop()
            answer = question(about)
            bars.start()
            return answer

        return ask


@contextmanager
def progress_bars() -> Iterator[ProgressBars]:
    """Show a bar with the time left for each stage on a terminal, and nothing in a pipe."""
    if not sys.stderr.isatty():
        yield ProgressBars(None)
        return
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
    with Progress(*columns, console=escaping_console(error=True)) as bars:
        yield ProgressBars(bars)
