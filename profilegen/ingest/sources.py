"""The files to read: those that were named, and those in the directories that were named."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from profilegen.errors import InputError, UsageError
from profilegen.ingest.formats.registry import COMPRESSIONS, format_by_suffix, known_suffixes
from profilegen.language.cleaning import printable
from profilegen.records import SkippedFile

STDIN = "-"


class Files(NamedTuple):
    """The files to read, in order, and those in the directories that are passed over."""

    found: list[str]
    skipped: list[SkippedFile]


def find_files(sources: Sequence[str]) -> Files:
    """Return the files of what was named, in the order given. Directories are walked, without hidden files.

    :param sources: paths of files and directories, or `-` for standard input.
    :raises InputError: nothing was named, or what was named is not there or holds nothing to read.
    :raises UsageError: standard input was named twice.
    """
    if not sources:
        raise InputError("no input: name at least one file or directory, or - for standard input")
    if sources.count(STDIN) > 1:
        raise UsageError("standard input (-) can be read only once")
    files = Files([], [])
    for source in sources:
        if source == STDIN:
            files.found.append(source)
        else:
            _add(source, files)
    return files


def _add(source: str, files: Files) -> None:
    path = Path(source)
    found: list[str] = []
    skipped: list[SkippedFile] = []
    try:
        if not path.is_dir():
            path.stat()
            files.found.append(source)
            return
        for file in _walk(path):
            if reason := _why_skipped(file):
                skipped.append(SkippedFile(file=display_name(str(file)), reason=reason))
            else:
                found.append(str(file))
    except OSError as error:
        raise InputError(
            f"{display_name(source)}: {error.strerror}; check the name and whether you may read it"
        ) from None
    if not found:
        raise InputError(
            f"{display_name(source)}: no file to read in this directory; known are {' '.join(known_suffixes())}, "
            f"each also with {' or '.join(COMPRESSIONS)}{_describe_skipped(skipped)}"
        )
    files.found.extend(found)
    files.skipped.extend(skipped)


def _describe_skipped(skipped: Sequence[SkippedFile]) -> str:
    return f". Passed over {len(skipped):,}, such as {skipped[0].file} ({skipped[0].reason})" if skipped else ""


def _walk(directory: Path) -> Iterator[Path]:
    """Yield the files in a directory and below that are not hidden, and the links to directories."""
    for folder, names, files in os.walk(directory, onerror=_raise):
        names[:] = sorted(name for name in names if not name.startswith("."))
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        for name in sorted((*files, *links)):
            if not name.startswith("."):
                yield Path(folder) / name


def _raise(error: OSError) -> None:
    raise error


def _why_skipped(path: Path) -> str | None:
    """Return why a file in a directory is not read, None for one that is."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "a link to nothing" if path.is_symlink() else None
    if stat.S_ISDIR(mode):
        return "a link to a directory"
    if not stat.S_ISREG(mode):
        return describe_special(mode)
    return None if format_by_suffix(path.name) else "no known format"


def describe_special(mode: int) -> str:
    """Return what a file is that is neither a regular file nor a directory, for a message.

    :param mode: its `st_mode`.
    """
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def can_be_read_twice(file: str) -> bool:
    """Return whether what was named is a file on disk, and no stream such as standard input or a named pipe.

    :param file: a path, or `-` for standard input.
    """
    return file != STDIN and Path(file).is_file()


def display_name(file: str) -> str:
    """Return what a message calls a file, without characters that could act on a terminal.

    :param file: a path, or `-` for standard input.
    """
    return "stdin" if file == STDIN else printable(file)
