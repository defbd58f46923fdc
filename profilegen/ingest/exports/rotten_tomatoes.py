"""Rotten Tomatoes: what critics wrote, as Kaggle has it, each on the scale of the critic."""

from __future__ import annotations

import re
from collections.abc import Mapping

from profilegen.ingest.exports.export import Fields, table_export

_OUT_OF = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*")


def _with_scale(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields:
    """Split `1.5/4`; a grade such as `B+` is no number."""
    score = _OUT_OF.fullmatch(str(fields.get("rating") or ""))
    if score is None or not float(score[2]):
        return {**fields, "rating": None}
    return {**fields, "rating": float(score[1]), "rating_scale": float(score[2])}


EXPORTS = (
    table_export(
        "rotten-tomatoes",
        "Rotten Tomatoes reviews of critics",
        (("rotten_tomatoes_link", "id"), ("critic_name", "criticName"), ("review_content", "reviewText")),
        {
            "user_id": ("critic_name", "criticName"),
            "text": ("review_content", "reviewText"),
            "item_id": ("rotten_tomatoes_link", "id"),
            "rating": ("review_score", "originalScore"),
            "timestamp": ("review_date", "creationDate"),
            "channel": ("publisher_name", "publicatioName"),
        },
        change=_with_scale,
    ),
    table_export(
        "rotten-tomatoes-items",
        "Rotten Tomatoes films",
        (("rotten_tomatoes_link", "id"), ("movie_title", "title"), ("tomatometer_rating", "tomatoMeter")),
        {"item_id": ("rotten_tomatoes_link", "id"), "item_title": ("movie_title", "title")},
        role="items",
    ),
)
