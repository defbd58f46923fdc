"""Goodreads: a reader's library as CSV, and the UCSD collection of reviews (Wan and McAuley 2018)."""

from __future__ import annotations

from collections.abc import Mapping

from profilegen.ingest.exports.export import Fields, no_texts, table_export
from profilegen.ingest.values import parse_number


def _without_zero(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields:
    """Leave out a rating of 0, which means that there is none."""
    return {**fields, "rating": fields.get("rating") if parse_number(fields.get("rating")) else None}


def _sentences(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields:
    """Join the sentences of a review, each of which stands behind the mark whether it tells the end."""
    sentences = row.get("review_sentences")
    pairs = sentences if isinstance(sentences, list) else []
    text = " ".join(str(pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2)
    return _without_zero(row, {**fields, "text": text})


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
            "timestamp": ("Date Read", "Date Added"),
            "event": "Exclusive Shelf",
        },
        change=_without_zero,
    ),
    table_export(
        "goodreads-ucsd",
        "Goodreads reviews (UCSD)",
        ("user_id", "book_id", "review_id", ("review_text", "review_text_incomplete"), "date_added"),
        {
            "user_id": "user_id",
            "text": ("review_text", "review_text_incomplete"),
            "item_id": "book_id",
            "rating": "rating",
            "timestamp": ("read_at", "date_added"),
        },
        change=_without_zero,
    ),
    table_export(
        "goodreads-ucsd-spoilers",
        "Goodreads reviews in sentences (UCSD)",
        ("user_id", "book_id", "review_id", "review_sentences", "has_spoiler"),
        {
            "user_id": "user_id",
            "text": "review_sentences",
            "item_id": "book_id",
            "rating": "rating",
            "timestamp": "timestamp",
        },
        change=_sentences,
    ),
    table_export(
        "goodreads-ucsd-books",
        "Goodreads books (UCSD)",
        ("book_id", "title", "title_without_series", "work_id"),
        {"item_id": "book_id", "item_title": "title", "image": "image_url"},
        without=("user_id",),
        role="items",
    ),
    no_texts(
        "goodreads-ucsd-numbers",
        "numbers its books anew; give the interactions as JSON",
        lambda look: (
            {"user_id", "book_id", "is_read", "is_reviewed"} <= set(look.columns) and "review_id" not in look.columns
        ),
    ),
    no_texts(
        "goodreads-ucsd-maps",
        "holds numbers of users or of books",
        lambda look: look.columns in (("user_id_csv", "user_id"), ("book_id_csv", "book_id")),
    ),
    no_texts(
        "goodreads-ucsd-authors",
        "holds authors, no texts",
        lambda look: {"author_id", "name", "text_reviews_count"} <= set(look.columns),
    ),
    no_texts(
        "goodreads-ucsd-works",
        "holds works or series, no texts",
        lambda look: (
            {"best_book_id", "work_id"} <= set(look.columns) or {"series_id", "series_works_count"} <= set(look.columns)
        ),
    ),
    no_texts(
        "goodreads-ucsd-genres",
        "holds genres, no texts",
        lambda look: set(look.columns) == {"book_id", "genres"},
    ),
)
