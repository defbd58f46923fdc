"""Which list in one large JSON object holds its records: the largest list of objects, and what stands around it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from profilegen.ingest.roles import choose_fields

# Lists are looked for this many objects deep: `chats.list` is two, `response.data.items` three.
_MAX_DEPTH = 3
# How much of a file is looked at, first and at most.
_LOOK_CHARS, _MAX_LOOK_CHARS = 1 << 22, 1 << 24
# What is larger does not tell of the records and is left out of the context.
_MAX_CONTEXT_CHARS = 1 << 14

# What an API calls objects that its records only name, which are often longer than the records.
_ASIDE = ("includes", "included")

_SPACE = re.compile(r"\s*")
_BETWEEN = re.compile(r"[\s,]*")
_AFTER = re.compile(r"[\s,;]*")
_TO_VALUE = re.compile(r"\s*:\s*")
_OF_OBJECTS = re.compile(r"\[\s*\{")
_decode = json.JSONDecoder().raw_decode


class RecordList(NamedTuple):
    """A list of records in an object.

    :param start: where its bracket stands in the text.
    :param context: what the object says beside it, as far as that is short.
    :param name: by which the object calls it, "" where it stands in an object in the object.
    """

    start: int
    context: Mapping[str, object]
    name: str


class _CutOffError(Exception):
    """The text ends within the object."""


class _Found(NamedTuple):
    """A list of objects: where it begins and ends, None for the end of the text, and in which object by which name."""

    start: int
    end: int | None
    around: dict[str, object]
    name: str


def find_list(ahead: Callable[[int], str]) -> RecordList | None:
    """Return the list of records in an object; None for an object that is a row itself, or one of several.

    An object that has both a user and a text is a row, whatever lists it has. Of an object that is longer than what is
    looked at, the list that goes on where the look ends counts, if it is longer than those before.

    :param ahead: returns as much of a file as it is asked for, an object first.
    """
    size = _LOOK_CHARS
    while True:
        text = ahead(size)
        found = _Outline(text)
        longest = max(found.lists, key=lambda each: (each.end or len(text)) - each.start, default=None)
        open_ends = any(each.end is None for each in found.lists)
        if size >= _MAX_LOOK_CHARS or not open_ends or (longest and longest.end is None):
            break
        size *= 2
    if longest is None or found.is_one_of_several or _is_row(found.context):
        return None
    longest.around.pop(longest.name, None)
    return RecordList(longest.start, found.context, longest.name if longest.around is found.context else "")


def _is_row(context: Mapping[str, object]) -> bool:
    scalars = [name for name, value in context.items() if not isinstance(value, dict | list)]
    return {"user_id", "text"} <= choose_fields(scalars, ()).fields.keys()


class _Outline:
    """What is noted of an object: its lists of objects, and what else is short."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.lists: list[_Found] = []
        self.context: dict[str, object] = {}
        self.is_one_of_several = False
        try:
            end = self._walk(0, self.context, 1)
            self.is_one_of_several = self._skip(end, _AFTER) < len(text)
        except _CutOffError:
            pass
        except (ValueError, RecursionError):
            self.lists = []

    def _walk(self, at: int, context: dict[str, object], depth: int) -> int:
        """Move past an object and return where it ends.

        :raises _CutOffError: the text ends before; what was found by then has been noted.
        """
        at = self._skip(at + 1)
        while (mark := self._at(at)) != "}":
            if mark != '"':
                raise ValueError("no name of a value")
            name, at = self._name(at)
            at = self._value(self._skip(at, _TO_VALUE), name, context, depth)
            at = self._skip(at, _BETWEEN)
        return at + 1

    def _value(self, at: int, name: str, context: dict[str, object], depth: int) -> int:
        if self._at(at) == "{" and depth < _MAX_DEPTH and name not in _ASIDE:
            inner: dict[str, object] = {}
            context[name] = inner
            return self._walk(at, inner, depth + 1)
        is_list = name not in _ASIDE and _OF_OBJECTS.match(self._text, at) is not None
        try:
            value, end = _decode(self._text, at)
        except ValueError:
            if is_list:
                self.lists.append(_Found(at, None, context, name))
            raise _CutOffError from None
        if is_list:
            self.lists.append(_Found(at, end, context, name))
        if end - at <= _MAX_CONTEXT_CHARS:
            context[name] = value
        return end

    def _name(self, at: int) -> tuple[str, int]:
        try:
            name, end = _decode(self._text, at)
        except ValueError:
            raise _CutOffError from None
        return str(name), end

    def _skip(self, at: int, what: re.Pattern[str] = _SPACE) -> int:
        match = what.match(self._text, at)
        return match.end() if match else at

    def _at(self, at: int) -> str:
        if at >= len(self._text):
            raise _CutOffError
        return self._text[at]
