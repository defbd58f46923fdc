"""IMDb: a person's ratings, watchlist and lists, and two collections of reviews. Ratings are of ten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Reader, first_value, no_texts, table_export

_OF_TEN = {"rating_scale": 10}
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "text": ("Description", "description"),
    "item_id": ("Const", "const"),
    "item_title": ("Title",),
    "rating": ("Your Rating", "You rated"),
    "timestamp": ("Date Rated", "Created", "created"),
}


def _is_list(look: Look) -> bool:
    columns = set(look.columns)
    return bool({"Const", "const"} & columns) and {"Title", "URL", "IMDb Rating"} <= columns


def _reader(look: Look) -> Reader:
    is_ratings = "Date Rated" in look.columns and "Created" not in look.columns
    event = "watchlist" if "watchlist" in PurePosixPath(look.name).name.lower() else "rated" if is_ratings else "list"

    def read(row: Mapping[str, object]) -> Iterable[Fields]:
        yield {**_OF_TEN, "event": event, **{field: first_value(row, names) for field, names in _FIELDS.items()}}

    return read


def _owner(look: Look) -> str | None:
    """Return one name for files that lie by themselves: the ratings and the watchlist are of one person."""
    return None if "/" in look.name else "imdb"


EXPORTS = (
    Export("imdb", "IMDb ratings and lists", _FIELDS, _is_list, _reader, owner=_owner),
    table_export(
        "imdb-spoilers",
        "IMDb reviews with spoilers marked (Kaggle)",
        ("user_id", "movie_id", "review_text", "is_spoiler"),
        {
            "user_id": "user_id",
            "text": "review_text",
            "title": "review_summary",
            "item_id": "movie_id",
            "rating": "rating",
            "timestamp": "review_date",
        },
        constants=_OF_TEN,
    ),
    no_texts(
        "imdb-spoilers-items",
        "holds films without their titles",
        lambda look: {"movie_id", "plot_summary"} <= set(look.columns) and "title" not in look.columns,
    ),
    table_export(
        "imdb-reviews",
        "IMDb reviews (Kaggle)",
        ("reviewer", "movie", "review_summary", "review_detail"),
        {
            "user_id": "reviewer",
            "text": "review_detail",
            "title": "review_summary",
            "item_title": "movie",
            "rating": "rating",
            "timestamp": "review_date",
        },
        constants=_OF_TEN,
    ),
)
