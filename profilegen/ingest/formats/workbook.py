"""Workbooks as a table: Excel (.xlsx, .xlsm, .xlsb, .xls) and OpenDocument (.ods)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from profilegen.errors import InputError
from profilegen.ingest.formats.choice import Candidate, choose
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.formats.header import column_names, has_header
from profilegen.ingest.rows import Row, Table
from profilegen.language.cleaning import printable
from profilegen.processes import python_environment

_READER = Path(__file__).with_name("workbook_rows.py")
_ADVICE = "save the sheet as CSV"


def _open(file: OpenFile) -> Table:
    """Open the sheet that fits, or the one that was named, and all others that have the same columns."""
    reader = _Reader(file)
    sheets = list(reader.sheets())
    if not file.part:
        sheets = [sheet for sheet in sheets if sheet.is_visible] or sheets
    chosen = choose([sheet.table for sheet in sheets if sheet.table.rows], file.part, "sheet")
    wanted = [chosen.name]
    if not file.part:
        wanted = [sheet.table.name for sheet in sheets if sheet.table.rows and sheet.table.columns == chosen.columns]
    others = [sheet.table.name for sheet in sheets if sheet.table.rows and sheet.table.name not in wanted]
    headers = {sheet.table.name: sheet.header_row for sheet in sheets}
    context = {"sheets": ", ".join(wanted), "sheets not read": ", ".join(others)}
    return Table(chosen.columns, "row", reader.rows(wanted, headers, chosen.columns), context)


FORMATS = (
    Format(
        "workbook",
        (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"),
        _open,
        magic=(b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        has_parts=True,
    ),
)


class _Sheet:
    """What is known of a sheet by its first rows: where its table begins, and the names of its columns."""

    def __init__(self, seen: Mapping[str, Any]) -> None:
        self.is_visible = bool(seen["visible"])
        sample: list[list[Any]] = seen["sample"]
        at = next((at for at, row in enumerate(sample) if _filled(row) > 1), 0)
        below = [row[1:] for row in sample[at + 1 :]]
        cells = [_cell(cell) for cell in sample[at][1:]] if sample else []
        # A table may be narrower than the sheet.
        while (
            cells and cells[-1] == "" and not any(len(row) >= len(cells) and row[len(cells) - 1] != "" for row in below)
        ):
            cells.pop()
        named = has_header(cells, below)
        self.header_row = sample[at][0] if named and sample else 0
        columns = column_names(cells if named else [""] * len(cells))
        rows = max(seen["rows"] - at - named, 0) if cells else 0
        values = [dict(zip(columns, map(_cell, row), strict=False)) for row in below]
        self.table = Candidate(str(seen["name"]), columns, rows, values)


def _filled(row: Sequence[object]) -> int:
    return sum(cell != "" for cell in row[1:])


def _cell(cell: object) -> object:
    """Return the value of a cell; a list holds a time."""
    if not isinstance(cell, list):
        return cell
    try:
        return datetime.fromisoformat(cell[0])
    except (ValueError, TypeError, IndexError):
        return ""


class _Reader:
    """The process that reads a workbook."""

    def __init__(self, file: OpenFile) -> None:
        process = subprocess.Popen(
            [sys.executable, "-P", str(_READER), file.on_disk()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=python_environment(),
            encoding="utf-8",
        )
        file.stack.callback(_stop, process)
        assert process.stdin is not None
        assert process.stdout is not None
        self._into: IO[str] = process.stdin
        self._out: IO[str] = process.stdout

    def sheets(self) -> Iterator[_Sheet]:
        """Yield the sheets, each with its first rows."""
        while (seen := self._next()) is not None:
            yield _Sheet(seen)

    def rows(
        self, sheets: Sequence[str], headers: Mapping[str, int], columns: Sequence[str]
    ) -> Iterator[tuple[int, Row]]:
        """Yield the rows of sheets, each with its number in its sheet, without those up to the names of the columns."""
        for sheet in sheets:
            self._into.write(json.dumps([sheet]) + "\n")
            self._into.flush()
            while (row := self._next()) is not None:
                number, *cells = row
                if number > headers[sheet]:
                    yield number, dict(zip(columns, map(_cell, cells), strict=False))

    def _next(self) -> Any:
        line = self._out.readline()
        if not line:
            raise InputError(f"this workbook takes too much memory, or it is broken; {_ADVICE}")
        value = json.loads(line)
        if isinstance(value, dict) and "error" in value:
            why = "it has a password" if "Password" in value["error"] else printable(value["error"])
            raise InputError(f"cannot be read as a workbook: {why}; {_ADVICE}")
        return value


def _stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.close()
    process.wait()
