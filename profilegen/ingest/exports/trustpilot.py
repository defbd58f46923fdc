"""Trustpilot: the reviews that a business downloads, and Datafiniti's reviews of products and hotels."""

from __future__ import annotations

from profilegen.ingest.exports.export import table_export

EXPORTS = (
    table_export(
        "trustpilot",
        "Trustpilot reviews",
        (
            ("Review Created (UTC)", "Review Created Date (UTC)", "Review Created"),
            "Review Content",
            ("Review Stars", "Review Rating"),
        ),
        {
            "user_id": ("Review User Id", "Review Consumer User Id", "Review Username", "Review User Name"),
            "text": "Review Content",
            "title": "Review Title",
            "item_title": ("Domain Url", "Domain URL", "Domain", "Webshop Name", "Location Name"),
            "rating": ("Review Stars", "Review Rating"),
            "timestamp": ("Review Created (UTC)", "Review Created Date (UTC)", "Review Created"),
            "channel": ("Source Of Review", "Source Name", "Review Source Name"),
        },
    ),
    table_export(
        "datafiniti",
        "Datafiniti reviews",
        ("reviews.username", "reviews.text", "reviews.rating"),
        {
            "user_id": "reviews.username",
            "text": "reviews.text",
            "title": "reviews.title",
            "item_id": ("id", "asins"),
            "item_title": "name",
            "brand": "brand",
            "rating": "reviews.rating",
            "timestamp": "reviews.date",
        },
    ),
)
