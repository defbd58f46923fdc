"""RecBole: atomic files `.inter`, `.item` and `.user`, whose columns carry their types: `user_id:token`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Columns, Export, Fields, Look, Passed, Reader, no_texts

_TYPED = re.compile(r"([^:]+):(token|token_seq|float|float_seq)")
# Names by which the collections of RecBole call the fields; ids of items end with `_id`.
_NAMES = {
    "text": ("review_text", "review", "text", "content", "comment", "tag_value", "tag"),
    "title": ("summary", "review_summary"),
    "item_title": (
        "title",
        "item_title",
        "movie_title",
        "book_title",
        "item_name",
        "app_name",
        "business_name",
        "track_name",
        "song",
        "name",
    ),
    "brand": ("brand", "book_author", "author", "developer", "artist"),
    "price": ("price",),
    "rating": ("rating", "stars", "overall"),
    "timestamp": ("timestamp", "date", "time"),
}
_NO_ITEMS = ("user_id", "review_id", "session_id", "head_id", "tail_id", "source_id", "target_id", "entity_id")


def _is_atomic(look: Look) -> bool:
    return len(look.columns) > 1 and all(_TYPED.fullmatch(column) for column in look.columns)


def _is_inter(look: Look) -> bool:
    return _is_atomic(look) and "user_id:token" in look.columns and _item_id(look) is not None


def _is_item(look: Look) -> bool:
    return _is_atomic(look) and "user_id:token" not in look.columns and "item_title" in _places(look)


def _item_id(look: Look) -> str | None:
    ids = (column for column in look.columns if re.fullmatch(r"\w+_id:token|id:token", column))
    return next((column for column in ids if column.split(":")[0] not in _NO_ITEMS), None)


def _places(look: Look) -> dict[str, str]:
    """Return the column of each field."""
    by_name = {column.split(":")[0]: column for column in reversed(look.columns)}
    places = {"item_id": _item_id(look), "user_id": by_name.get("user_id")}
    for field, names in _NAMES.items():
        places[field] = next((by_name[name] for name in names if name in by_name), None)
    return {field: column for field, column in places.items() if column}


def _texts_reader(look: Look) -> Reader:
    places = _places(look)

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        yield {field: row.get(column) for field, column in places.items()}

    return read


_FIELDS: Mapping[str, Columns] = {
    "user_id": "user_id:token",
    "item_id": ("item_id:token", "movie_id:token", "business_id:token", "artist_id:token", "product_id:token"),
    **{
        field: tuple(f"{name}:{kind}" for name in names for kind in ("token_seq", "token", "float"))
        for field, names in _NAMES.items()
    },
}

EXPORTS = (
    Export("recbole", "RecBole interactions", _FIELDS, _is_inter, _texts_reader),
    Export(
        "recbole-items",
        "RecBole items",
        {field: columns for field, columns in _FIELDS.items() if field in ("item_id", "item_title", "brand", "price")},
        _is_item,
        _texts_reader,
        role="items",
    ),
    no_texts(
        "recbole-users",
        "holds users or links of items, no texts",
        lambda look: _is_atomic(look) and not _is_inter(look) and not _is_item(look),
    ),
)
