"""CSV and TSV as a table."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from profilegen.errors import InputError
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import MAX_RECORD_BYTES, BadRowError, Table, is_utf8, line_too_long, numbered_lines


def _open_csv(file: OpenFile) -> Table:
    return _open(file, _delimiter(file.head))


def _open_tsv(file: OpenFile) -> Table:
    return _open(file, "\t")


FORMATS = (
    Format("csv", (".csv",), _open_csv),
    Format("tsv", (".tsv",), _open_tsv),
)


def _open(file: OpenFile, delimiter: str) -> Table:
    records = _csv_records(file.stream, delimiter)
    _, header = next(records, (0, []))
    if isinstance(header, BadRowError):
        raise InputError(f"its first line does not name the columns: {header}")
    names = [name.strip() for name in header]
    rows = (
        (number, record if isinstance(record, BadRowError) else dict(zip(names, record, strict=True)))
        for number, record in records
    )
    return Table(tuple(names), "line", rows)


def _delimiter(head: bytes) -> str:
    header = re.sub(rb'"[^"]*"', b"", head.split(b"\n", 1)[0])
    return max(",;\t", key=lambda mark: header.count(mark.encode()))


def _csv_records(stream: BinaryIO, delimiter: str) -> Iterator[tuple[int, list[str] | BadRowError]]:
    """Yield records, each with the number of its first line and with as many fields as the first record.

    After a broken record, reading goes on at its second line: a quote that is never closed costs one line, not
    the rest of the file.
    """
    # The limit of the csv module, 128 KB a field, is one for the whole process; ours is for a record.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES))
    lines = _RecordLines(numbered_lines(stream))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    width = 0
    while (record := _next_record(reader, width)) is not None:
        number, first = lines.taken[0]
        if isinstance(record, BadRowError):
            lines.read_again_from_second()
            record = _without_quoting(first, delimiter, width) or record
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
        return BadRowError(f"{len(record)} fields where the first line has {width}")
    return record


_NEVER_CLOSED = "a quote is opened and never closed"


class _RecordLines:
    """Lines for the csv module, which remembers those of the current record, so that they can be read again."""

    def __init__(self, lines: Iterator[tuple[int, bytes | None]]) -> None:
        self._unread = lines
        self._again: deque[tuple[int, bytes | None]] = deque()
        self._bytes = 0
        self.taken: list[tuple[int, bytes | None]] = []

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        number, line = self._again.popleft() if self._again else next(self._unread)
        self.taken.append((number, line))
        if line is None:
            raise line_too_long()
        self._bytes += len(line)
        if self._bytes > MAX_RECORD_BYTES:
            raise BadRowError(_NEVER_CLOSED)
        return line.decode(errors="surrogateescape")

    def begin_record(self) -> None:
        self.taken = []
        self._bytes = 0

    def read_again_from_second(self) -> None:
        self._again.extendleft(reversed(self.taken[1:]))


def _without_quoting(line: bytes | None, delimiter: str, width: int) -> list[str] | None:
    """Return the fields of a line of TSV in which quotes are ordinary characters, as many programs write it."""
    if line is None or delimiter != "\t":
        return None
    fields = line.decode(errors="surrogateescape").rstrip("\r\n").split("\t")
    return fields if len(fields) == width else None
