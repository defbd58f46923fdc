"""Values of nested rows by paths to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from profilegen.ingest.exports.nested import as_text
from profilegen.ingest.paths import values_at


def all_at(row: object, path: str) -> list[object]:
    """Return the values that a path leads to, those of lists one by one.

    :param row: an object; anything else has no values.
    :param path: names joined by points, as in `profilegen.ingest.paths`.
    """
    if not isinstance(row, Mapping):
        return []
    found = values_at(row, path)
    return [value for each in found for value in (each if isinstance(each, list) else [each])]


def value_at(row: object, path: str) -> object:
    """Return the first value that a path leads to, None where there is none.

    :param row: an object; anything else has no values.
    :param path: names joined by points.
    """
    return next(iter(all_at(row, path)), None)


def text_at(row: object, path: str) -> str:
    """Return the first value that a path leads to if it is a text, else "".

    :param row: an object; anything else has no values.
    :param path: names joined by points.
    """
    return as_text(value_at(row, path))


def objects_at(row: object, path: str) -> Iterator[Mapping[str, object]]:
    """Yield the objects that a path leads to, those of lists one by one.

    :param row: an object; anything else has none.
    :param path: names joined by points.
    """
    yield from (each for each in all_at(row, path) if isinstance(each, Mapping))
