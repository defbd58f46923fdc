"""The files of a store: private to their owner, written by one process at a time."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from profilegen.disk import full_disk, is_full
from profilegen.errors import StoreError
from profilegen.store.pointer import read_pointer

LEDGER_FILE = "ledger.sqlite3"
INCOMING_FILE = "incoming.sqlite3"
EVALUATION_DIRECTORY = "evaluation"
INDEX_PREFIX = "index-"

PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700
_LOCK_FILE, _HOLDER_FILE = "write.lock", "write.pid"
# What the names of all files and directories of a store begin with.
_NAMES = (LEDGER_FILE, INCOMING_FILE, "index.json", INDEX_PREFIX, "write.", EVALUATION_DIRECTORY)


def make_store_directory(directory: Path) -> None:
    """Make the directory of a store, for its owner alone; one that exists stays as it is.

    :param directory: parents that are missing are made with the usual permissions.
    :raises StoreError: it cannot be made.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    except OSError as error:
        if is_full(error):
            raise full_disk(directory) from error
        raise StoreError(f"cannot make a store at {directory}: {error.strerror}; name another directory") from error


def make_private_file(path: Path) -> None:
    """Make an empty file that only its owner can read, whatever the umask.

    :param path: a file that exists stays as it is.
    """
    path.touch(mode=PRIVATE_FILE)


def make_private(directory: Path) -> None:
    """Take the permissions of other accounts from everything that belongs to a store made by an earlier version.

    The directory itself is left alone where it holds anything else, as a home directory does that was named as a store.

    :param directory: the store; what belongs to another account is passed over.
    """
    entries = list(directory.iterdir())
    own = [entry for entry in entries if entry.name.startswith(_NAMES)]
    for entry in own:
        for path in (entry, *(entry.rglob("*") if entry.is_dir() and not entry.is_symlink() else ())):
            _take_permissions(path)
    if len(own) == len(entries):
        _take_permissions(directory)


@contextmanager
def write_lock(directory: Path, *, create: bool = False) -> Iterator[None]:
    """Hold the one right to write to a store; never waits for it. Removes first what killed builds left.

    :param directory: the store.
    :param create: make the directory if it is missing, and make all that is in it private.
    :raises StoreError: another process holds the right, or there is no such directory and `create` is not given.
    """
    if create:
        make_store_directory(directory)
    elif not directory.is_dir():
        raise no_store(directory)
    # The process id has a file of its own: some versions of filelock empty the lock file when they fail.
    holder = directory / _HOLDER_FILE
    lock = FileLock(directory / _LOCK_FILE, timeout=0, mode=PRIVATE_FILE)
    try:
        lock.acquire()
    except Timeout:
        pid = holder.read_text() if holder.is_file() else "unknown"
        message = f"another profilegen build is writing to {directory} (pid {pid}); wait until it is done"
        raise StoreError(message) from None
    except OSError as error:
        if is_full(error):
            raise full_disk(directory) from error
        raise StoreError(f"cannot write to {directory}: {error.strerror}") from error
    try:
        make_private_file(holder)
        holder.write_text(str(os.getpid()))
        if create:
            make_private(directory)
        remove_incoming(directory)
        remove_unused_indexes(directory)
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def remove_incoming(directory: Path) -> None:
    """Remove the file that new documents are staged in, finished or not.

    :param directory: the store.
    """
    for suffix in ("", "-journal", "-wal", "-shm"):
        (directory / f"{INCOMING_FILE}{suffix}").unlink(missing_ok=True)


def remove_unused_indexes(directory: Path) -> int:
    """Remove the indexes that the pointer does not name; processes that have one open can go on reading it.

    :param directory: the store.
    :return: how many were removed.
    """
    pointer = read_pointer(directory)
    removed = 0
    for index in directory.glob(f"{INDEX_PREFIX}*"):
        if pointer is None or index.name != pointer.directory:
            shutil.rmtree(index, ignore_errors=True)
            removed += 1
    return removed


def is_own(path: Path) -> bool:
    """Return whether something in the directory of a store belongs to the store.

    :param path: from that directory.
    """
    return path.parts[0].startswith(_NAMES)


def no_store(directory: Path) -> StoreError:
    """Return the error that there is no store, with the command that makes one.

    :param directory: where it was looked for.
    """
    command = f"profilegen build FILES --store {shlex.quote(str(directory))}"
    return StoreError(f"no store at {directory}; make one with `{command}`")


def _take_permissions(path: Path) -> None:
    """Take the permissions of group and others, where that is allowed."""
    with suppress(OSError):
        mode = path.lstat().st_mode
        if mode & 0o077 and not path.is_symlink():
            path.chmod(mode & 0o700)
