"""Values of nested rows, whatever a file has there: a list where one is expected, else an empty one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_NOTHING: Mapping[str, object] = {}


def as_mapping(value: object) -> Mapping[str, object]:
    """Return an object, an empty one where there is something else.

    :param value: what a file has.
    """
    return value if isinstance(value, Mapping) else _NOTHING


def as_mappings(value: object) -> list[Mapping[str, object]]:
    """Return the objects of a list, or one object that stands alone.

    :param value: what a file has.
    """
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, Mapping)]


def as_list(value: object) -> Sequence[object]:
    """Return a list, an empty one where there is something else.

    :param value: what a file has.
    """
    return value if isinstance(value, list) else ()


def as_text(value: object) -> str:
    """Return a text, "" where there is something else; Parquet gives texts as bytes.

    :param value: what a file has.
    """
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else ""
