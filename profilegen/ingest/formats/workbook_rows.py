"""Reads a workbook in a process of its own, and writes rows as JSON; started by `workbook`.

Calamine holds a sheet as a full rectangle, so that one cell far away from the others takes all memory there is, and
then ends the process without an error that could be caught. This file is run as a script and imports nothing of the
package, so that it starts quickly.
"""

from __future__ import annotations

import datetime
import itertools
import json
import resource
import sys
from collections.abc import Iterator, Sequence
from typing import Any

_MAX_MEMORY_BYTES = 1 << 31
_SAMPLE_ROWS = 60
_MAX_EXACT = 1 << 53


def _main(path: str) -> None:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum, load_workbook

    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    workbook = load_workbook(path)
    for sheet in workbook.sheets_metadata:
        if sheet.typ == SheetTypeEnum.WorkSheet:
            content = workbook.get_sheet_by_name(sheet.name)
            sample = [list(row) for row in itertools.islice(_rows(content), _SAMPLE_ROWS)]
            is_visible = sheet.visible == SheetVisibleEnum.Visible
            _write({"name": sheet.name, "rows": content.height, "visible": is_visible, "sample": sample})
    _write(None)
    for line in sys.stdin:
        for row in _rows(workbook.get_sheet_by_name(json.loads(line)[0])):
            _write(row)
        _write(None)


def _rows(sheet: Any) -> Iterator[Sequence[object]]:
    """Yield rows, each with its number in the sheet before its cells."""
    first = (sheet.start or (0, 0))[0] + 1
    for number, row in enumerate(sheet.to_python(skip_empty_area=True), first):
        if any(cell != "" for cell in row):
            yield [number, *map(_plain, row)]


def _plain(cell: object) -> object:
    """Return what JSON can hold: a time as a list of itself as text."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _MAX_EXACT:
        return int(cell)
    if isinstance(cell, datetime.datetime | datetime.date):
        return [cell.isoformat()]
    return cell if isinstance(cell, str | int | float | bool) else str(cell)


def _write(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    if value is None:
        sys.stdout.flush()


if __name__ == "__main__":
    try:
        _main(sys.argv[1])
    except BrokenPipeError:
        sys.exit(0)
    except BaseException as error:  # A panic of Rust is no Exception.
        _write({"error": f"{type(error).__name__}: {error}"[:500]})
        sys.stdout.flush()
