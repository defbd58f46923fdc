"""Yelp: the folder of the Yelp Open Dataset."""

from __future__ import annotations

from profilegen.ingest.exports.export import no_texts, table_export

EXPORTS = (
    table_export(
        "yelp",
        "Yelp reviews",
        ("review_id", "user_id", "business_id", "stars", "text"),
        {
            "user_id": "user_id",
            "text": "text",
            "item_id": "business_id",
            "rating": "stars",
            "timestamp": "date",
        },
    ),
    table_export(
        "yelp-tips",
        "Yelp tips",
        ("user_id", "business_id", "text", "date"),
        {"user_id": "user_id", "text": "text", "item_id": "business_id", "timestamp": "date"},
        without=("review_id", "stars"),
        constants={"event": "tip"},
    ),
    table_export(
        "yelp-items",
        "Yelp businesses",
        ("business_id", "name", "categories"),
        {"item_id": "business_id", "item_title": "name"},
        without=("user_id",),
        role="items",
    ),
    no_texts(
        "yelp-users",
        "holds users, no texts",
        lambda look: {"user_id", "yelping_since"} <= set(look.columns),
    ),
    no_texts(
        "yelp-checkins",
        "holds times of visits, no texts",
        lambda look: set(look.columns) in ({"business_id", "date"}, {"business_id", "time"}),
    ),
    no_texts(
        "yelp-photos",
        "holds captions of photos, which name no user",
        lambda look: {"photo_id", "business_id", "caption"} <= set(look.columns),
    ),
)
