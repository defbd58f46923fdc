"""Goodreads: a reader's library as CSV, and the UCSD collection of reviews (Wan and McAuley 2018)."""

from __future__ import annotations

from profilegen.ingest.exports.export import table_export

EXPORTS = (
    table_export(
        "goodreads-library",
        "Goodreads library export",
        ("Book Id", "Title", "Author", "My Rating", "Exclusive Shelf"),
        {
            "text": "My Review",
            "item_id": "Book Id",
            "item_title": "Title",
            "brand": "Author",
            "rating": "My Rating",
            "timestamp": "Date Read",
            "event": "Exclusive Shelf",
        },
    ),
)
