"""JSON as a table: an object a line, an array of objects, objects one after another, or one around a list of them.

Its like is read too: a line a dict of Python, and an array or object that JavaScript assigns.
"""

from __future__ import annotations

import ast
import codecs
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from itertools import count
from typing import BinaryIO

from profilegen.errors import InputError
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.formats.json_outline import find_list
from profilegen.ingest.rows import (
    MAX_RECORD_BYTES,
    READ_BYTES,
    BadRowError,
    DamagedError,
    Row,
    Table,
    Unit,
    describe_type,
    is_utf8,
    line_too_long,
    look_ahead,
    numbered_lines,
    replay,
)

# What is held to learn the columns: enough to meet rare keys, and little memory where texts are long.
_MAX_LOOK_AHEAD_ROWS = 1_000
_MAX_LOOK_AHEAD_CHARS = 1 << 22
_MAX_BEGINNING_CHARS = 1_000
# Longer lines of Python are not read: its parser takes much memory.
_MAX_PYTHON_CHARS = 1 << 20

# `window.YTD.tweets.part0 = [`, `var reviews = {`
_ASSIGNMENT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:(?:var|let|const)\s+)?[A-Za-z_$][\w$.]*(?:\[[^\]\n]{0,99}\])?\s*=\s*(?=[\[{])"
)
# How all JSON of objects begins. What begins otherwise, such as a script, was never such a file.
_BEGINNING = re.compile(r'\s*(?:\[\s*)?(?:\{\s*(?:"|\}|$)|\]|$)')
_PYTHON = re.compile(r"\s*\{\s*(?:u?'|\})")


def _open(file: OpenFile) -> Table:
    """Open JSON of any form."""
    stream, first = file.stream, file.head
    if assignment := _ASSIGNMENT.match(first):
        stream.read(assignment.end())
        return _open_values(stream)
    if b"\n" not in first.strip() and first.lstrip().startswith(b"{"):  # One line, or a first one longer than this.
        line = stream.readline(MAX_RECORD_BYTES)
        first = line + stream.read(READ_BYTES)
        stream = replay(first, stream)
        if len(line) == MAX_RECORD_BYTES:
            return _open_values(stream)
    return _open_lines_from(stream) if _is_one_a_line(first) else _open_values(stream)


def _open_lines(file: OpenFile) -> Table:
    """Open JSON Lines, whose name says so; objects that are spread over lines are read all the same."""
    if _is_spread_over_lines(file.head):
        return _open_values(file.stream)
    return _open_lines_from(file.stream)


def _matches(head: bytes) -> bool:
    return head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"[", b"{") or _ASSIGNMENT.match(head) is not None


FORMATS = (
    Format("json", (".json", ".js"), _open, matches=_matches),
    Format("json", (".jsonl", ".ndjson"), _open_lines),
)


def _is_spread_over_lines(head: bytes) -> bool:
    """Return whether a file is an array or indented objects one after another, and not one object a line."""
    first = head.removeprefix(codecs.BOM_UTF8).lstrip().split(b"\n", 1)[0].strip()
    return re.fullmatch(rb"\{|\[\s*(?:\{.*|\])?", first) is not None


def _is_one_a_line(head: bytes) -> bool:
    """Tell whether a file has one object a line, and more than one line or a line of Python."""
    if _is_spread_over_lines(head):
        return False
    lines = [line for line in head.removeprefix(codecs.BOM_UTF8).split(b"\n", 20) if line.strip()]
    if not lines or not lines[0].lstrip().startswith(b"{"):
        return True
    if _PYTHON.match(lines[0][:100].decode(errors="replace")):
        return True
    is_whole = isinstance(_json_line(lines[0]), dict)
    if len(lines) == 1:
        return False
    following = lines[1:-1] or lines[1:]
    return is_whole or 2 * sum(isinstance(_json_line(line), dict) for line in following) > len(following)


def _open_lines_from(stream: BinaryIO) -> Table:
    return _with_columns("line", _json_lines(stream))


def _open_values(stream: BinaryIO) -> Table:
    """Open an array, objects one after another, or one object around a list of records."""
    text = _Buffer(stream)
    found = find_list(text.ahead) if text.skip(_SPACE) == "{" else None
    if found is None:
        return _with_columns("record", _json_values(text))
    text.at += found.start
    return _with_columns("record", _json_values(text), found.context)


