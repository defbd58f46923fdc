"""CSV, TSV and their like as a table: any delimiter, quotes of two kinds, with and without names of columns."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from profilegen.errors import InputError
from profilegen.ingest.formats.dialect import Dialect, dialect_of, is_table
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.formats.header import column_names, has_header
from profilegen.ingest.rows import MAX_RECORD_BYTES, BadRowError, Table, is_utf8, line_too_long, numbered_lines

# Rows that are held to tell whether the first one names the columns.
_LOOK_AHEAD_ROWS, _LOOK_AHEAD_CHARS = 50, 1 << 20


def _open_csv(file: OpenFile) -> Table:
    return _open(file, dialect_of(file.head))


def _open_tsv(file: OpenFile) -> Table:
    return _open(file, dialect_of(file.head, preferred="\t"))


FORMATS = (
    Format("csv", (".csv",), _open_csv, matches=is_table),
    Format("tsv", (".tsv", ".tab"), _open_tsv),
)


def _open(file: OpenFile, dialect: Dialect) -> Table:
    records = _csv_records(file.stream, dialect)
    first = next(records, None)
    if first is None:
        return Table((), "line", iter(()))
    if isinstance(first[1], BadRowError):
        raise InputError(f"its first line does not name the columns: {first[1]}")
    ahead = _some(records)
    header = first[1]
    named = has_header(header, [record for _, record in ahead if isinstance(record, list)])
    names = column_names(header if named else [""] * len(header))
    rows = (
        (number, record if isinstance(record, BadRowError) else dict(zip(names, record, strict=True)))
        for number, record in _chain([] if named else [first], ahead, records)
    )
    return Table(names, "line", rows)


_Record = tuple[int, list[str] | BadRowError]


def _some(records: Iterator[_Record]) -> list[_Record]:
    ahead: list[_Record] = []
    chars = 0
    while len(ahead) < _LOOK_AHEAD_ROWS and chars < _LOOK_AHEAD_CHARS and (record := next(records, None)):
        ahead.append(record)
        chars += sum(map(len, record[1])) if isinstance(record[1], list) else 0
    return ahead


def _chain(first: list[_Record], ahead: list[_Record], rest: Iterator[_Record]) -> Iterator[_Record]:
    yield from first
    yield from ahead
    ahead.clear()
    yield from rest


def _csv_records(stream: BinaryIO, dialect: Dialect) -> Iterator[_Record]:
    """Yield records, each with the number of its first line and with as many fields as the first record.

    After a broken record, reading goes on at its second line: a quote that is never closed costs one line, not
    the rest of the file.
    """
    # The limit of the csv module, 128 KB a field, is one for the whole process; ours is for a record.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES))
    lines = _RecordLines(numbered_lines(stream), dialect)
    reader = dialect.reader(lines)
    width = 0
    while (record := _next_record(reader, width)) is not None:
        number, first = lines.taken[0]
        if isinstance(record, BadRowError):
            lines.read_again_from_second()
            record = _without_quoting(first, dialect, width) or record
        if isinstance(record, list):
            width = width or len(record)
            record = record if is_utf8(record) else BadRowError("invalid UTF-8")
        if record:
            yield number, record
        lines.begin_record()


def _next_record(reader: Iterator[list[str]], width: int) -> list[str] | BadRowError | None:
    """Return the next record, [] for an empty line, an error for a broken record, None at the end."""
    try:
        record = next(reader, None)
    except csv.Error as error:
        return BadRowError(_NEVER_CLOSED if "end of data" in str(error) else f"broken CSV: {error}")
    except BadRowError as error:
        return error
    if record and len(record) == 1 and not record[0].strip():
        return []
    if record and width and len(record) != width:
        if len(record) == width + 1 and not record[-1]:
            return record[:-1]  # a delimiter behind the last field
        return BadRowError(f"{len(record)} fields where the first line has {width}")
    return record


_NEVER_CLOSED = "a quote is opened and never closed"
_EXCEL_HINT = re.compile(rb"sep=.\r?\n", re.IGNORECASE)


class _RecordLines:
    """Lines for the csv module, which remembers those of the current record, so that they can be read again."""

    def __init__(self, lines: Iterator[tuple[int, bytes | None]], dialect: Dialect) -> None:
        self._unread = lines
        self._dialect = dialect
        self._again: deque[tuple[int, bytes | None]] = deque()
        self._bytes = 0
        self.taken: list[tuple[int, bytes | None]] = []

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        number, line = self._again.popleft() if self._again else next(self._unread)
        if number == 1 and line is not None and _EXCEL_HINT.fullmatch(line):
            number, line = next(self._unread)
        self.taken.append((number, line))
        if line is None:
            raise line_too_long()
        self._bytes += len(line)
        if self._bytes > MAX_RECORD_BYTES:
            raise BadRowError(_NEVER_CLOSED)
        return self._dialect.prepared(line.decode(errors="surrogateescape"))

    def begin_record(self) -> None:
        self.taken = []
        self._bytes = 0

    def read_again_from_second(self) -> None:
        self._again.extendleft(reversed(self.taken[1:]))


def _without_quoting(line: bytes | None, dialect: Dialect, width: int) -> list[str] | None:
    """Return the fields of a line in which quotes are ordinary characters, as many programs write TSV."""
    if line is None or dialect.delimiter in ",;":
        return None
    fields = line.decode(errors="surrogateescape").rstrip("\r\n").split(dialect.delimiter)
    return fields if len(fields) == width else None
