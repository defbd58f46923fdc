"""Building of the index, from the ledger alone or from the index before it.

A child process (`filling`) writes it. One that rebuilds the index has never had a removed user in its memory: Chroma
writes its vector files at the size that it has reserved, with whatever that memory held before.
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

from profilegen.disk import full_disk, is_hardly_free
from profilegen.errors import StoreError
from profilegen.processes import python_command, python_environment
from profilegen.store.files import INDEX_PREFIX, remove_unused_indexes
from profilegen.store.ledger import Ledger
from profilegen.store.pointer import Pointer, read_pointer, write_pointer

RowProgress = Callable[[int, int], None]
Job = Literal["stand by", "build"]

_PROBE_TIMEOUT_S = 600
# What a child process prints, a line each.
PROGRESS, SOUND, DONE = "progress", "sound", "done"


def build_index(
    ledger: Ledger, store_dir: Path, progress: RowProgress | None = None, standby: Standby | None = None
) -> None:
    """Build the index of a store from its ledger and switch to it; needs the write lock.

    Where few rows have changed and no removed text is to be erased, it is made from a copy of the index before it.
    Until the switch the old index is searched, and it stays when this fails or is killed.

    :param ledger: of the store.
    :param store_dir: the store.
    :param progress: called after every batch with the rows that are done and the number of all rows.
    :param standby: of `standing_by` for this store; else one is started.
    :raises StoreError: Chroma could not build it.
    """
    revision = ledger.revision()
    embedder = str((ledger.get_meta("embedder") or {}).get("sha256", ""))
    fresh = store_dir / f"{INDEX_PREFIX}{secrets.token_hex(8)}"
    report = progress or (lambda done, total: None)
    try:
        with nullcontext(standby) if standby else standing_by(store_dir) as open_before:
            extended = open_before.extend(fresh, report)
        if not extended:
            shutil.rmtree(fresh, ignore_errors=True)
            _build(fresh, report)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    write_pointer(store_dir, Pointer(fresh.name, revision, embedder))
    remove_unused_indexes(store_dir)


def current_revision(store_dir: Path) -> str | None:
    """Return the revision of the ledger that the index was built from, or None where there is no index.

    :param store_dir: the store.
    """
    pointer = read_pointer(store_dir)
    return None if pointer is None else pointer.revision


def probe(store_dir: Path) -> bool:
    """Tell whether there is an index that finds its own rows, tried in a child process.

    :param store_dir: the store.
    """
    with standing_by(store_dir) as standby:
        return standby.is_sound()


class Standby:
    """A child process that opens the index, tests it, and can make the next one from it.

    Most of the time of each goes into the start of Chroma, which can run beside other work. A damaged index can end
    the process that opens it, which no `except` catches.

    :param child: the process, None where there is no index.
    """

    def __init__(self, child: subprocess.Popen[str] | None) -> None:
        self._child = child
        self._sound: bool | None = None if child else False

    def is_sound(self) -> bool:
        """Wait for the result of the test: whether there is an index that finds its own rows.

        Each collection must give vectors of length 1 for a sample of its rows, and find those rows by them; damage
        outside the sample stays unseen.
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
        """Make the next index from this one.

        :param directory: the new index's, in the same store.
        :param progress: as of `build_index`.
        :return: False where this index is damaged or the next cannot be made from it.
        """
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
    """Start the child process that opens the index; it ends with the block.

    :param store_dir: the store.
    """
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
        message = _listen(child, progress)
    if message != DONE:
        if is_hardly_free(directory):
            raise full_disk(directory)
        raise StoreError(message or f"cannot build the search index in {directory.parent}: {_ended(child.returncode)}")


def _listen(child: subprocess.Popen[str], progress: RowProgress) -> str:
    """Pass on how far a child is until it ends; return the last other thing that it message."""
    assert child.stdout is not None
    message = ""
    for line in child.stdout:
        if line.startswith(PROGRESS):
            done, total = line.split()[1:]
            progress(int(done), int(total))
        else:
            message = line.strip()
    return message


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
