"""TripAdvisor, Booking and Airbnb: collections of reviews of hotels, restaurants and homes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from profilegen.ingest.exports.export import Fields, Look, no_texts, table_export

_IN_ADDRESS = re.compile(r"-Reviews-([^-]+)")
_NOTHING_SAID = ("No Negative", "No Positive", "Nothing", "N A")


def _with_name(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields:
    """Add the name of the hotel, which stands in its address."""
    name = _IN_ADDRESS.search(str(fields.get("item_id") or ""))
    return {**fields, "item_title": name[1].replace("_", " ") if name else None}


def _both_sides(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields:
    """Join what was good and what was bad."""
    sides = (str(row.get(name) or "").strip() for name in ("Positive_Review", "Negative_Review"))
    text = "\n".join(side for side in sides if side and side not in _NOTHING_SAID)
    return {**fields, "text": text, "rating_scale": 10}


def _is_airbnb_without_texts(look: Look) -> bool:
    columns = set(look.columns)
    return (
        columns == {"listing_id", "date"}
        or {"listing_id", "date", "available", "price"} <= columns
        or columns == {"neighbourhood_group", "neighbourhood"}
    )


EXPORTS = (
    table_export(
        "airbnb",
        "Airbnb reviews (Inside Airbnb)",
        ("listing_id", "reviewer_id", "comments"),
        {"user_id": "reviewer_id", "text": "comments", "item_id": "listing_id", "timestamp": "date"},
    ),
    table_export(
        "airbnb-items",
        "Airbnb homes (Inside Airbnb)",
        ("id", "name", "host_id", "room_type"),
        {"item_id": "id", "item_title": "name", "price": "price", "image": "picture_url"},
        role="items",
    ),
    no_texts("airbnb-others", "holds days, prices or places, no texts", _is_airbnb_without_texts),
    table_export(
        "tripadvisor-hotelrec",
        "TripAdvisor hotel reviews (HotelRec)",
        ("hotel_url", "author", "text", "rating"),
        {
            "user_id": "author",
            "text": "text",
            "title": "title",
            "item_id": "hotel_url",
            "rating": "rating",
            "timestamp": "date",
        },
        change=_with_name,
    ),
    table_export(
        "tripadvisor-hotels",
        "TripAdvisor hotel reviews (Ott and others 2013)",
        ("offering_id", "ratings", "author", "text"),
        {
            "user_id": ("author.id", "author.username"),
            "text": "text",
            "title": "title",
            "item_id": "offering_id",
            "rating": "ratings.overall",
            "timestamp": "date",
        },
    ),
    table_export(
        "tripadvisor-hotels-items",
        "TripAdvisor hotels (Ott and others 2013)",
        ("hotel_class", "region_id", "id", "name"),
        {"item_id": "id", "item_title": "name"},
        role="items",
    ),
    table_export(
        "tripadvisor-restaurants",
        "TripAdvisor restaurant reviews (Kaggle)",
        ("author_id", "restaurant_name", ("review_full", "review_preview")),
        {
            "user_id": "author_id",
            "text": ("review_full", "review_preview"),
            "title": "title_review",
            "item_id": "url_restaurant",
            "item_title": "restaurant_name",
            "rating": "rating_review",
            "timestamp": "date",
        },
    ),
    table_export(
        "booking",
        "Booking hotel reviews without users (Kaggle)",
        ("Hotel_Name", "Negative_Review", "Positive_Review", "Reviewer_Score"),
        {
            "user_id": "user_id",
            "text": ("Positive_Review", "Negative_Review"),
            "item_title": "Hotel_Name",
            "rating": "Reviewer_Score",
            "timestamp": "Review_Date",
        },
        change=_both_sides,
    ),
    table_export(
        "booking-reviewers",
        "Booking hotel reviews",
        ("reviewed_by", "reviewed_at", "hotel_name", ("review_text", "raw_review_text")),
        {
            "user_id": "reviewed_by",
            "text": ("review_text", "raw_review_text"),
            "title": "review_title",
            "item_id": "hotel_url",
            "item_title": "hotel_name",
            "rating": "rating",
            "timestamp": "reviewed_at",
        },
        constants={"rating_scale": 10},
    ),
)
