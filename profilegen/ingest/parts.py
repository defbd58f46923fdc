"""What each file is, by a look at its first rows: a known export, or a table whose columns are chosen."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from profilegen.errors import InputError
from profilegen.ingest.columns import decoded
from profilegen.ingest.exports.export import Columns, Fields, Look, Passed, Reader, Role
from profilegen.ingest.exports.registry import export_of
from profilegen.ingest.notation import USUAL, Notation, find_notation
from profilegen.ingest.paths import CONSTANT, first_name, paths_in, values_at
from profilegen.ingest.roles import (
    DAY_AND_TIME,
    Chosen,
    ColumnMap,
    choose_fields,
    join_names,
    maybe_texts,
    maybe_users,
)
from profilegen.ingest.sources import Source, can_be_read_twice, read_beside
from profilegen.ingest.tables import READ_ERRORS, OpenTable
from profilegen.language.cleaning import printable
from profilegen.privacy import OPEN, Privacy
from profilegen.records import FieldSource

_TEXTS = ("text", "title", "item_title")


class UnknownTableError(InputError):
    """This table is of no known source, and has no column that is one of texts or of users for sure."""


class Choice(NamedTuple):
    """What a person said of the files.

    :param mapping: paths to values, by field; a file for which there are some is read by them alone.
    :param user: the user of rows that name none.
    :param privacy: what is masked, and whether users get pseudonyms.
    """

    mapping: ColumnMap = ()
    user: str | None = None
    privacy: Privacy = OPEN


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
    :param is_named_by_file: whether the user is called like the file, since nothing in it says who it is.
    :param is_empty: whether it has no rows, good or bad.
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
    is_named_by_file: bool = False
    is_empty: bool = False


def look_at(source: Source, table: OpenTable, choice: Choice, *, read_on: bool = False) -> Part:
    """Return how a file is to be read.

    :param source: the file.
    :param table: what is in it.
    :param choice: what a person said of the files.
    :param read_on: whether rows after the first ones may be read too, where these do not show all.
    :raises UnknownTableError: no users or no texts are found in it; the message names what it has.
    """
    part = _part(source, table, choice)
    if part.role != "texts":
        return part
    if not table.sample and read_on and next(table.rows, None) is None:
        return part._replace(is_empty=True)
    notation = find_notation(_fields(part, table.sample), _fields(part, _further(table) if read_on else ()))
    # A reader may remember rows; the one that has read these is not used again.
    return _part(source, table, choice)._replace(notation=notation)


def _fields(part: Part, rows: Iterable[Mapping[str, object]]) -> Iterator[Fields]:
    found = (fields for row in rows for fields in part.reader(row) if not isinstance(fields, Passed))
    return ({name: decoded(fields.get(name)) for name in ("rating", "rating_scale", "timestamp")} for fields in found)


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
        return _table(look, source, choice)
    fields = tuple(
        FieldSource(field=field, columns=_there(columns, look), why=export.title)
        for field, columns in export.fields.items()
    )
    owner = choice.user if export.role == "texts" else None
    if export.role == "texts" and "user_id" not in export.fields:
        owner = choice.user or export.owner(look) or _name_of(look)
    # What is inside of a column is of it.
    used = {name for field in fields for column in field.columns for name in (column, column.partition(".")[0])}
    unused = tuple(column for column in look.columns if column not in used)
    needs_items = export.role == "texts" and export.fields.keys().isdisjoint(_TEXTS)
    return Part(export.title, export.role, fields, unused, owner, export.reader(look), None, needs_items)


def _there(columns: Columns, look: Look) -> tuple[str, ...]:
    names = (columns,) if isinstance(columns, str) else columns
    return tuple(name for name in names if name in look.columns) or names[:1]


def _table(look: Look, source: Source, choice: Choice) -> Part:
    chosen = choose_fields(look.columns, look.rows, choice.mapping)
    fields = chosen.fields
    has_texts = not fields.keys().isdisjoint(_TEXTS)
    role: Role = "texts"
    tells_of_items = "item_id" in fields and not fields.keys().isdisjoint(("item_title", "title"))
    if tells_of_items and fields.keys().isdisjoint(("user_id", "text")) and choice.user is None:
        role = "items"
        if "item_title" not in fields:
            fields["item_title"] = fields.pop("title").model_copy(update={"field": "item_title"})
    elif look.columns and not has_texts and not ("item_id" in fields and "user_id" in fields):
        raise UnknownTableError(_no_texts(look))
    owner = choice.user if role == "texts" and "user_id" not in fields else None
    is_named_by_file = bool(role == "texts" and look.columns and "user_id" not in fields and owner is None)
    if is_named_by_file:
        owner = _one_person(look, source, chosen)
    used = {_column(path, look.columns) for each in fields.values() for path in each.columns}
    unused = tuple(column for column in look.columns if column not in used and column not in chosen.left_out)
    columns = frozenset(used & set(look.columns))
    mapped = {field for field, _ in choice.mapping}
    joined = {field for field in ("text", "timestamp") if field in mapped}
    if "timestamp" in fields and fields["timestamp"].why == DAY_AND_TIME:
        joined.add("timestamp")
    reader = partial(_read, {field: each.columns for field, each in fields.items()}, joined)
    part = Part("", role, tuple(fields.values()), unused, owner, reader, columns, not has_texts)
    return part._replace(left_out=chosen.left_out, is_named_by_file=is_named_by_file)


def _one_person(look: Look, source: Source, chosen: Chosen) -> str:
    """Return the name of the one person whose rows these are: the file's.

    :raises UnknownTableError: a column may name users, or the file has no name.
    """
    maybe = maybe_users(look.columns, look.rows, chosen)
    if not maybe and can_be_read_twice(source):
        return _name_of(look)
    among = join_names([*maybe, *(column for column in look.columns if column not in maybe)])
    which = f"is it {' or '.join(map(printable, maybe[:3]))}? say" if maybe else "say which it is with"
    path = printable(maybe[0]) if len(maybe) == 1 else "COLUMN"
    raise UnknownTableError(
        f"no column of users among {among}; {which} --map user_id={path}, or --user NAME if all of it is of one person"
    )


def _no_texts(look: Look) -> str:
    among = join_names(maybe_texts(look.columns, look.rows))
    nested = [path for path in paths_in(look.rows) if path not in look.columns]
    if nested:
        return (
            f"no column of texts among {among}. Its values are nested; there are "
            f"{join_names(maybe_texts(nested, look.rows))}. Say which it is with --map text=PATH"
        )
    return f"no column of texts among {among}; say which it is with --map text=COLUMN"


def _column(path: str, columns: Collection[str]) -> str:
    return path if path in columns or path.startswith(CONSTANT) else first_name(path)


def _name_of(look: Look) -> str:
    """Return a name for the one person of an export that names nobody: the folder's, else the file's."""
    path = PurePosixPath(look.name)
    return path.parts[0] if len(path.parts) > 1 else path.stem


def _read(
    places: Mapping[str, tuple[str, ...]], joined: Collection[str], row: Mapping[str, object]
) -> Iterable[Fields | Passed]:
    """Give the documents of a row: one, or one for each text where a path leads to several.

    :param places: paths by field; the first that leads to a value counts.
    :param joined: fields of which the values of several paths are one; a person wants all that are mapped.
    """
    found = {field: [value for path in paths for value in values_at(row, path)] for field, paths in places.items()}
    texts = found.pop("text", [])
    if "text" in joined:  # A column of lists that is mapped is a path to several.
        texts = [each for text in texts for each in (text if isinstance(text, list) else [text])]
    shared = {
        field: _join(values, " ") if field in joined and len(places[field]) > 1 else _first(values)
        for field, values in found.items()
    }
    if len(places.get("text", ())) > 1:
        texts = [_join(texts, "\n") if "text" in joined else _first(texts)]
    for text in texts or [None]:
        yield {**shared, "text": text}


def _join(values: list[object], by: str) -> str:
    return by.join(str(decoded(value)) for value in values if value not in (None, ""))


def _first(values: list[object]) -> object:
    return next((value for value in values if value not in (None, "")), None)
