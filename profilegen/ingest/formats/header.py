"""Whether the first row of a table names its columns, and what the columns are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

from profilegen.ingest.roles import choose_fields
from profilegen.ingest.times import parse_time
from profilegen.ingest.values import parse_number

# Names of columns are shorter, even where they are questions of a form.
_MAX_NAME_CHARS = 200
_NO_NAME = re.compile(r"https?://|[^\s@]+@[^\s@]+\.\w+$|[\[{].*[\]}]$|[\d\W]*\d[\d\W]*$")
# `May` may be the name of a column; `May 1, 2024` is none.
_DIGITS_OF_A_TIME = re.compile(r"(?:\d\D*){4}")


def has_header(first: Sequence[object], rows: Sequence[Sequence[object]]) -> bool:
    """Tell whether the first row names the columns: two usual names in it, or nothing that looks like data.

    :param first: the first row.
    :param rows: some rows that follow.
    """
    names = [str(value) for value in first]
    usual = len(choose_fields(list(dict.fromkeys(names)), ()).fields)
    if usual >= 2:
        return True
    if any(_looks_like_data(value) for value in first):
        return False
    return bool(usual) or not _recurs(first, rows)


def _looks_like_data(value: object) -> bool:
    if not isinstance(value, str):
        return True
    text = value.strip()
    if parse_number(text) is not None or _NO_NAME.match(text):
        return True
    return len(text) > _MAX_NAME_CHARS or (_DIGITS_OF_A_TIME.search(text) is not None and parse_time(text) is not None)


def _recurs(first: Sequence[object], rows: Sequence[Sequence[object]]) -> bool:
    """Tell whether a value of the first row stands below itself; names do not, unless the whole row does."""
    others = [row for row in rows if list(row) != list(first)]
    return any(value and any(at < len(row) and row[at] == value for row in others) for at, value in enumerate(first))


def column_names(first: Sequence[object]) -> tuple[str, ...]:
    """Return names of columns, no two alike: `column 3` for one without a name, `text (2)` for a second `text`.

    :param first: the row that names them; empty names where none does.
    """
    names: dict[str, None] = {}
    for number, value in enumerate(first, 1):
        wanted = str(value).strip() or f"column {number}"
        name, again = wanted, 1
        while name in names:
            again += 1
            name = f"{wanted} ({again})"
        names[name] = None
    return tuple(names)
