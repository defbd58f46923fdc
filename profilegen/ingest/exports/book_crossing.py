"""Book-Crossing: ratings of books of ten (Ziegler and others 2005); 0 says that somebody has the book."""

from __future__ import annotations

from collections.abc import Mapping

from profilegen.ingest.exports.export import Fields, no_texts, table_export
from profilegen.ingest.values import parse_number


def _of_ten(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields:
    if parse_number(fields.get("rating")):
        return {**fields, "rating_scale": 10}
    return {**fields, "rating": None, "event": "read"}


EXPORTS = (
    table_export(
        "book-crossing",
        "Book-Crossing ratings",
        ("User-ID", "ISBN", "Book-Rating"),
        {"user_id": "User-ID", "item_id": "ISBN", "rating": "Book-Rating"},
        change=_of_ten,
    ),
    table_export(
        "book-crossing-items",
        "Book-Crossing books",
        ("ISBN", "Book-Title", "Book-Author"),
        {
            "item_id": "ISBN",
            "item_title": "Book-Title",
            "brand": "Book-Author",
            "image": ("Image-URL-L", "Image-URL-M", "Image-URL-S"),
        },
        without=("User-ID",),
        role="items",
    ),
    no_texts(
        "book-crossing-users",
        "holds users, no texts",
        lambda look: set(look.columns) == {"User-ID", "Location", "Age"},
    ),
)
