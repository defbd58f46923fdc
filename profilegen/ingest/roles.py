"""Which columns of a table hold the fields of a document, and why: as mapped, as named, as their values look."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from profilegen.ingest import names
from profilegen.ingest.columns import (
    are_clock_times,
    depends_on,
    describe_no_rating,
    describe_no_time,
    is_prose,
    nested_paths,
    repeats,
    values_of,
    words_per_value,
)
from profilegen.ingest.paths import CONSTANT, begins_with_one
from profilegen.language.cleaning import printable
from profilegen.records import FieldSource

FIELDS = tuple(names.USUAL_NAMES)
_MAX_LISTED = 60

NAMED_BY_YOU = "named by you"
DAY_AND_TIME = "a day and a time of day"
"""Why two columns are one time."""

ColumnMap = tuple[tuple[str, str], ...]
"""What a person mapped: pairs of a field and the path to its values, or a constant; a field may come several times."""

Rows = Sequence[Mapping[str, object]]


class Chosen(NamedTuple):
    """Where the fields of a table come from.

    :param fields: by field.
    :param left_out: columns that are named like a field and are none, with the reason.
    """

    fields: dict[str, FieldSource]
    left_out: dict[str, str]


def choose_fields(columns: Sequence[str], rows: Rows, mapping: ColumnMap = ()) -> Chosen:
    """Return where each field comes from: as mapped, as usually named, or as the values look.

    A column serves one field.

    :param columns: the names of all columns of a table.
    :param rows: some of its rows, by which names are checked that mean several things.
    :param mapping: what a person mapped; paths that begin with no column of the table are passed over.
    """
    chosen = Chosen(_mapped(columns, mapping), {})
    taken = {column for source in chosen.fields.values() for column in source.columns}
    by_name: dict[str, str] = {}
    for column in columns:
        if column not in taken:
            by_name.setdefault(_plain(column), column)
    _choose_by_name(chosen, by_name, rows)
    _choose_inside(chosen, columns, rows)
    _choose_what_is_of_items(chosen, by_name, rows)
    _choose_long_texts(chosen, columns, rows)
    _join_date_and_time(chosen, by_name, rows)
    return chosen


def _mapped(columns: Sequence[str], mapping: ColumnMap) -> dict[str, FieldSource]:
    chosen: dict[str, FieldSource] = {}
    for target, path in mapping:
        if path.startswith(CONSTANT) or begins_with_one(path, columns):
            before = chosen[target].columns if target in chosen else ()
            chosen[target] = FieldSource(field=target, columns=(*before, path), why=NAMED_BY_YOU)
    return chosen


# --- by name ----------------------------------------------------------------------------------------------


def _choose_by_name(chosen: Chosen, by_name: dict[str, str], rows: Rows) -> None:
    for target, usual in _PLAIN_NAMES.items():
        for name in usual if target not in chosen.fields else ():
            if name not in by_name:
                continue
            column = by_name[name]
            objection = _objection(target, name, column, by_name, rows)
            if objection is not None:
                if objection:
                    chosen.left_out[column] = objection
                continue
            places = (column, *_stand_ins(column, [by_name[each] for each in usual if each in by_name], rows))
            chosen.fields[target] = FieldSource(field=target, columns=places, why="by its name")
            for each in places:
                chosen.left_out.pop(each, None)
            for plain in [plain for plain, each in by_name.items() if each in places]:
                del by_name[plain]
            break


def _objection(target: str, name: str, column: str, by_name: Mapping[str, str], rows: Rows) -> str | None:
    """Return why a column of a usual name is not what the name says, "" where that is not worth a word."""
    values = values_of(rows, column)
    if values and all(isinstance(value, Mapping) for value in values):
        return ""  # what is inside has names of its own
    if target == "rating":
        is_of_posts = not frozenset(names.BESIDE_VOTES.split()).isdisjoint(by_name)
        return describe_no_rating(values, is_score=name == "score", is_of_posts=is_of_posts)
    if target == "timestamp":
        return describe_no_time(values)
    if target == "user_id" and name in names.AUTHORS and any(map(names.BESIDE_AUTHORS.fullmatch, by_name)):
        return "it names who made the item"
    if target == "user_id" and is_prose(values):
        return "its values are sentences"
    return None


def _stand_ins(column: str, others: Sequence[str], rows: Rows) -> list[str]:
    """Return the columns of rows that have no such column: objects need not have the same keys."""
    return [other for other in others if any(other in row and column not in row for row in rows)]


# --- inside of objects ------------------------------------------------------------------------------------


def _choose_inside(chosen: Chosen, columns: Sequence[str], rows: Rows) -> None:
    """Choose paths into objects: of a field, where exactly one fits of those that are the least deep."""
    used = {path for source in chosen.fields.values() for path in source.columns}
    paths = [path for path in nested_paths(rows) if path not in used and path.split(".")[0] not in used]
    for target in FIELDS:
        if target in chosen.fields or not paths:
            continue
        fitting = sorted((rank, path) for path in paths if (rank := _fit(target, path)) is not None)
        shallow = [each for each in fitting if each[1].count(".") == min(path.count(".") for _, path in fitting)]
        # Of one object, the preferred name; of several objects, none can be told from the others.
        if shallow and len({path.rpartition(".")[0] for _, path in shallow}) == 1:
            path = shallow[0][1]
            why = f"by its name, inside {path.rpartition('.')[0]}"
            chosen.fields[target] = FieldSource(field=target, columns=(path,), why=why)
            paths.remove(path)


def _fit(target: str, path: str) -> int | None:
    """Return how well the name of a path fits a field, 0 for best, None where it does not."""
    *_, parent, last = (_plain(each) for each in path.split("."))
    is_of_person, is_of_thing = (parent in each.split() for each in (names.PERSONS, names.THINGS))
    if target == "user_id" and is_of_person:
        return _position(_PERSON_NAMES, last)
    if is_of_person:
        return None
    if target in ("item_id", "item_title") and is_of_thing:
        return _position(["id"] if target == "item_id" else ["title", "name"], last)
    if is_of_thing and target not in ("brand", "price"):
        return None
    return _position(_PLAIN_NAMES[target], last)


def _position(among: Sequence[str], name: str) -> int | None:
    return among.index(name) if name in among else None


# --- as the values look -----------------------------------------------------------------------------------


def _choose_what_is_of_items(chosen: Chosen, by_name: Mapping[str, str], rows: Rows) -> None:
    """Tell whose `title`, `name` and `id` are: the item's, or of the review, the user and the row."""
    fields = chosen.fields
    item = fields["item_id"].columns[0] if "item_id" in fields else None
    if "item_title" not in fields and "title" in fields:
        rest = next((by_name[each] for each in names.ITEM_TITLES if each in by_name), None)
        if rest and not _is_of_user(rest, chosen, rows):
            fields["item_title"] = _source("item_title", rest, "the review has a title of its own")
        elif _is_title_of_item(chosen, item, rows):
            title = fields.pop("title").columns[0]
            fields["item_title"] = _source("item_title", title, "many texts have the same")
    if "item_title" not in fields and "name" in by_name and "user_id" in fields:
        name = by_name["name"]
        if not _is_of_user(name, chosen, rows) and (not item or depends_on(rows, item, name) is not False):
            fields["item_title"] = _source("item_title", name, "it is not the user's")
    if not item and "id" in by_name:
        _choose_id(chosen, by_name["id"], rows)
    author = next((by_name[name] for name in ("author", "authors", "artist") if name in by_name), None)
    if author and "brand" not in fields and author in chosen.left_out:
        fields["brand"] = _source("brand", author, chosen.left_out.pop(author))


