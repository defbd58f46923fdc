"""MovieLens: ratings and tags of films in all sizes, 100K, 1M and 10M without names of columns.

Collections of Zhang that are laid out alike, of Douban, are read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Reader, Role, no_texts, table_export

_TAG = {"event": "tag"}


def _numbered(
    name: str, title: str, files: re.Pattern[str], fields: Mapping[str, str], shape: Mapping[str, str], role: Role
) -> Export:
    """Return the export of a file without names of columns, which is known by its own name and by its values."""
    patterns = {column: re.compile(pattern) for column, pattern in shape.items()}
    event = _TAG if "text" in fields else {}

    def recognises(look: Look) -> bool:
        return (
            look.columns[:1] == ("column 1",)
            and files.fullmatch(PurePosixPath(look.name).name.removesuffix(".gz")) is not None
            and all(p.fullmatch(str(row.get(column) or "")) for column, p in patterns.items() for row in look.rows[:50])
        )

    def read(row: Mapping[str, object]) -> Iterable[Fields]:
        yield {**event, **{field: row.get(column) for field, column in fields.items()}}

    def reader(look: Look) -> Reader:
        return read

    return Export(name, title, fields, recognises, reader, role)


_ID, _SCORE, _TIME = r"\d+", r"[0-5](?:\.[05])?", r"\d{8,10}"
_RATINGS = {"user_id": "column 1", "item_id": "column 2", "rating": "column 3", "timestamp": "column 4"}
_TAGS = {"user_id": "column 1", "item_id": "column 2", "text": "column 3", "timestamp": "column 4"}
_FILM = {"item_id": "column 1", "item_title": "column 2"}
_FOUR = {"column 1": _ID, "column 2": _ID, "column 4": _TIME}


def _is_part_of_100k(look: Look) -> bool:
    name = PurePosixPath(look.name).name
    return re.fullmatch(r"u[1-5ab]\.(base|test)|r[ab1-5]\.(train|test)", name) is not None and look.columns[:1] == (
        "column 1",
    )


def _has_no_texts(look: Look) -> bool:
    name, columns = PurePosixPath(look.name).name, set(look.columns)
    return (
        name in ("users.dat", "u.user", "u.genre", "u.occupation", "u.info")
        or columns == {"movieId", "imdbId", "tmdbId"}
        or columns == {"movieId", "tagId", "relevance"}
        or columns == {"tagId", "tag"}
        or columns == {"catId", "category"}
    )


EXPORTS = (
    table_export(
        "movielens-ratings",
        "MovieLens ratings",
        ("userId", "movieId", "rating"),
        {"user_id": "userId", "item_id": "movieId", "rating": "rating", "timestamp": "timestamp"},
        without=("comment",),
    ),
    table_export(
        "movielens-comments",
        "Douban ratings and comments of films",
        ("userId", "movieId", "rating", "comment"),
        {
            "user_id": "userId",
            "text": "comment",
            "item_id": "movieId",
            "rating": "rating",
            "timestamp": "timestamp",
        },
    ),
    table_export(
        "movielens-tags",
        "MovieLens tags",
        ("userId", "movieId", "tag"),
        {"user_id": "userId", "text": "tag", "item_id": "movieId", "timestamp": "timestamp"},
        constants=_TAG,
    ),
    table_export(
        "movielens-items",
        "MovieLens films",
        ("movieId", "title"),
        {"item_id": "movieId", "item_title": "title"},
        without=("userId",),
        role="items",
    ),
    _numbered(
        "movielens-ratings-old",
        "MovieLens ratings",
        re.compile(r"ratings\.dat|u\.data"),
        _RATINGS,
        {**_FOUR, "column 3": _SCORE},
        "texts",
    ),
    _numbered("movielens-tags-old", "MovieLens tags", re.compile(r"tags\.dat"), _TAGS, _FOUR, "texts"),
    _numbered(
        "movielens-items-old",
        "MovieLens films",
        re.compile(r"movies\.dat|u\.item"),
        _FILM,
        {"column 1": _ID},
        "items",
    ),
    no_texts("movielens-parts", "ratings that u.data has too", _is_part_of_100k),
    no_texts("movielens-others", "holds users, numbers or names of genres, no texts", _has_no_texts),
)
