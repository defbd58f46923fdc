"""What the readers of all formats give: a table of numbered rows, each its columns or why it cannot be had."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import BinaryIO, Literal, NamedTuple

# What is read of a file at once.
READ_BYTES = 1 << 16
# Longer than any text that is read, with every character escaped; a bound where a line or a quote never ends.
MAX_RECORD_BYTES = 1 << 24


class BadRowError(Exception):
    """This row cannot become a document; the message says why."""


Row = Mapping[str, object] | BadRowError
"""The values by column, or why they cannot be had."""


class Table(NamedTuple):
    """A file as rows, counted from 1 in its `unit`; a row is its columns, or why it cannot be had."""

    columns: tuple[str, ...]
    unit: Literal["line", "record"]
    rows: Iterator[tuple[int, Row]]


def numbered_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Give numbered lines with their ends, without a byte order mark; None for one too long to hold."""
    for number in count(1):
        line = stream.readline(MAX_RECORD_BYTES)
        if not line:
            return
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) < MAX_RECORD_BYTES:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_RECORD_BYTES)
        yield number, None


def too_long() -> BadRowError:
    """Say that a line is longer than any that is held."""
    return BadRowError(f"a line of more than {MAX_RECORD_BYTES:,} bytes")


def is_utf8(texts: Iterable[str]) -> bool:
    """Tell whether nothing had to be escaped when the texts were decoded with `surrogateescape`."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def kind(value: object) -> str:
    """Return what a value is, for a message."""
    kinds = {bool: "true or false", dict: "an object", list: "a list"}
    return kinds.get(type(value), f"a {type(value).__name__}")
