"""The index made anew, or made from the one before it, and swapped.

What fills a directory is a process of its own (`filling`), which has never seen a removed user: Chroma writes its
vector files at the size it has reserved, with whatever the process last kept in that memory.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from profilegen.errors import StoreError
from profilegen.index.pointer import Pointer, point, read_pointer
from profilegen.ledger import Ledger

Progress = Callable[[int, int], None]
Job = Literal["probe", "build", "extend"]

_PROBE_TIMEOUT_S = 600
PROGRESS = "progress"


def build_index(ledger: Ledger, store_dir: Path, progress: Progress | None = None) -> None:
    """Build the index of the store at `store_dir` from its ledger and switch to it; needs the write lock.

    Where the index before differs in a few rows, and nothing that a person wrote is to be forgotten, it is made from a
    copy of that one. `progress` is told rows done and rows in all after every batch. Until the switch the old index is
    searched, and it stays when this fails or is killed.

    :raises StoreError: Chroma could not build it.
    """
    revision = ledger.revision()
    fresh = store_dir / f"index-{secrets.token_hex(8)}"
    try:
        _filled(fresh, progress or (lambda done, total: None), before=read_pointer(store_dir) is not None)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    point(store_dir, Pointer(fresh.name, revision, datetime.now(UTC).isoformat(timespec="seconds")))
    _remove_others(store_dir, fresh)


def current_revision(store_dir: Path) -> str | None:
    """Return the revision of the ledger that the index was built from, or None where there is no index."""
    pointer = read_pointer(store_dir)
    return None if pointer is None else pointer.revision


def probe(store_dir: Path) -> bool:
    """Whether the index is there and answers, tried in a child process."""
    with probing(store_dir) as probed:
        return probed.is_sound()


class Probe:
    """An index that is being tried in a child process."""

    def __init__(self, child: subprocess.Popen[str] | None) -> None:
        self._child = child

    def is_sound(self) -> bool:
        """Wait for the answer: whether the index is there and answers."""
        if self._child is None:
            return False
        try:
            return self._child.wait(_PROBE_TIMEOUT_S) == 0
        except subprocess.TimeoutExpired:
            return False

    def stop(self) -> None:
        """End it, as nobody is going to ask."""
        if self._child is not None:
            self._child.kill()


@contextmanager
def probing(store_dir: Path) -> Iterator[Probe]:
    """Begin to try the index in a child process.

    A damaged index can end the process that opens it, which no `except` catches. Each collection must give
    vectors of length 1 for a sample of its rows, and find those rows by them; damage that the sample misses
    stays unseen.
    """
    if read_pointer(store_dir) is None:
        yield Probe(None)
        return
    with _child("probe", store_dir) as child:
        yield Probe(child)


def _filled(fresh: Path, progress: Progress, *, before: bool) -> None:
    """Have a child fill the directory, from the index before if it can be had; a damaged one can end the child."""
    if before:
        try:
            _fill("extend", fresh, progress)
            return
        except StoreError:
            shutil.rmtree(fresh, ignore_errors=True)
    _fill("build", fresh, progress)


def _fill(job: Job, directory: Path, progress: Progress) -> None:
    said = ""
    with _child(job, directory) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(PROGRESS):
                done, total = line.split()[1:]
                progress(int(done), int(total))
            else:
                said = line.strip()
    if child.returncode:
        raise StoreError(said or f"cannot build the search index in {directory.parent}: {_ended(child.returncode)}")


@contextmanager
def _child(job: Job, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `filling` for a job; it ends with the block."""
    # The child must find this very package, wherever it is started.
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen(
        [sys.executable, "-m", "profilegen.index.filling", job, str(directory)],
        env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep), "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    with child:
        try:
            yield child
        except BaseException:
            child.kill()
            raise
        finally:
            if job == "probe":
                child.kill()


def _ended(status: int) -> str:
    return f"the process that builds it was ended by signal {-status}" if status < 0 else f"exit status {status}"


def _remove_others(store_dir: Path, kept: Path) -> None:
    """Remove the index before this one, and what killed builds left; who has one open goes on reading it."""
    for directory in store_dir.glob("index-*"):
        if directory != kept:
            shutil.rmtree(directory, ignore_errors=True)
