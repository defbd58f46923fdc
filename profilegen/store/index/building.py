"""The index made anew, or made from the one before it, and swapped.

What fills a directory is a process of its own (`filling`). One that makes an index anew has never seen a removed user:
Chroma writes its vector files at the size it has reserved, with whatever the process last kept in that memory.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Timer
from typing import Literal

from profilegen.errors import StoreError
from profilegen.processes import python_command, python_environment
from profilegen.store.files import INDEX_PREFIX, remove_unused_indexes
from profilegen.store.ledger import Ledger
from profilegen.store.pointer import Pointer, read_pointer, write_pointer

RowProgress = Callable[[int, int], None]
Job = Literal["stand by", "build"]

_PROBE_TIMEOUT_S = 600
# What a child says, a line each.
PROGRESS, SOUND, DONE = "progress", "sound", "done"


def build_index(
    ledger: Ledger, store_dir: Path, progress: RowProgress | None = None, standby: Standby | None = None
) -> None:
    """Build the index of the store at `store_dir` from its ledger and switch to it; needs the write lock.

    Where the index before differs in a few rows, and nothing that a person wrote is to be forgotten, it is made from a
    copy of that one. `progress` is told rows done and rows in all after every batch. Until the switch the old index is
    searched, and it stays when this fails or is killed.

    :param standby: of `standing_by` for this store; else one is started.
    :raises StoreError: Chroma could not build it.
    """
    revision = ledger.revision()
    embedder = str((ledger.get_meta("embedder") or {}).get("sha256", ""))
    fresh = store_dir / f"{INDEX_PREFIX}{secrets.token_hex(8)}"
    told = progress or (lambda done, total: None)
    try:
        with nullcontext(standby) if standby else standing_by(store_dir) as open_before:
            extended = open_before.extend(fresh, told)
        if not extended:
            shutil.rmtree(fresh, ignore_errors=True)
            _build(fresh, told)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    write_pointer(store_dir, Pointer(fresh.name, revision, embedder))
    remove_unused_indexes(store_dir)


def current_revision(store_dir: Path) -> str | None:
    """Return the revision of the ledger that the index was built from, or None where there is no index."""
    pointer = read_pointer(store_dir)
    return None if pointer is None else pointer.revision


def probe(store_dir: Path) -> bool:
    """Whether the index is there and answers, tried in a child process."""
    with standing_by(store_dir) as standby:
        return standby.is_sound()


class Standby:
    """A child process that opens the index, tries whether it answers, and can make another one from it.

    Most of the time of each goes into the start of Chroma, which can go on beside other work. A damaged index can end
    the process that opens it, which no `except` catches.
    """

    def __init__(self, child: subprocess.Popen[str] | None) -> None:
        self._child = child
        self._sound: bool | None = None if child else False

    def is_sound(self) -> bool:
        """Wait for the answer: whether the index is there and answers.

        Each collection must give vectors of length 1 for a sample of its rows, and find those rows by them; damage
        that the sample misses stays unseen.
        """
        if self._sound is None:
            assert self._child is not None
            assert self._child.stdout is not None
            alarm = Timer(_PROBE_TIMEOUT_S, self._child.kill)
            alarm.start()
            try:
                self._sound = self._child.stdout.readline().strip() == SOUND
            finally:
                alarm.cancel()  # Else Ctrl-C would wait for it.
        return self._sound

    def extend(self, directory: Path, progress: RowProgress) -> bool:
        """Make an index in a directory beside it from this one; False where that is damaged or not fit for it."""
        if not self.is_sound():
            return False
        assert self._child is not None
        assert self._child.stdin is not None
        with suppress(OSError):  # It is dead, which its output tells.
            self._child.stdin.write(f"{directory.name}\n")
            self._child.stdin.close()
        self._sound = False  # It does this once.
        return _listen(self._child, progress) == DONE


@contextmanager
def standing_by(store_dir: Path) -> Iterator[Standby]:
    """Give the child that opens the index, which ends with the block."""
    if read_pointer(store_dir) is None:
        yield Standby(None)
        return
    with _child("stand by", store_dir) as child:
        try:
            yield Standby(child)
        finally:
            child.kill()


def _build(directory: Path, progress: RowProgress) -> None:
    with _child("build", directory) as child:
        said = _listen(child, progress)
    if said != DONE:
        raise StoreError(said or f"cannot build the search index in {directory.parent}: {_ended(child.returncode)}")


def _listen(child: subprocess.Popen[str], progress: RowProgress) -> str:
    """Pass on how far a child is until it ends; return the last other thing that it said."""
    assert child.stdout is not None
    said = ""
    for line in child.stdout:
        if line.startswith(PROGRESS):
            done, total = line.split()[1:]
            progress(int(done), int(total))
        else:
            said = line.strip()
    return said


@contextmanager
def _child(job: Job, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `filling` for a job; it ends with the block."""
    child = subprocess.Popen(
        python_command("profilegen.store.index.filling", job, str(directory)),
        env=python_environment(PYTHONIOENCODING="utf-8"),
        stdin=subprocess.PIPE,
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


def _ended(status: int) -> str:
    return f"the process that builds it was ended by signal {-status}" if status < 0 else f"exit status {status}"