def _choose_id(chosen: Chosen, column: str, rows: Rows) -> None:
    """Choose a column called `id` as that of the item, unless it numbers the rows of users."""
    fields = chosen.fields
    title = next((fields[name].columns[0] for name in ("item_title", "title") if name in fields), None)
    if title and depends_on(rows, column, title):
        fields["item_id"] = _source("item_id", column, "rows of the same have the same title")
    elif title and fields.keys().isdisjoint(("user_id", "text")):
        fields["item_id"] = _source("item_id", column, "each row is an item")


def _is_title_of_item(chosen: Chosen, item: str | None, rows: Rows) -> bool:
    """Return whether a column called `title`, beside texts, is the same in all rows of an item."""
    source = chosen.fields["title"]
    title = source.columns[0]
    if "text" not in chosen.fields or source.why == NAMED_BY_YOU or _plain(title) != "title":
        return False
    return bool(depends_on(rows, item, title)) if item else repeats(values_of(rows, title))


def _is_of_user(column: str, chosen: Chosen, rows: Rows) -> bool:
    """Return whether a column called `name` may be the user's: it is the same in all rows of a user."""
    if _plain(column) != "name" or "user_id" not in chosen.fields:
        return _plain(column) == "name"
    of_user = depends_on(rows, chosen.fields["user_id"].columns[0], column)
    item = chosen.fields.get("item_id")
    return bool(of_user) and not (item and depends_on(rows, item.columns[0], column))


