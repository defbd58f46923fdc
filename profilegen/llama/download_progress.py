"""Reports how far a download is whose library does not say so, by the size of the folder that it writes to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from profilegen.backends import Progress

_PROGRESS_INTERVAL_S = 0.3


@contextlib.contextmanager
def reported_progress(folder: Path, what: str, total: int, progress: Progress) -> Iterator[None]:
    """Report the size of the folder as progress, while the block downloads into it.

    :param folder: the folder, with all that is in it.
    :param what: name of the stage.
    :param total: bytes that there will be, 0 where that is not known.
    :param progress: called from a thread.
    """
    done = threading.Event()

    def report() -> None:
        while not done.wait(_PROGRESS_INTERVAL_S):
            progress(what, min(_bytes_in(folder), total) if total else _bytes_in(folder), total)

    progress(what, 0, total)
    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()


def _bytes_in(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # It was moved in between.
            size += path.stat().st_size if path.is_file() else 0
    return size