def _with_columns(unit: Unit, rows: Iterator[tuple[int, Row]], context: Mapping[str, object] | None = None) -> Table:
    """Return a table with the columns of its first rows: objects need not have the same keys."""
    first, rows = look_ahead(rows, _MAX_LOOK_AHEAD_ROWS, _MAX_LOOK_AHEAD_CHARS)
    columns = dict.fromkeys(name for _, row in first if isinstance(row, Mapping) for name in row)
    return Table(tuple(columns), unit, rows, context or {})


def _json_lines(stream: BinaryIO) -> Iterator[tuple[int, Row]]:
    for number, line in numbered_lines(stream):
        if line is None:
            yield number, line_too_long()
        elif line.strip():
            yield number, _json_line(line)


def _json_line(line: bytes) -> Row:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return BadRowError("invalid UTF-8")
    try:
        return _object(json.loads(text))
    except (ValueError, RecursionError) as error:
        return _python_line(text) or BadRowError(f"broken JSON: {error}")


def _python_line(line: str) -> Row | None:
    """Return the dict that a line of Python is, None where it is none: `{'user': 'u1', 'found_funny': True}`."""
    if len(line) > _MAX_PYTHON_CHARS or not _PYTHON.match(line):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of `\\d` in a text
        try:
            value = ast.literal_eval(line.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    return value if isinstance(value, dict) and all(isinstance(key, str) for key in value) else None


def _object(value: object) -> Row:
    if isinstance(value, dict):
        return value
    return BadRowError(f"{describe_type(value)}, not a JSON object")


def _json_values(text: _Buffer) -> Iterator[tuple[int, Row]]:
    """Yield the objects of one array, or objects one after another, with little more than one in memory.

    :raises DamagedError: the JSON is broken or cut off; where the next object begins cannot be known then.
    :raises InputError: it is so, and was never JSON.
    """
    in_array = text.skip(_SPACE) == "["
    if in_array:
        text.at += 1
    for number in count(1):
        following = text.skip(_BETWEEN)
        if following == "]" and in_array:
            return
        if not following:
            if in_array:
                raise text.broken(f"the JSON array is cut off after record {number - 1}; is the file whole?")
            return
        try:
            row = text.value(number)
        except _LongValueError:
            yield from _parts(text, number)
        else:
            yield number, row


def _parts(text: _Buffer, number: int) -> Iterator[tuple[int, Row]]:
    """Yield an object that is too long to hold, such as a chat of years, once for each member of its longest list.

    :raises InputError: it has no list of objects, or is broken.
    """
    found = find_list(text.ahead)
    if found is None or not found.name:
        raise _LongValueError(f"record {number} has more than {MAX_RECORD_BYTES:,} bytes, and no list of objects")
    text.at += found.start
    for _, row in _json_values(text):
        yield number, row if isinstance(row, BadRowError) else {**found.context, found.name: [row]}
    text.at += 1
    while (following := text.skip(_BETWEEN)) != "}":
        if not following:
            raise text.broken(f"the JSON is cut off in record {number}; is the file whole?")
        text.value(number)
        text.skip(_COLON)
        text.value(number)
    text.at += 1


_SPACE = re.compile(r"\s*")
_BETWEEN = re.compile(r"[\s,;]*")
_COLON = re.compile(r"[\s:]*")


class _LongValueError(InputError):
    """A value is longer than what is held."""


class _Buffer:
    """A part of a long text, which grows until it holds a whole value, and moves on.

    `broken` is the error of a text that cannot be read on: in a folder, what once was JSON is not passed over.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._is_last = False
        self.at = 0
        is_json = _BEGINNING.match(self.ahead(_MAX_BEGINNING_CHARS)) is not None
        self.broken: type[InputError] = DamagedError if is_json else InputError

    def skip(self, what: re.Pattern[str]) -> str:
        """Move past what matches and return the next character, "" at the end."""
        while True:
            match = what.match(self._text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self._text) or not self._grow():
                return self._text[self.at : self.at + 1]

    def ahead(self, most: int) -> str:
        """Return what follows, up to a number of characters, without moving past it."""
        while len(self._text) - self.at < most and self._grow():
            pass
        return self._text[self.at : self.at + most]

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
                kind = _LongValueError if is_too_long else self.broken
                raise kind(
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