def _choose_long_texts(chosen: Chosen, columns: Sequence[str], rows: Rows) -> None:
    """Choose the column of the longest texts where none is named like one, and the rows are no list of items."""
    fields = chosen.fields
    if "text" in fields or ("user_id" not in fields and "item_id" in fields):
        return
    used = {path for source in fields.values() for path in source.columns}
    free = [column for column in columns if column not in used and not names.NO_TEXTS.fullmatch(_plain(column))]
    free += [
        p for p in nested_paths(rows) if p not in used and not names.NO_TEXTS.fullmatch(_plain(p.rpartition(".")[2]))
    ]
    by_words = sorted(((words_per_value(values_of(rows, column)), column) for column in free), reverse=True)
    if not by_words or not is_prose(values_of(rows, by_words[0][1])):
        return
    if len(by_words) == 1 or by_words[0][0] >= 1.5 * by_words[1][0]:
        fields["text"] = _source("text", by_words[0][1], "the longest texts")


def _join_date_and_time(chosen: Chosen, by_name: Mapping[str, str], rows: Rows) -> None:
    source = chosen.fields.get("timestamp")
    time = by_name.get("time")
    if source is None or time is None or len(source.columns) > 1 or not _plain(source.columns[0]).endswith("date"):
        return
    if are_clock_times(values_of(rows, time)):
        chosen.left_out.pop(time, None)
        columns = (*source.columns, time)
        chosen.fields["timestamp"] = FieldSource(field="timestamp", columns=columns, why=DAY_AND_TIME)


def _source(field: str, column: str, why: str) -> FieldSource:
    return FieldSource(field=field, columns=(column,), why=why)


# --- messages ---------------------------------------------------------------------------------------------


def maybe_texts(columns: Sequence[str], rows: Rows) -> list[str]:
    """Return the columns with the longest texts first; others in their order.

    :param columns: the names of all columns.
    :param rows: some rows.
    """
    words = {column: words_per_value(values_of(rows, column)) for column in columns}
    return sorted(columns, key=lambda column: -words[column] if words[column] >= 3 else 0)


def maybe_users(columns: Sequence[str], rows: Rows, chosen: Chosen) -> list[str]:
    """Return the columns that may name users, the likeliest first; values alone never tell that they do.

    :param columns: the names of all columns.
    :param rows: some rows.
    :param chosen: what columns are used for.
    """
    used = {path for source in chosen.fields.values() for path in source.columns}
    free = [column for column in (*columns, *nested_paths(rows)) if column not in used]
    likely, possible = [], []
    for column in free:
        if _fit("user_id", f".{column}") is not None:
            likely.append(column)
            continue
        values, name = values_of(rows, column), _plain(column.rpartition(".")[2])
        if not values or any(isinstance(value, Mapping | list | bool) for value in values):
            continue
        if names.PERSON_HINTS.fullmatch(name) and words_per_value(values) <= 5:
            likely.append(column)
        elif not names.NO_PERSONS.fullmatch(name) and _is_short(values, name) and repeats(values, share=1):
            possible.append(column)
    return [*likely, *possible]


def _is_short(values: Sequence[object], name: str) -> bool:
    """Return whether values are like names: words, or numbers that are called ids."""
    texts = [value for value in values if isinstance(value, str) and not re.fullmatch(r"[\d.,:/\s-]*", value)]
    if len(texts) < len(values) / 2 and not name.endswith("id"):
        return False
    return all(len(str(value)) <= 40 for value in values) and words_per_value(values) <= 3


def unknown_columns(missing: set[str], columns: Sequence[str]) -> str:
    """Return the message that mapped columns are not there, and which are.

    :param missing: the mapped columns.
    :param columns: all columns that there are.
    """
    return f"no column {join_names(sorted(missing))} to map from; the columns are {join_names(columns)}"


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


_PERSON_NAMES = [_plain(name) for name in names.PERSON_NAMES.split()]
_PLAIN_NAMES = {target: [_plain(name) for name in usual.split()] for target, usual in names.USUAL_NAMES.items()}


def join_names(listed: Sequence[str], max_chars: int = 60) -> str:
    """Return names on one line for a message: the first sixty, each printable and cut where it is long.

    :param listed: of columns or of files.
    :param max_chars: of each, at most.
    """
    joined = ", ".join(
        printable(name if len(name) <= max_chars else f"{name[: max_chars - 1]}…") for name in listed[:_MAX_LISTED]
    )
    return joined + (f" and {len(listed) - _MAX_LISTED} more" if len(listed) > _MAX_LISTED else "")
