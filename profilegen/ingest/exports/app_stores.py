"""Google Play and the App Store: reviews from the consoles of makers of apps, and from programs that read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, first_value, table_export

_NOBODY = ("A Google user", "Google user", "Um usuário do Google", "Ein Google-Nutzer", "Un utilisateur de Google")
_REVIEW_IN_LINK = re.compile(r"[?&]review[iI]d=([^&#]+)")


def _named(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields | Passed:
    if fields.get("user_id") in _NOBODY:
        return Passed("from a user without a name")
    return fields


def _console(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields | Passed:
    """Take the review for its author, who is not named and can write one of an app."""
    if not fields.get("text") and not fields.get("title"):
        return Passed("a rating without a text")
    review = _REVIEW_IN_LINK.search(str(fields.get("user_id") or ""))
    return {**fields, "user_id": review[1] if review else None}


_RSS: Mapping[str, tuple[str, ...]] = {
    "user_id": ("author.name.label",),
    "text": ("content.label",),
    "title": ("title.label",),
    "rating": ("im:rating.label",),
    "timestamp": ("updated.label",),
}


def _entries(row: Mapping[str, object]) -> list[object]:
    """Return the reviews of a row, which is one, or the whole feed."""
    feed = row.get("feed", row)
    entries = feed.get("entry") if isinstance(feed, Mapping) else None
    return entries if isinstance(entries, list) else [entries or row]


def _is_rss(look: Look) -> bool:
    entries = [entry for row in look.rows[:20] for entry in _entries(row)[:20]]
    return any(isinstance(entry, Mapping) and {"im:rating", "author", "content"} <= entry.keys() for entry in entries)


def _rss_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        for entry in _entries(row):
            if isinstance(entry, Mapping) and "im:rating" in entry:
                yield {field: first_value(entry, names) for field, names in _RSS.items()}
            else:
                yield Passed("the app itself")

    return read


_CONNECT: Mapping[str, tuple[str, ...]] = {
    "user_id": ("attributes.reviewerNickname",),
    "text": ("attributes.body",),
    "title": ("attributes.title",),
    "rating": ("attributes.rating",),
    "timestamp": ("attributes.createdDate",),
}


def _reviews(row: Mapping[str, object]) -> list[object]:
    data = row.get("data")
    return data if isinstance(data, list) else [row]


def _is_connect(look: Look) -> bool:
    reviews = [review for row in look.rows[:20] for review in _reviews(row)[:20]]
    return any(isinstance(each, Mapping) and first_value(each, _CONNECT["user_id"]) for each in reviews)


def _connect_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        for review in _reviews(row):
            if isinstance(review, Mapping):
                yield {field: first_value(review, names) for field, names in _CONNECT.items()}

    return read


EXPORTS = (
    table_export(
        "google-play",
        "Google Play reviews",
        ("reviewId", "userName", "content", "score", "at"),
        {
            "user_id": "userName",
            "text": "content",
            "item_id": ("appId", "app_id"),
            "rating": "score",
            "timestamp": "at",
        },
        change=_named,
    ),
    table_export(
        "google-play-node",
        "Google Play reviews",
        ("id", "userName", "score", "text", "date", ("thumbsUp", "scoreText")),
        {"user_id": "userName", "text": "text", "title": "title", "rating": "score", "timestamp": "date"},
        change=_named,
    ),
    table_export(
        "google-play-console",
        "Google Play Console reviews",
        ("Package Name", "Star Rating", "Review Text", "Review Submit Date and Time"),
        {
            "user_id": "Review Link",
            "text": "Review Text",
            "title": "Review Title",
            "item_id": "Package Name",
            "rating": "Star Rating",
            "timestamp": ("Review Last Update Date and Time", "Review Submit Date and Time"),
        },
        change=_console,
    ),
    table_export(
        "app-store",
        "App Store reviews",
        ("userName", "date", "review", "rating", "title"),
        {
            "user_id": "userName",
            "text": "review",
            "title": "title",
            "item_title": ("app_name", "appName"),
            "rating": "rating",
            "timestamp": "date",
        },
    ),
    table_export(
        "app-store-node",
        "App Store reviews",
        ("userName", "userUrl", "score", "title", "text"),
        {
            "user_id": "userName",
            "text": "text",
            "title": "title",
            "rating": "score",
            "timestamp": "updated",
        },
    ),
    Export("app-store-rss", "App Store reviews", _RSS, _is_rss, _rss_reader),
    Export("app-store-connect", "App Store Connect reviews", _CONNECT, _is_connect, _connect_reader),
)
