"""What an export is: how its files are recognised, and what documents their rows hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Fields = Mapping[str, object]
"""Values by our names for them (`FIELDS`), as the file has them: they are parsed later, in one place."""

Columns = str | tuple[str, ...]
"""A column, or the names that it has in files of different years or languages."""

Role = Literal["texts", "items", "nothing"]


class Passed(NamedTuple):
    """A row that is whole and yet no document of a user, with the reason: `from the assistant`, `no text`."""

    reason: str


class Look(NamedTuple):
    """What is seen of a file before it is read.

    :param name: its path below what was named, with `/` between the parts: `slack/general/2024-05-01.json`.
    :param format: short name of its format.
    :param columns: the names of its columns, or of the keys of its objects.
    :param rows: its first rows, at least one.
    :param context: what stands around a list of objects: `{"name": "Ana", "type": "personal_chat"}`.
    :param beside: returns the bytes of another file by its path relative to this one, None where there is none or
        it is larger than 16 MB.
    :param user: who a person says is the user of rows that name none.
    """

    name: str
    format: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, object], ...]
    context: Mapping[str, object]
    beside: Callable[[str], bytes | None]
    user: str | None = None


Reader = Callable[[Mapping[str, object]], Iterable[Fields | Passed]]
"""Turns a row into the documents that it holds."""

Change = Callable[[Mapping[str, object], Mapping[str, object]], Fields | Passed]
"""Corrects the fields of a row, which is given first, or says why it is no document."""


@dataclass(frozen=True)
class Export:
    """A source whose files are known by their shape.

    :param name: a short name, in small letters with hyphens, by which documentation and messages call it.
    :param title: what people call it: `Slack export`.
    :param fields: where each field comes from, in words for people: `{"text": "text", "timestamp": "ts"}`; of
        several columns, those that a file has.
    :param recognises: tells whether a file is of this source, by what a look at it shows; cheap, and never wrong on
        a file of another source: it looks for several names that only this source has together.
    :param reader: returns what turns rows into documents. A field `user_id` that it leaves out is the one person
        whose export this is.
    :param role: `items` where the rows say what items are and hold no texts of users: `item_id` and what is known;
        `nothing` where there is nothing to read, and the title is the reason: `holds users, no texts`.
    :param owner: returns who the one person is, None where the files do not say.
    """

    name: str
    title: str
    fields: Mapping[str, Columns]
    recognises: Callable[[Look], bool]
    reader: Callable[[Look], Reader]
    role: Role = "texts"
    owner: Callable[[Look], str | None] = lambda look: None


def no_texts(name: str, reason: str, recognises: Callable[[Look], bool]) -> Export:
    """Return the export of files that belong to a source and hold nothing to read; they are passed over.

    :param name: as in `Export`.
    :param reason: why: `holds users, no texts`.
    :param recognises: as in `Export`.
    """
    return Export(name, reason, {}, recognises, lambda look: lambda row: (), "nothing")


def table_export(
    name: str,
    title: str,
    wanted: Iterable[Columns],
    fields: Mapping[str, Columns],
    *,
    without: Iterable[str] = (),
    role: Role = "texts",
    constants: Fields | None = None,
    change: Change | None = None,
    owner: Callable[[Look], str | None] = lambda look: None,
) -> Export:
    """Return an export whose rows need little more than other names for their columns.

    :param name: as in `Export`.
    :param title: as in `Export`.
    :param wanted: columns that all its files have, and files of others not together; of several names, one.
    :param fields: the column of each field, or a path to it; of several, the first that holds something.
    :param without: columns that none of its files has.
    :param role: as in `Export`.
    :param constants: fields that are the same in every row, such as the channel.
    :param change: corrects the fields of a row, or says why it is no document.
    :param owner: as in `Export`.
    """
    needed = [frozenset(_several(each)) for each in wanted]
    banned = frozenset(without)
    places = {field: _several(columns) for field, columns in fields.items()}
    same = dict(constants or {})

    def recognises(look: Look) -> bool:
        columns = set(look.columns)
        return all(not names.isdisjoint(columns) for names in needed) and banned.isdisjoint(columns)

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        found = {**same, **{field: first_value(row, columns) for field, columns in places.items()}}
        return (change(row, found) if change else found,)

    return Export(name, title, places, recognises, lambda look: read, role, owner)


def first_value(row: Mapping[str, object], columns: Iterable[str]) -> object:
    """Return the first value of a row that holds something, None where there is none.

    :param row: a row.
    :param columns: names of columns, or paths.
    """
    for column in columns:
        value = row[column] if column in row else _inner(row, column)
        if value not in (None, "", b""):
            return value
    return None


def _inner(row: object, path: str) -> object:
    for name in path.split("."):
        row = row.get(name) if isinstance(row, Mapping) else None
    return row


def _several(columns: Columns) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else columns
