"""The one table of file formats."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import PurePosixPath

from profilegen.errors import InputError
from profilegen.ingest.formats.dialect import is_row
from profilegen.ingest.formats.format import Format

# The modules of this package, each of which holds its `FORMATS`.
_MODULES = (
    # Before JSON: some chats begin each message with a bracket.
    "whatsapp",
    "chat_lines",
    "block_table",
    "clippings",
    "csv_table",
    "html_activity",
    "json_table",
    "parquet_table",
    "arrow_table",
    "workbook",
    "sqlite_table",
    "mbox",
    "xml_table",
)
COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz")
"""Suffixes that may stand behind that of a format."""
# Suffixes that say little: what such a file is, its content says. One without a suffix is such a file too.
_AMBIGUOUS = frozenset(
    ".txt .dat .data .item .user .inter .kg .link .net .base .test .train .valid .js .db".split()  # noqa: SIM905
)
# Those of them that are usual for tables: one row is enough to see it.
_OF_TABLES = _AMBIGUOUS - {".txt", ".js", ".db"}
# Files that lie beside those of a data set of the library `datasets`, by their names.
_SIDE_FILES = {
    "dataset_info.json": "tells of a data set and holds no rows",
    "dataset_infos.json": "tells of a data set and holds no rows",
    "dataset_dict.json": "tells of a data set and holds no rows",
    "state.json": "tells of a data set and holds no rows",
}
# What is taken for a table that nothing else recognises: standard input, and one row.
_FALLBACK = "csv"
NO_FORMAT = "no known format"


def format_of(name: str, head: bytes) -> Format:
    """Return the format of a file: by how it begins, else by its suffix, else by what it looks like.

    :param name: its name, or `-` for standard input.
    :param head: its first bytes, unpacked and as UTF-8 where they are characters.
    :raises InputError: it is of none.
    """
    formats = _formats()
    if by_magic := next((each for each in formats if each.magic and head.startswith(each.magic)), None):
        return by_magic
    suffix = _suffix(name)
    by_suffix = [each for each in formats if suffix in each.suffixes]
    if len(by_suffix) == 1 and suffix not in _AMBIGUOUS:
        return by_suffix[0]
    by_content = [each for each in formats if each.matches(head)]
    # Many files could be tables of lines; what is something else is that.
    by_content.sort(key=lambda each: (each not in by_suffix, each.name == _FALLBACK))
    if by_content:
        return by_content[0]
    if by_suffix and suffix not in _AMBIGUOUS:
        return by_suffix[0]
    if name == "-" or (suffix in _OF_TABLES and is_row(head)):
        return next(each for each in formats if each.name == _FALLBACK)
    raise InputError(NO_FORMAT)


def is_binary(head: bytes) -> bool:
    """Tell whether a file is of a format whose bytes are not characters of one encoding.

    :param head: its first bytes, unpacked.
    """
    return any(
        (each.magic and head.startswith(each.magic)) or (each.is_binary and each.matches(head)) for each in _formats()
    )


def is_ambiguous(name: str) -> bool:
    """Tell whether the name of a file says little of its format.

    :param name: a name or a path.
    """
    return (suffix := _suffix(name)) in _AMBIGUOUS or not suffix


def why_not_read(name: str, beside: frozenset[str] = frozenset()) -> str | None:
    """Return why a file in a folder or an archive is not read, by its name; None for one whose content is looked at.

    :param name: its name or its path.
    :param beside: names of the files that lie beside it.
    """
    file = PurePosixPath(name).name
    if file in _SIDE_FILES and (file != "state.json" or "dataset_info.json" in beside):
        return _SIDE_FILES[file]
    if file.startswith("cache-") and file.endswith(".arrow"):
        return "a cache of the library `datasets`"
    return None if is_ambiguous(name) or format_by_suffix(name) else NO_FORMAT


def format_by_suffix(name: str) -> Format | None:
    """Return the format that the name of a file tells, None where its suffix is unknown.

    :param name: a name or a path; the suffix of a compression does not count.
    """
    suffix = _suffix(name)
    return next((each for each in _formats() if suffix in each.suffixes), None)


def _suffix(name: str) -> str:
    """Return the suffix without that of a compression: `.csv` of `a.csv.gz`, none of `RC_2023-01.zst`."""
    path = PurePosixPath(name.lower())
    return (path.with_suffix("") if path.suffix in COMPRESSIONS else path).suffix


def known_suffixes() -> list[str]:
    """Return the suffixes of all formats, without those of compressions."""
    return list(dict.fromkeys(suffix for each in _formats() for suffix in each.suffixes))


@cache
def _formats() -> tuple[Format, ...]:
    return tuple(each for name in _MODULES for each in import_module(f"{__package__}.{name}").FORMATS)
