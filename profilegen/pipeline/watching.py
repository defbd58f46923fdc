"""A directory that is watched: which of its files changed, and what to build of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import NamedTuple

from profilegen.errors import InputError, ProfilegenError, UsageError
from profilegen.records import BuildReport

# A file that is always being written to is read after a minute all the same; what is cut off is a bad line.
_LONGEST_WAIT_S = 60
_LOOK_MS = 200


class Round(NamedTuple):
    """What was built at once: reports, and the errors of what could not be built."""

    reports: tuple[BuildReport, ...]
    errors: tuple[ProfilegenError, ...]


def changes_in(directory: Path, store: Path, quiet_s: float) -> Generator[tuple[Path, ...], None, None]:
    """Yield the files that are new, changed or gone, each time when nothing has changed for a while, until Ctrl-C.

    First comes an empty tuple, as soon as the directory is watched: nothing that changes after it is missed. Hidden
    files do not count.

    :param directory: with all below it.
    :param store: which must not lie in it, since each build changes it.
    :param quiet_s: seconds without a change.
    :raises UsageError: the directory cannot be watched.
    """
    from watchfiles import watch

    if not directory.is_dir():
        raise UsageError(f"{directory} is no directory; name one, and build a file with `profilegen build`")
    if store.resolve().is_relative_to(directory.resolve()):
        raise UsageError(
            f"the store {store} lies in {directory}, which each build would change; choose another --store"
        )
    top = directory.absolute()

    def is_counted(_: object, path: str) -> bool:
        below = Path(path).parts[len(top.parts) :]
        return not any(part.startswith(".") for part in below)

    pending: set[Path] = set()
    first = last = 0.0
    watched = watch(top, watch_filter=is_counted, rust_timeout=_LOOK_MS, yield_on_timeout=True)
    try:
        next(watched)
        yield ()
        for changes in watched:
            now = time.monotonic()
            if changes:
                first, last = (first if pending else now), now
                pending |= {Path(path) for _, path in changes}
            if pending and (now - last >= quiet_s or now - first >= _LONGEST_WAIT_S):
                yield tuple(sorted(pending))
                pending.clear()
    except KeyboardInterrupt:  # how a watch is meant to end
        return


def build_changes(
    build: Callable[[Sequence[str], bool], BuildReport], directory: Path, changed: Sequence[Path], *, add: bool
) -> Round:
    """Bring a store up to date with a directory of which some files changed.

    Where the directory cannot be read as a whole, each changed file is added by itself, so that a damaged one does not
    keep the others out; nothing is removed then.

    :param build: builds from paths; its second argument is whether to keep what these do not have.
    :param directory: the directory.
    :param changed: files of it; none at the beginning.
    :param add: keep what the directory does not have any more.
    """
    try:
        return Round((build([str(directory)], add),), ())
    except InputError as error:
        files = [path for path in changed if path.is_file()]
        if len(files) < 2:
            return Round((), (error,))
        return _each(build, files)
    except ProfilegenError as error:
        return Round((), (error,))


def _each(build: Callable[[Sequence[str], bool], BuildReport], files: Sequence[Path]) -> Round:
    reports: list[BuildReport] = []
    errors: list[ProfilegenError] = []
    for path in files:
        try:
            reports.append(build([str(path)], True))
        except ProfilegenError as error:
            errors.append(error)
    return Round(tuple(reports), tuple(errors))
