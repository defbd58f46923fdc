"""JSON as a table: an object a line, an array of objects, or objects one after another."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain, count, islice
from typing import BinaryIO, Literal

from profilegen.errors import InputError
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import (
    MAX_RECORD_BYTES,
    READ_BYTES,
    BadRowError,
    Row,
    Table,
    describe_type,
    is_utf8,
    line_too_long,
    numbered_lines,
)

# What is held to learn the columns: enough to meet rare keys, and little memory where texts are long.
_MAX_LOOK_AHEAD_ROWS = 1_000
_MAX_LOOK_AHEAD_CHARS = 1 << 22


def _open(file: OpenFile) -> Table:
    if _is_spread_over_lines(file.head):
        return _with_columns("record", _json_values(file.stream))
    return _with_columns("line", _json_lines(file.stream))


def _matches(head: bytes) -> bool:
    return head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"[", b"{")


FORMATS = (Format("json", (".jsonl", ".ndjson", ".json"), _open, matches=_matches),)


def _is_spread_over_lines(head: bytes) -> bool:
    """Return whether a file is an array or indented objects one after another, and not one object a line."""
    first = head.removeprefix(codecs.BOM_UTF8).lstrip().split(b"\n", 1)[0].strip()
    return re.fullmatch(rb"\{|\[\s*(?:\{.*|\])?", first) is not None


def _with_columns(unit: Literal["line", "record"], rows: Iterator[tuple[int, Row]]) -> Table:
    """Return a table with the columns of its first rows: objects need not have the same keys."""
    first: list[tuple[int, Row]] = []
    columns: dict[str, None] = {}
    chars = 0
    for number, row in islice(rows, _MAX_LOOK_AHEAD_ROWS):
        first.append((number, row))
        if isinstance(row, Mapping):
            columns.update(dict.fromkeys(row))
            chars += sum(len(str(value)) for value in row.values())
        if chars > _MAX_LOOK_AHEAD_CHARS:
            break
    return Table(tuple(columns), unit, chain(first, rows))


def _json_lines(stream: BinaryIO) -> Iterator[tuple[int, Row]]:
    for number, line in numbered_lines(stream):
        if line is None:
            yield number, line_too_long()
        elif line.strip():
            yield number, _json_line(line)


def _json_line(line: bytes) -> Row:
    try:
        return _object(json.loads(line.decode()))
    except UnicodeDecodeError:
        return BadRowError("invalid UTF-8")
    except (ValueError, RecursionError) as error:
        return BadRowError(f"broken JSON: {error}")


def _object(value: object) -> Row:
    if isinstance(value, dict):
        return value
    return BadRowError(f"{describe_type(value)}, not a JSON object")


def _json_values(stream: BinaryIO) -> Iterator[tuple[int, Row]]:
    """Yield the objects of one array, or objects one after another, with little more than one in memory.

    :raises InputError: the JSON is broken or cut off; where the next object begins cannot be known then.
    """
    text = _Buffer(stream)
    in_array = text.skip(_SPACE) == "["
    if in_array:
        text.at += 1
    for number in count(1):
        following = text.skip(_BETWEEN)
        if following == "]" and in_array:
            return
        if not following:
            if in_array:
                raise InputError(f"the JSON array is cut off after record {number - 1}; is the file whole?")
            return
        yield number, text.value(number)


_SPACE = re.compile(r"\s*")
_BETWEEN = re.compile(r"[\s,]*")


class _Buffer:
    """A part of a long text, which grows until it holds a whole value, and moves on."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._is_last = False
        self.at = 0

    def skip(self, what: re.Pattern[str]) -> str:
        """Move past what matches and return the next character, "" at the end."""
        while True:
            match = what.match(self._text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self._text) or not self._grow():
                return self._text[self.at : self.at + 1]

    def value(self, number: int) -> Row:
        """Return the value that begins here and move past it."""
        while True:
            problem: Exception | None = None
            try:
                value, end = self._decode(self._text, self.at)
            except (ValueError, RecursionError) as error:
                problem = error
            # A number at the end of what is held may have more digits.
            if problem is None and (end < len(self._text) or self._is_last):
                break
            is_too_long = len(self._text) - self.at > MAX_RECORD_BYTES
            if isinstance(problem, RecursionError) or is_too_long or not self._grow():
                raise InputError(
                    f"broken JSON in record {number} ({problem}); nothing after it can be read. "
                    "Correct it, or write one object a line"
                )
        written, self.at = self._text[self.at : end], end
        return _object(value) if is_utf8([written]) else BadRowError("invalid UTF-8")

    def _grow(self) -> bool:
        """Drop what was read and double what is held, so that the time to grow is linear; False at the end."""
        self._text = self._text[self.at :]
        self.at = 0
        if self._is_last:
            return False
        data = self._stream.read(max(READ_BYTES, len(self._text)))
        self._is_last = not data
        self._text += self._utf8.decode(data, final=not data)
        return True
