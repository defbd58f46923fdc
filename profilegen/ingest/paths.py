"""Paths to values in nested rows: `author.id`, `messages[role=user].content`, `answers[0]`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from profilegen.errors import UsageError

CONSTANT = ":"
"""What a path begins with that is no path but the value itself: `:app`."""

_STEP = re.compile(r"(?P<name>[^.\[\]]+)(?:\[(?:(?P<at>\d+)|(?P<key>[^=\[\]]+)=(?P<value>[^\]]*))\])?(?:\.|$)")


class _Step(NamedTuple):
    name: str
    at: int | None
    key: str | None
    value: str | None


def values_at(row: Mapping[str, object], path: str) -> list[object]:
    """Return the values that a path leads to; in a list it leads to each member. No value where it ends early.

    :param row: a row.
    :param path: the name of a column, or names joined by points. Of a list, `[role=user]` takes the members with that
        value and `[0]` one member.
    """
    if path.startswith(CONSTANT):
        return [path[1:]]
    if path in row:
        return [row[path]]
    if not is_path(path):  # the name of a column that this row has not
        return []
    found: list[object] = [row]
    for step in _steps(path):
        found = [value for each in found for value in _follow(each, step)]
    return [value for each in found for value in (each if isinstance(each, list) else [each])]


def _follow(value: object, step: _Step) -> Iterator[object]:
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, Mapping) or step.name not in each:
            continue
        inner = each[step.name]
        if step.at is not None:
            if isinstance(inner, list) and step.at < len(inner):
                yield inner[step.at]
        elif step.key is None:
            yield inner
        else:
            members = inner if isinstance(inner, list) else [inner]
            yield from (m for m in members if isinstance(m, Mapping) and str(m.get(step.key)) == step.value)


@lru_cache(maxsize=256)
def _steps(path: str) -> tuple[_Step, ...]:
    steps, end = [], 0
    while match := _STEP.match(path, end):
        at = int(match["at"]) if match["at"] else None
        steps.append(_Step(match["name"], at, match["key"], match["value"]))
        end = match.end()
        if end == len(path):
            return tuple(steps)
    raise UsageError(f"{path!r} is no path to a value; write it like author.id or messages[role=user].content")


def is_path(path: str) -> bool:
    """Tell whether a path can be read, as not every name of a column can.

    :param path: any text.
    """
    try:
        return bool(_steps(path))
    except UsageError:
        return False


def begins_with_one(path: str, columns: Collection[str]) -> bool:
    """Tell whether a path is the name of a column, or begins with one.

    :param path: a path, no constant.
    :param columns: the names of columns.
    """
    return path in columns or (is_path(path) and first_name(path) in columns)


def first_name(path: str) -> str:
    """Return the column that a path begins with.

    :param path: a path, no constant.
    :raises UsageError: the path cannot be read.
    """
    return _steps(path)[0].name


def paths_in(rows: Sequence[Mapping[str, object]], most: int = 200) -> list[str]:
    """Return the paths to all values of nested rows, in their order.

    :param rows: some rows.
    :param most: how many, at most.
    """
    found: dict[str, None] = {}
    for row in rows:
        _walk(row, "", found, most)
    return list(found)[:most]


def _walk(value: object, path: str, found: dict[str, None], most: int, depth: int = 0) -> None:
    if len(found) >= most or depth > 8:
        return
    if isinstance(value, list):
        for each in value[:20]:
            _walk(each, path, found, most, depth + 1)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            _walk(each, f"{path}.{key}" if path else str(key), found, most, depth + 1)
    elif path:
        found.setdefault(path)
