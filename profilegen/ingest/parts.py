"""What each file is, by a look at its first rows: a known export, or a table whose columns are chosen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from profilegen.errors import InputError
from profilegen.ingest.exports.export import Columns, Fields, Look, Passed, Reader, Role
from profilegen.ingest.exports.registry import export_of
from profilegen.ingest.notation import USUAL, Notation, find_notation
from profilegen.ingest.paths import CONSTANT, first_name, paths_in, values_at
from profilegen.ingest.roles import ColumnMap, choose_fields, join_names
from profilegen.ingest.sources import Source, read_beside
from profilegen.ingest.tables import READ_ERRORS, OpenTable
from profilegen.records import FieldSource

_TEXTS = ("text", "title", "item_title")


class Choice(NamedTuple):
    """What a person said of the files.

    :param mapping: paths to values, by field; a file for which there are some is read by them alone.
    :param user: the user of rows that name none.
    """

    mapping: ColumnMap = ()
    user: str | None = None


class Part(NamedTuple):
    """A file as it is to be read.

    :param export: title of the source, "" for a table that is none of a known one; of nothing to read, the reason.
    :param role: whether its rows hold texts of users, tell of items, or are nothing to read.
    :param fields: where fields come from.
    :param unused: columns that hold no field.
    :param owner: the user of rows that name none.
    :param reader: turns rows into fields of documents.
    :param columns: the columns that are read, None for all.
    :param needs_items: whether its texts are titles of items that stand in another file.
    :param notation: how it writes ratings and times.
    :param left_out: columns that look like a field and are none, with the reason.
    """

    export: str
    role: Role
    fields: tuple[FieldSource, ...]
    unused: tuple[str, ...]
    owner: str | None
    reader: Reader
    columns: frozenset[str] | None
    needs_items: bool = False
    notation: Notation = USUAL
    left_out: Mapping[str, str] = MappingProxyType({})


def look_at(source: Source, table: OpenTable, choice: Choice, *, read_on: bool = False) -> Part:
    """Return how a file is to be read.

    :param source: the file.
    :param table: what is in it.
    :param choice: what a person said of the files.
    :param read_on: whether rows after the first ones may be read too, where these do not show all.
    :raises InputError: no users or no texts are found in it; the message names what it has.
    """
    part = _part(source, table, choice)
    if part.role != "texts":
        return part
    notation = find_notation(_fields(part, table.sample), _fields(part, _further(table) if read_on else ()))
    # A reader may remember rows; the one that has read these is not used again.
    return _part(source, table, choice)._replace(notation=notation)


def _fields(part: Part, rows: Iterable[Mapping[str, object]]) -> Iterator[Fields]:
    return (fields for row in rows for fields in part.reader(row) if not isinstance(fields, Passed))


def _further(table: OpenTable) -> Iterator[Mapping[str, object]]:
    """Yield rows as far as they can be read; whoever reads them for good says what is wrong with the rest."""
    with contextlib.suppress(InputError, *READ_ERRORS):
        for _, row in table.rows:
            if isinstance(row, Mapping):
                yield row


def _part(source: Source, table: OpenTable, choice: Choice) -> Part:
    beside = partial(read_beside, source)
    look = Look(source.below, table.format, table.columns, table.sample, table.context, beside, choice.user)
    export = None if choice.mapping or not table.sample else export_of(look)
    if export is None:
        return _table(look, choice)
    fields = tuple(
        FieldSource(field=field, columns=_there(columns, look), why=export.title)
        for field, columns in export.fields.items()
    )
    owner = choice.user if export.role == "texts" else None
    if export.role == "texts" and "user_id" not in export.fields:
        owner = choice.user or export.owner(look) or _name_of(look)
    used = {column for field in fields for column in field.columns}
    unused = tuple(column for column in look.columns if column not in used)
    needs_items = export.role == "texts" and export.fields.keys().isdisjoint(_TEXTS)
    return Part(export.title, export.role, fields, unused, owner, export.reader(look), None, needs_items)


def _there(columns: Columns, look: Look) -> tuple[str, ...]:
    names = (columns,) if isinstance(columns, str) else columns
    return tuple(name for name in names if name in look.columns) or names[:1]


def _table(look: Look, choice: Choice) -> Part:
    chosen = choose_fields(look.columns, look.rows, choice.mapping)
    used = {_column(path) for source in chosen.values() for path in source.columns}
    unused = tuple(column for column in look.columns if column not in used)
    has_texts = not chosen.keys().isdisjoint(_TEXTS)
    role: Role = "texts"
    tells_of_items = "item_id" in chosen and not chosen.keys().isdisjoint(("item_title", "title"))
    if tells_of_items and chosen.keys().isdisjoint(("user_id", "text")) and choice.user is None:
        role = "items"
        if "item_title" not in chosen:
            title = chosen.pop("title")
            chosen["item_title"] = title.model_copy(update={"field": "item_title"})
    elif look.columns and not has_texts and not ("item_id" in chosen and "user_id" in chosen):
        raise InputError(_none_found("texts", "text=COLUMN", look))
    owner = None
    if role == "texts" and look.columns and "user_id" not in chosen:
        owner = choice.user
        if owner is None:
            raise InputError(_none_found("users", "user_id=COLUMN", look))
    columns = frozenset(used & set(look.columns))
    joins = "text" in (field for field, _ in choice.mapping)
    reader = partial(_read, {field: source.columns for field, source in chosen.items()}, joins)
    return Part("", role, tuple(chosen.values()), unused, owner, reader, columns, not has_texts)


def _none_found(what: str, example: str, look: Look) -> str:
    nested = [path for path in paths_in(look.rows) if path not in look.columns]
    one = ", or --user NAME if all of it is of one person" if what == "users" else ""
    if nested:
        return (
            f"no column of {what} among {join_names(look.columns)}. Its values are nested; there are "
            f"{join_names(nested)}. Say which it is with --map {example.replace('COLUMN', 'PATH')}{one}"
        )
    return f"no column of {what} among {join_names(look.columns)}; say which it is with --map {example}{one}"


def _column(path: str) -> str:
    return "" if path.startswith(CONSTANT) else first_name(path)


def _name_of(look: Look) -> str:
    """Return a name for the one person of an export that names nobody: the folder's, else the file's."""
    path = PurePosixPath(look.name)
    return path.parts[0] if len(path.parts) > 1 else path.stem


def _read(places: Mapping[str, tuple[str, ...]], joins: bool, row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    """Give the documents of a row: one, or one for each text where a path leads to several.

    :param places: paths by field; the first that leads to a value counts.
    :param joins: whether the values of several paths to texts are one text; a person wants all that are mapped.
    """
    found = {field: [value for path in paths for value in values_at(row, path)] for field, paths in places.items()}
    texts = found.pop("text", [])
    shared = {field: _first(values) for field, values in found.items()}
    if len(places.get("text", ())) > 1:
        texts = ["\n".join(str(text) for text in texts if text not in (None, ""))] if joins else [_first(texts)]
    for text in texts or [None]:
        yield {**shared, "text": text}


def _first(values: list[object]) -> object:
    return next((value for value in values if value not in (None, "")), None)
