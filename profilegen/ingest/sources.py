"""The files that are read: those that were named, and those in the directories that were named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from profilegen.errors import InputError, UsageError

STDIN = "-"

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
}
_COMPRESSED = (".gz", ".zst")


def named_files(sources: Sequence[str]) -> list[str]:
    """Return the files of what was named, in the order given; a directory is walked, hidden files skipped.

    :raises InputError: nothing was named, or what was named is not there or holds nothing to read.
    :raises UsageError: standard input was named twice.
    """
    if not sources:
        raise InputError("no input: name at least one file or directory, or - for standard input")
    if sources.count(STDIN) > 1:
        raise UsageError("standard input (-) can be read only once")
    return [file for source in sources for file in ([STDIN] if source == STDIN else _found(source))]


def _found(source: str) -> list[str]:
    path = Path(source)
    try:
        if not path.is_dir():
            path.stat()
            return [source]
        files = list(_walk(path))
    except OSError as error:
        raise InputError(f"{source}: {error.strerror}; check the name and whether you may read it") from None
    if not files:
        raise InputError(
            f"{source}: no file to read in this directory; known are {' '.join(_SUFFIXES)}, "
            f"each also with {' or '.join(_COMPRESSED)}"
        )
    return files


def _walk(directory: Path) -> Iterator[str]:
    for folder, names, files in os.walk(directory, onerror=_raise):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and format_by_name(name):
                yield str(Path(folder) / name)


def _raise(error: OSError) -> None:
    raise error


def format_by_name(name: str) -> str | None:
    """Return `csv`, `tsv`, `json` or `parquet` by the suffix before that of a compression, None for another."""
    path = Path(name.lower())
    if path.suffix in _COMPRESSED:
        path = path.with_suffix("")
    return _SUFFIXES.get(path.suffix)


def can_be_read_twice(file: str) -> bool:
    """Tell a file from a stream, such as standard input or a named pipe."""
    return file != STDIN and Path(file).is_file()


def shown(file: str) -> str:
    """Return what a message calls the file."""
    return "stdin" if file == STDIN else file
