"""Full disks: whether an error is due to one, and which disk it is."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from profilegen.errors import FullDiskError

_HARDLY_FREE_BYTES = 1 << 20


def is_full(error: BaseException) -> bool:
    """Return whether an error of the operating system is that of a full disk or of a used-up quota.

    :param error: any.
    """
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_hardly_free(*places: Path) -> bool:
    """Return whether less than a megabyte is free on a disk.

    :param places: files or directories on it, which need not exist.
    """
    return min((_free(_disk(place)) for place in places), default=_HARDLY_FREE_BYTES) < _HARDLY_FREE_BYTES


def full_disk(*places: Path) -> FullDiskError:
    """Return the error that names the full disk, with what to do.

    :param places: files or directories that were written to; of their disks and that of temporary files, the one with
        the least room is named.
    """
    disks = [_disk(place) for place in (*places, _temporary())]
    # What did not fit may have been removed since: then it is the disk of what was written.
    disk = min(disks, key=_free) if is_hardly_free(*disks) else disks[0]
    holds = str(places[0]) if places and disk == disks[0] else "temporary files"
    quota = "" if is_hardly_free(disk) else ", or a quota on it is used up"
    return FullDiskError(
        f"the disk {disk} is full{quota}; it holds {holds}, and {_free(disk) / 1e6:,.1f} MB of it are free: make room "
        "on it, then run the same command again. What was stored before is kept"
    )


@contextmanager
def explained_disk(*places: Path) -> Iterator[None]:
    """Raise an error of the operating system that is due to a full disk as one that names the disk.

    :param places: as of `full_disk`.
    :raises FullDiskError: a disk is full.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        named = [Path(error.filename)] if isinstance(error.filename, str) else []
        raise full_disk(*named, *places) from error


def _disk(place: Path) -> Path:
    """Return where the disk of a place is mounted."""
    path = place.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    path = path.resolve()
    while not path.is_mount() and path != path.parent:
        path = path.parent
    return path


def _free(disk: Path) -> int:
    with suppress(OSError):
        return shutil.disk_usage(disk).free
    return 1 << 62


def _temporary() -> Path:
    """Return the directory of temporary files; where the disk is full, Python finds none that it can write to."""
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path(os.environ.get("TMPDIR", "/tmp"))
