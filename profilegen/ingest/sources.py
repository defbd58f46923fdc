"""The files to read: those that were named, and those in the directories that were named."""

from __future__ import annotations

import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from profilegen.errors import InputError, UsageError
from profilegen.ingest.formats.registry import COMPRESSIONS, known_suffixes, why_not_read
from profilegen.language.cleaning import printable
from profilegen.records import SkippedFile

STDIN = "-"


# Kinds of files in a message of what is passed over.
_MAX_KINDS = 10
# How a ZIP archive begins; office documents are such archives too, and have one of these members.
_ZIP, _OFFICE_PARTS = b"PK\x03\x04", ("[Content_Types].xml", "META-INF/manifest.xml")
# What stands between a file and the sheet or table in it that is wanted.
_PART = "::"


class Source(NamedTuple):
    """A file to read, or one in a ZIP archive.

    :param path: where it is on disk, or `-` for standard input.
    :param member: its name in the archive, "" of a file that is none.
    :param below: its path from what was named on, with `/` between the parts.
    :param part: the sheet or the table in it that is wanted, "" where nothing was said.
    """

    path: str
    member: str = ""
    below: str = ""
    part: str = ""


class Files(NamedTuple):
    """The files to read, in order, and those in directories and archives that are passed over."""

    found: list[Source]
    skipped: list[SkippedFile]


def find_files(sources: Sequence[str]) -> Files:
    """Return the files of what was named, in the order given. Directories are walked, without hidden files.

    :param sources: paths of files and directories, or `-` for standard input. `FILE::NAME` is one sheet or table of a
        workbook or a database.
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
    source, part = _split(source)
    path = Path(source)
    found: list[Source] = []
    skipped: list[SkippedFile] = []
    try:
        if not path.is_dir():
            path.stat()
            if not is_archive(path):
                files.found.append(Source(source, below=path.name, part=part))
                return
            _add_members(path, path.name, found, skipped)
        else:
            top = path.resolve().parent
            for file in _walk(path):
                _add_file(file, _below(file, top), found, skipped)
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


def _add_file(file: Path, below: str, found: list[Source], skipped: list[SkippedFile]) -> None:
    """Add a file in a directory, or the members of an archive there, or why it is passed over."""
    reason = _why_special(file)
    try:
        if reason is None and is_archive(file):
            _add_members(file, below, found, skipped)
            return
    except zipfile.BadZipFile:
        reason = "a broken ZIP archive"
    reason = reason or why_not_read(file.name, _side_files(file))
    if reason:
        skipped.append(SkippedFile(file=printable(str(file)), reason=reason))
    else:
        found.append(Source(str(file), below=below))


def _side_files(file: Path) -> frozenset[str]:
    return frozenset({"dataset_info.json"} if file.with_name("dataset_info.json").exists() else ())


def _split(source: str) -> tuple[str, str]:
    """Return a path, and the sheet or table that is named behind it."""
    path, mark, part = source.rpartition(_PART)
    return (path, part) if mark and path and not os.path.lexists(source) else (source, "")


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
        return not any(part in archive.namelist() for part in _OFFICE_PARTS)


def _add_members(path: Path, below: str, found: list[Source], skipped: list[SkippedFile]) -> None:
    """Add the members of an archive; hidden ones do not count."""
    with zipfile.ZipFile(path) as archive:
        folders = _by_folder(archive.namelist())
        for member in archive.infolist():
            name = PurePosixPath(member.filename)
            if member.is_dir() or any(part.startswith((".", "__MACOSX")) for part in name.parts):
                continue
            source = Source(str(path), member.filename, f"{PurePosixPath(below).with_suffix('')}/{member.filename}")
            if member.flag_bits & 1:
                skipped.append(SkippedFile(file=display_name(source), reason="encrypted; unpack the archive"))
            elif reason := why_not_read(member.filename, folders[str(name.parent)]):
                skipped.append(SkippedFile(file=display_name(source), reason=reason))
            else:
                found.append(source)


def _by_folder(names: Sequence[str]) -> dict[str, frozenset[str]]:
    folders: dict[str, set[str]] = {}
    for name in map(PurePosixPath, names):
        folders.setdefault(str(name.parent), set()).add(name.name)
    return {folder: frozenset(files) for folder, files in folders.items()}


def _describe_skipped(skipped: Sequence[SkippedFile]) -> str:
    """Return how many files are passed over, and why those of each kind are."""
    kinds = Counter((PurePosixPath(each.file).suffix or each.file, each.reason) for each in skipped)
    shown = ", ".join(f"{count:,} {suffix} ({reason})" for (suffix, reason), count in kinds.most_common(_MAX_KINDS))
    more = ", …" if len(kinds) > _MAX_KINDS else ""
    return f". Passed over {len(skipped):,}: {shown}{more}" if skipped else ""


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


def _why_special(path: Path) -> str | None:
    """Return why what lies in a directory is no file that can be read, None for one that can."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "a link to nothing" if path.is_symlink() else None
    if stat.S_ISDIR(mode):
        return "a link to a directory"
    return None if stat.S_ISREG(mode) else describe_special(mode)


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
    name = f"{source.path}/{source.member}" if source.member else source.path
    return printable(f"{name}{_PART}{source.part}" if source.part else name)


def open_archive(path: str) -> zipfile.ZipFile:
    """Return a ZIP archive, which stays open: its list of members is long, and is read for each member otherwise.

    :param path: of the archive.
    """
    state = Path(path).stat()
    return _open_archive(path, (state.st_mtime_ns, state.st_size, state.st_ino))


@lru_cache(maxsize=2)
def _open_archive(path: str, state: tuple[int, ...]) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


MAX_BESIDE_BYTES = 1 << 24


def read_beside(source: Source, relative: str) -> bytes | None:
    """Return the bytes of a small file that lies near another one, None where there is none.

    :param source: the file that is known.
    :param relative: path of the other one from the folder of the first, with `/`.
    """
    try:
        if source.member:
            name = os.path.normpath(PurePosixPath(source.member).parent / relative).replace(os.sep, "/")
            archive = open_archive(source.path)
            return archive.read(name) if archive.getinfo(name).file_size <= MAX_BESIDE_BYTES else None
        path = Path(source.path).parent / relative
        return path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_BESIDE_BYTES else None
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile):
        return None
