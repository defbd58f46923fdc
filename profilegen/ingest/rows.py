"""Rows as all formats give them, and what the readers of formats share."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, islice
from types import MappingProxyType
from typing import BinaryIO, Literal, NamedTuple, cast

from profilegen.errors import InputError

# What is read of a file at once; also what is looked at to recognise a format.
READ_BYTES = 1 << 16
# Longer than the longest text that is read, 1 MB, with every character escaped (`\\u0041` for `A`); it bounds memory
# where a line or a quote never ends.
MAX_RECORD_BYTES = 1 << 24


class DamagedError(InputError):
    """This file is cut off, damaged or not to be opened; in a folder too it is an error, for its users are not gone."""


class BadRowError(Exception):
    """This row cannot become a document; the message says why."""


Row = Mapping[str, object] | BadRowError
"""The values of a row by column, or why it cannot be read."""


Unit = Literal["line", "record", "row"]
"""What the numbers of rows count."""


class Table(NamedTuple):
    """A file as rows.

    :param columns: the names of its columns, in order; none where it has no rows.
    :param unit: what the numbers of rows count: lines of the file, records, or rows of a sheet.
    :param rows: pairs of a number, from 1, and a row.
    :param context: what stands around a list of objects that is not the whole file.
    """

    columns: tuple[str, ...]
    unit: Unit
    rows: Iterator[tuple[int, Row]]
    context: Mapping[str, object] = MappingProxyType({})


def numbered_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield (number, line) pairs, from 1: lines with their ends, None for one that is too long to hold.

    :param stream: a file from its beginning; a byte order mark there is left out.
    """
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


def look_ahead(
    rows: Iterator[tuple[int, Row]], max_rows: int, max_chars: int
) -> tuple[list[tuple[int, Row]], Iterator[tuple[int, Row]]]:
    """Return the first rows, and all rows from the first on; damage after some good rows is an error of the latter.

    So a file whose first rows tell what it is counts as what it is, however soon it breaks.

    :param rows: of a table, from the first.
    :param max_rows: how many are returned at most.
    :param max_chars: no more are returned once their values have so many characters.
    :raises InputError: it is damaged before any row could be read.
    """
    first: list[tuple[int, Row]] = []
    chars = 0
    try:
        for number, row in islice(rows, max_rows):
            first.append((number, row))
            chars += sum(len(str(value)) for value in row.values()) if isinstance(row, Mapping) else 0
            if chars > max_chars:
                break
    except InputError as error:
        if not any(isinstance(row, Mapping) for _, row in first):
            raise
        return first, _then(first, (), error)
    return first, _then(first, rows, None)


def _then(
    first: Sequence[tuple[int, Row]], rest: Iterable[tuple[int, Row]], error: InputError | None
) -> Iterator[tuple[int, Row]]:
    yield from first
    yield from rest
    if error is not None:
        raise error


def line_too_long() -> BadRowError:
    """Return the error of a line that is too long to hold."""
    return BadRowError(f"a line of more than {MAX_RECORD_BYTES:,} bytes")


def is_utf8(texts: Iterable[str]) -> bool:
    """Return whether texts were valid UTF-8.

    :param texts: decoded with the error handler `surrogateescape`.
    """
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def describe_type(value: object) -> str:
    """Return what kind of value a value is, for a message, with its article.

    :param value: as a format gives it.
    """
    kinds = {bool: "true or false", dict: "an object", list: "a list"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def replay(head: bytes, rest: BinaryIO) -> BinaryIO:
    """Return a stream that gives bytes which were read already, and then the rest.

    :param head: the bytes.
    :param rest: where they were read from.
    """
    return cast(BinaryIO, io.BufferedReader(_Replay(head, rest), buffer_size=READ_BYTES))


class _Replay(io.RawIOBase):
    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest, self._at = memoryview(head), rest, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        part: bytes | memoryview = self._head[self._at : self._at + len(buffer)]
        self._at += len(part)
        part = part or self._rest.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)
