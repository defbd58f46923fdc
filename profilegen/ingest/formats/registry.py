"""The one table of file formats."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

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
)
# What a file is taken for that nothing else recognises.
_FALLBACK = "csv"
COMPRESSIONS = (".gz", ".zst")
"""Suffixes that may stand behind that of a format."""


def format_of(name: str, head: bytes) -> Format:
    """Return the format of a file: by how it begins, else by its suffix, else by what it looks like.

    :param name: its name, or `-` for standard input.
    :param head: its first bytes, unpacked.
    """
    formats = _formats()
    by_magic = next((each for each in formats if each.magic and head.startswith(each.magic)), None)
    by_content = next((each for each in formats if each.matches(head)), None)
    fallback = next(each for each in formats if each.name == _FALLBACK)
    return by_magic or format_by_suffix(name) or by_content or fallback


def format_by_suffix(name: str) -> Format | None:
    """Return the format that the name of a file tells, None where its suffix is unknown.

    :param name: a name or a path; the suffix of a compression does not count.
    """
    path = Path(name.lower())
    if path.suffix in COMPRESSIONS:
        path = path.with_suffix("")
    return next((each for each in _formats() if path.suffix in each.suffixes), None)


def known_suffixes() -> list[str]:
    """Return the suffixes of all formats, without those of compressions."""
    return [suffix for each in _formats() for suffix in each.suffixes]


@cache
def _formats() -> tuple[Format, ...]:
    return tuple(each for name in _MODULES for each in import_module(f"{__package__}.{name}").FORMATS)
