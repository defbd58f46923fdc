"""The files to read: those that were named, and those in the directories that were named."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from profilegen.errors import InputError, UsageError
from profilegen.ingest.formats.registry import COMPRESSIONS, format_by_suffix, known_suffixes
from profilegen.language.cleaning import printable
from profilegen.records import SkippedFile

STDIN = "-"


# How a ZIP archive begins; office documents are such archives too, and say so in a part of this name.
_ZIP, _OFFICE_PART = b"PK\x03\x04", "[Content_Types].xml"


class Source(NamedTuple):
    """A file to read, or one in a ZIP archive.

    :param path: where it is on disk, or `-` for standard input.
    :param member: its name in the archive, "" of a file that is none.
    :param below: its path from what was named on, with `/` between the parts.
    """

    path: str
    member: str = ""
    below: str = ""


class Files(NamedTuple):
    """The files to read, in order, and those in directories and archives that are passed over."""

    found: list[Source]
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
            files.found.append(Source(STDIN, below=STDIN))
        else:
            _add(source, files)
    return files


def _add(source: str, files: Files) -> None:
    path = Path(source)
    found: list[Source] = []
    skipped: list[SkippedFile] = []
    try:
        if not path.is_dir():
            path.stat()
            if not is_archive(path):
                files.found.append(Source(source, below=path.name))
                return
            _add_members(path, path.name, found, skipped)
        else:
            top = path.resolve().parent
            for file in _walk(path):
                if reason := _why_skipped(file):
                    skipped.append(SkippedFile(file=printable(str(file)), reason=reason))
                elif is_archive(file):
                    _add_members(file, _below(file, top), found, skipped)
                else:
                    found.append(Source(str(file), below=_below(file, top)))
    except OSError as error:
        raise InputError(f"{printable(source)}: {error.strerror}; check the name and whether you may read it") from None
    except zipfile.BadZipFile as error:
        raise InputError(f"{printable(source)}: is a broken ZIP archive ({error}); get it anew") from None
    if not found:
        what = "directory" if path.is_dir() else "archive"
        raise InputError(
            f"{printable(source)}: no file to read in this {what}; known are {' '.join(known_suffixes())}, "
            f"each also with {' or '.join(COMPRESSIONS)}{_describe_skipped(skipped)}"
        )
    files.found.extend(found)
    files.skipped.extend(skipped)


def _below(file: Path, top: Path) -> str:
    try:
        return file.absolute().relative_to(top).as_posix()
    except ValueError:  # a link on the way
        return file.as_posix()


def is_archive(path: Path) -> bool:
    """Tell whether a file is a ZIP archive of files, and no office document.

    :param path: of any file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        return False
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            return False
    with zipfile.ZipFile(path) as archive:
        return _OFFICE_PART not in archive.namelist()


def _add_members(path: Path, below: str, found: list[Source], skipped: list[SkippedFile]) -> None:
    """Add the members of an archive; hidden ones do not count."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = PurePosixPath(member.filename)
            if member.is_dir() or any(part.startswith((".", "__MACOSX")) for part in name.parts):
                continue
            source = Source(str(path), member.filename, f"{PurePosixPath(below).with_suffix('')}/{member.filename}")
            if member.flag_bits & 1:
                skipped.append(SkippedFile(file=display_name(source), reason="encrypted; unpack the archive"))
            elif format_by_suffix(name.name) is None:
                skipped.append(SkippedFile(file=display_name(source), reason="no known format"))
            else:
                found.append(source)


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


def can_be_read_twice(source: Source) -> bool:
    """Return whether a source is a file on disk, and no stream such as standard input or a named pipe.

    :param source: the file.
    """
    return source.path != STDIN and Path(source.path).is_file()


def display_name(source: Source) -> str:
    """Return what a message calls a file, without characters that could act on a terminal.

    :param source: the file.
    """
    if source.path == STDIN:
        return "stdin"
    return printable(f"{source.path}/{source.member}" if source.member else source.path)


MAX_BESIDE_BYTES = 1 << 24


def read_beside(source: Source, relative: str) -> bytes | None:
    """Return the bytes of a small file that lies near another one, None where there is none.

    :param source: the file that is known.
    :param relative: path of the other one from the folder of the first, with `/`.
    """
    try:
        if source.member:
            name = os.path.normpath(PurePosixPath(source.member).parent / relative).replace(os.sep, "/")
            with zipfile.ZipFile(source.path) as archive:
                return archive.read(name) if archive.getinfo(name).file_size <= MAX_BESIDE_BYTES else None
        path = Path(source.path).parent / relative
        return path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_BESIDE_BYTES else None
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile):
        return None
