"""StoryGraph and LibraryThing: a reader's library as a table, or as one JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, first_value, table_export

_LIBRARYTHING: Mapping[str, tuple[str, ...]] = {
    "text": ("review",),
    "item_id": ("books_id",),
    "item_title": ("title",),
    "brand": ("primaryauthor",),
    "rating": ("rating",),
    "timestamp": ("dateread", "entrydate"),
    "event": ("collections",),
}


def _is_librarything(look: Look) -> bool:
    books = [book for row in look.rows for book in row.values() if isinstance(book, Mapping)]
    return bool(books) and all({"books_id", "title"} <= book.keys() for book in books[:20])


def _librarything_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        for book in row.values():
            if isinstance(book, Mapping):
                fields = {field: first_value(book, columns) for field, columns in _LIBRARYTHING.items()}
                yield {**fields, "event": _joined(fields["event"])}

    return read


def _joined(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


EXPORTS = (
    table_export(
        "storygraph",
        "StoryGraph export",
        ("Title", "Authors", "Read Status", "Star Rating", ("ISBN/UID", "ISBN")),
        {
            "text": "Review",
            "item_id": ("ISBN/UID", "ISBN"),
            "item_title": "Title",
            "brand": "Authors",
            "rating": "Star Rating",
            "timestamp": ("Last Date Read", "Date Added"),
            "event": "Read Status",
        },
    ),
    table_export(
        "librarything",
        "LibraryThing export",
        ("Book Id", "Title", "Primary Author", "Collections"),
        {
            "text": "Review",
            "item_id": "Book Id",
            "item_title": "Title",
            "brand": "Primary Author",
            "rating": "Rating",
            "timestamp": ("Date Read", "Entry Date"),
            "event": "Collections",
        },
    ),
    Export(
        "librarything-json",
        "LibraryThing export",
        {field: columns[0] for field, columns in _LIBRARYTHING.items()},
        _is_librarything,
        _librarything_reader,
    ),
)
