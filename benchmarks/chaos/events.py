"""Events of a build at which disaster may strike: each SQL statement, each change of a file, each step of a model.

All is seen from outside, by Python's audit hooks and SQLite's trace, so that the build is the one that users run.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.chaos import stand_ins
from profilegen.pipeline import build

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "shutil.copytree"}


class Events:
    """Counts the events of this process, writes them down, and calls back at one of them.

    :param record: file that gets a line for each event: the stage and what happens.
    :param at: number of the event, from 0, that is struck; None for none.
    :param strike: called at that event.
    :param store: directory whose files are watched.
    """

    def __init__(self, record: Path | None, at: int | None, strike: Callable[[], None], store: Path) -> None:
        self._at, self._strike, self._store = at, strike, str(store)
        self._record = record.open("a", buffering=1) if record else None
        self._count = 0
        self._stage = "start"
        self._busy = False

    def watch(self) -> None:
        """Begin to count, for the rest of this process."""
        sys.addaudithook(self._on_audit)
        connect = sqlite3.connect

        def connected(*arguments: Any, **options: Any) -> Any:
            connection = connect(*arguments, **options)
            connection.set_trace_callback(lambda sql: self._happened(" ".join(sql.split()[:2])))
            return connection

        patch.object(sqlite3, "connect", connected).start()
        stand_ins.on_work = self._worked
        original = build._Clock.stage
        events = self

        @contextmanager
        def stage(clock: Any, name: str) -> Iterator[None]:
            events._stage = name
            with original(clock, name):
                yield

        patch.object(build._Clock, "stage", stage).start()

    def _on_audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" or (event in _CHANGES and self._is_of_store(arguments[0])):
            self._happened(event)
        elif event == "open":
            path, mode, flags = arguments
            if self._is_of_store(path) and _writes(mode, flags):
                self._happened(f"open {os.path.basename(path)}")  # noqa: PTH119 (may be called in any state)

    def _is_of_store(self, path: Any) -> bool:
        return str(path) == self._store or str(path).startswith(f"{self._store}/")

    def _worked(self, kind: str) -> str:
        self._happened(kind)
        return self._stage

    def _happened(self, what: str) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            if self._record:
                self._record.write(f"{self._stage}\t{what}\n")
            number, self._count = self._count, self._count + 1
            if number == self._at:
                self._strike()
        finally:
            self._busy = False


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(letter in mode for letter in "wxa+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
