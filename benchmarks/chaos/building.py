"""A build in a process of its own, struck at one of its events.

The processes are forked from one that has imported the libraries already, since builds of few users are mostly imports.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from unittest.mock import patch

from benchmarks.chaos.stand_ins import WORK_FILE

Strike = Literal["none", "kill", "kill all", "interrupt", "terminate", "fill", "pause", "kill children"]
TIMEOUT_S = 240.0
# Small ones, so that a build of few users has several: after each, what was done is stored.
_BATCHES = {
    ("profilegen.pipeline.embedding", "_BATCH_DOCUMENTS"): 8,
    ("profilegen.pipeline.reading", "_READINGS_PER_CHECK"): 3,
    ("profilegen.pipeline.profiles", "_USERS_PER_BATCH"): 3,
}
STAND_INS = ("--embedder", "chaos:words", "--writer", "chaos:notes", "--verifier", "chaos:same")


@dataclass(frozen=True)
class Struck:
    """A build and what strikes it.

    :param source: JSON Lines.
    :param store: directory of the store.
    :param models: options that name the models.
    :param strike: what happens.
    :param at: number of the event at which it happens.
    :param record: file that gets the events.
    :param work: file that gets what the stand-ins work on.
    :param fill: directory on the disk that `fill` fills.
    :param environment: further environment variables.
    :param index: whether the build makes the index, which takes more time than all the rest of a small build.
    """

    source: Path
    store: Path
    models: tuple[str, ...] = STAND_INS
    strike: Strike = "none"
    at: int | None = None
    record: Path | None = None
    work: Path | None = None
    fill: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    index: bool = True


@dataclass(frozen=True)
class Outcome:
    """How a build ended: its exit status (negative: the signal; None: it hung and was killed), and what it printed."""

    status: int | None
    printed: str


class Running:
    """A build that has been started.

    :param build: what it does, and what strikes it.
    :param folder: where its output is held.
    """

    def __init__(self, build: Struck, folder: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(
            [
                "benchmarks.chaos.stand_ins",
                "profilegen.cli",
                "profilegen.pipeline.build",
                "sklearn.linear_model",
                "umap",
            ]
        )
        self._printed = folder / f"printed-{time.monotonic_ns()}"
        self._process = context.Process(target=_run, args=(build, str(self._printed)))
        self._process.start()

    def wait(self, timeout_s: float = TIMEOUT_S) -> Outcome:
        """Wait for the end.

        :param timeout_s: after this time it counts as hung, and is killed.
        """
        self._process.join(timeout_s)
        status = self._process.exitcode
        if status is None:
            self._process.kill()
            self._process.join()
        printed = self._printed.read_text("utf-8", "replace") if self._printed.exists() else ""
        return Outcome(status, printed)


def run(build: Struck, folder: Path, timeout_s: float = TIMEOUT_S) -> Outcome:
    """Run a build to its end, whatever that is.

    :param build: what it does, and what strikes it.
    :param folder: where its output is held.
    :param timeout_s: after this time it counts as hung.
    """
    return Running(build, folder).wait(timeout_s)


def filler(directory: Path) -> Path:
    """Return the file that fills the disk of a directory.

    :param directory: on that disk.
    """
    return directory / "filler"


def paused(store: Path) -> Path:
    """Return the file that says that the strike `pause` has come; the build goes on once it is removed.

    :param store: of the build.
    """
    return store.with_name(f"{store.name}.paused")


def _run(build: Struck, printed: str) -> None:
    os.setpgid(0, 0)
    output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(build.environment)
    if build.work:
        os.environ[WORK_FILE] = str(build.work)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from importlib import import_module

    from benchmarks.chaos.events import Events
    from profilegen import backends, cli

    for (module, name), value in _BATCHES.items():
        setattr(import_module(module), name, value)
    if not build.index:
        from profilegen.pipeline import build as pipeline
        from profilegen.store import index

        patch.object(pipeline, "_index", lambda *_: False).start()
        patch.object(index, "standing_by", lambda _: nullcontext(index.Standby(None))).start()
    backends.BACKENDS["chaos"] = "benchmarks.chaos.stand_ins"
    Events(build.record, build.at, lambda: _strike(build), build.store).watch()
    sys.argv = ["profilegen", "build", str(build.source), "--store", str(build.store), "--workers", "1"]
    sys.argv += ["--json", "--remove", *build.models]
    cli.main()


def _strike(build: Struck) -> None:
    match build.strike:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "kill all":
            os.killpg(0, signal.SIGKILL)
        case "interrupt":
            _send(signal.SIGINT)
        case "terminate":
            _send(signal.SIGTERM)
        case "fill":
            assert build.fill is not None
            _fill(filler(build.fill))
        case "pause":
            marker = paused(build.store)
            marker.touch()
            while marker.exists():
                time.sleep(0.05)
        case "kill children":
            _kill_children()


def _send(number: signal.Signals) -> None:
    """Send a signal to this process a moment later: an exception in a hook of SQLite would be lost."""
    threading.Timer(0.001, os.kill, (os.getpid(), number)).start()


def _fill(path: Path) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    size = 1 << 20
    while size:
        try:
            os.write(file, bytes(size))
        except OSError:
            size //= 2
    os.close(file)


def _kill_children() -> None:
    """Kill the child processes of this one that hold a model or an index."""
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"profilegen." in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
        except (OSError, ValueError, IndexError):
            continue
