"""Forgetting of users, finished without a model where it was cut off; the index is left to the next build."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from profilegen.errors import StoreError
from profilegen.store.files import EVALUATION_DIRECTORY, is_own, remove_unused_indexes, write_lock
from profilegen.store.ledger import Ledger, open_ledger
from profilegen.store.ledger.salvage import remove_damaged
from profilegen.store.pointer import POINTER_FILE
from profilegen.store.user_words import is_short, names_user


@contextmanager
def opened_to_write(directory: Path, *, create: bool = False) -> Iterator[Ledger]:
    """Hold the right to write to a store and open it; a `forget` that was killed is finished first.

    :param directory: the store.
    :param create: as of `write_lock` and `open_ledger`.
    :raises StoreError: another process holds the right, or there is no store.
    """
    with write_lock(directory, create=create), open_ledger(directory, create=create) as ledger:
        finish(ledger, directory)
        yield ledger


def finish_if_cut_off(directory: Path) -> None:
    """Finish a `forget` that was killed, unless the process that runs it is still at it or another one builds.

    :param directory: the store.
    :raises StoreError: there is no store, or it cannot be written to.
    """
    with open_ledger(directory) as ledger:
        if ledger.users_to_forget():
            with suppress(StoreError), write_lock(directory):
                finish(ledger, directory)


def finish(ledger: Ledger, directory: Path) -> None:
    """Finish a `forget` that was killed; the caller holds the right to write.

    The index is removed, not built: until the next build, searches compare with every user in the ledger.

    :param ledger: of the store.
    :param directory: the store.
    """
    users = ledger.users_to_forget()
    if not users:
        return
    ledger.remove_marked_users()
    remove_damaged(directory)
    remove_reports(directory)
    remove_named_files(directory, users)
    remove_index(directory)
    ledger.end_forgetting()
    ledger.erase_log(0)


def remove_index(directory: Path) -> int:
    """Remove the index of a store, so that nothing of it is left; returns how many were removed.

    :param directory: the store.
    """
    (directory / POINTER_FILE).unlink(missing_ok=True)
    (directory / f"{POINTER_FILE}.new").unlink(missing_ok=True)
    return remove_unused_indexes(directory)


def remove_reports(directory: Path) -> int:
    """Remove the reports of evaluations, which quote users; returns how many files they were.

    :param directory: the store.
    """
    reports = directory / EVALUATION_DIRECTORY
    files = sum(path.is_file() for path in reports.rglob("*")) if reports.is_dir() else 0
    shutil.rmtree(reports, ignore_errors=True)
    return files


def remove_named_files(directory: Path, users: Sequence[str]) -> int:
    """Remove files that lie in a store, are about a user by name and content, and are not of the store itself.

    Such are sheets and exports that somebody saved there.

    :param directory: the store.
    :param users: ids of users; for short ids nothing is removed.
    :return: how many files were removed.
    """
    removed = 0
    for path in [*directory.rglob("*")]:
        about = [user for user in users if not is_short(user) and names_user(path.name, user)]
        if about and not is_own(path.relative_to(directory)) and path.is_file() and not path.is_symlink():
            with suppress(OSError):  # A file of another account stays; the search names it.
                content = path.read_bytes()
                if not content or any(user.encode() in content for user in about):
                    path.unlink()
                    removed += 1
    return removed
