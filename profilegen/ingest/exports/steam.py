"""Steam: the collections of UCSD and Kaggle, and what the programming interface of the shop returns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, first_value, no_texts, table_export

_POSTED = re.compile(r"\s*Posted (.+?)\.?\s*")
# A review says whether its author recommends the game; there are no stars.
_EVENTS = {"1": "recommended", "true": "recommended", "0": "not recommended", "-1": "not recommended"}


def _event(recommends: object) -> str | None:
    if recommends is None:
        return None
    return _EVENTS.get(str(recommends).strip().lower().removesuffix(".0"), "not recommended")


# Marks of Steam, as in `[b]music[/b]` and `[url=store.example]this[/url]`; what a player writes in brackets stays.
_MARKS = re.compile(
    r"\[/?(?:b|i|u|strike|spoiler|noparse|h[1-3]|hr|quote|code|list|olist|\*|table|tr|td|th|url)(?:=[^\]\n]{0,2000})?\]"
)


def _without_marks(text: object) -> object:
    return _MARKS.sub("", text) if isinstance(text, str) else text


def _with_event(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields:
    return {**fields, "event": _event(fields.get("event"))}


def _members(look: Look, key: str, *names: str) -> bool:
    """Tell whether rows hold lists of objects that have these names."""
    lists = (value for row in look.rows if isinstance(value := row.get(key), list))
    members = [each for several in lists for each in several if isinstance(each, Mapping)]
    return bool(members) and all(set(names) <= each.keys() for each in members[:20])


def _users_reviews_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        reviews = row.get("reviews")
        if not reviews or not isinstance(reviews, list):
            yield Passed("a user without reviews")
            return
        for review in reviews:
            if isinstance(review, Mapping):
                posted = _POSTED.fullmatch(str(review.get("posted") or ""))
                yield {
                    "user_id": row.get("user_id"),
                    "text": review.get("review"),
                    "item_id": review.get("item_id"),
                    "event": _event(review.get("recommend")),
                    # Of the current year it says only the day, `Posted July 3`.
                    "timestamp": posted[1] if posted and posted[1][-4:].isdigit() else None,
                }

    return read


def _users_items_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        games = row.get("items")
        if not games or not isinstance(games, list):
            yield Passed("a user without games")
            return
        for game in games:
            if isinstance(game, Mapping):
                yield {
                    "user_id": row.get("user_id"),
                    "item_id": game.get("item_id"),
                    "item_title": game.get("item_name"),
                    "event": "play" if game.get("playtime_forever") else "own",
                }

    return read


_API: Mapping[str, tuple[str, ...]] = {
    "user_id": ("author.steamid", "author_steamid"),
    "text": ("review",),
    "item_id": ("app_id", "appid"),
    "item_title": ("app_name", "game"),
    "event": ("voted_up", "recommended"),
    "timestamp": ("timestamp_created",),
}


def _is_api(look: Look) -> bool:
    def has(row: Mapping[str, object]) -> bool:
        names = row.keys()
        said = {"review", "timestamp_created"} <= names and not {"voted_up", "recommended"}.isdisjoint(names)
        return said and first_value(row, _API["user_id"]) is not None

    return any(has(row) for row in look.rows[:20]) or _members(look, "reviews", "author", "review", "voted_up")


def _api_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        inner = row.get("reviews")
        for review in inner if isinstance(inner, list) else [row]:
            if isinstance(review, Mapping):
                fields = {field: first_value(review, names) for field, names in _API.items()}
                yield _with_event(row, {**fields, "text": _without_marks(fields["text"])})

    return read


def _is_200k(look: Look) -> bool:
    return look.columns == tuple(f"column {number}" for number in range(1, 6)) and all(
        row.get("column 3") in ("purchase", "play") for row in look.rows
    )


def _200k_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields]:
        yield {"user_id": row.get("column 1"), "item_title": row.get("column 2"), "event": row.get("column 3")}

    return read


EXPORTS = (
    Export(
        "steam-australia",
        "Steam reviews by user (UCSD)",
        {"user_id": "user_id", "text": "reviews"},
        lambda look: "user_id" in look.columns and _members(look, "reviews", "review", "recommend", "posted"),
        _users_reviews_reader,
    ),
    Export(
        "steam-australia-games",
        "Steam games by user (UCSD)",
        {"user_id": "user_id", "item_title": "items"},
        lambda look: "user_id" in look.columns and _members(look, "items", "item_id", "item_name", "playtime_forever"),
        _users_items_reader,
    ),
    no_texts("steam-bundles", "holds bundles of games", lambda look: {"bundle_id", "items"} <= set(look.columns)),
    table_export(
        "steam-ucsd",
        "Steam reviews (UCSD)",
        ("username", "product_id", "text", "hours", "early_access"),
        {"user_id": "username", "text": "text", "item_id": "product_id", "timestamp": "date"},
    ),
    table_export(
        "steam-ucsd-items",
        "Steam games (UCSD)",
        ("id", "app_name", "reviews_url", "developer"),
        {"item_id": "id", "item_title": ("title", "app_name"), "brand": "developer", "price": "price"},
        role="items",
    ),
    Export("steam", "Steam reviews", _API, _is_api, _api_reader),
    table_export(
        "steam-kaggle",
        "Steam reviews without users (Kaggle)",
        ("app_id", "app_name", "review_text", "review_score", "review_votes"),
        {"user_id": "user_id", "text": "review_text", "item_id": "app_id", "item_title": "app_name"}
        | {"event": "review_score"},
        change=_with_event,
    ),
    table_export(
        "steam-recommendations",
        "Steam recommendations (Kaggle)",
        ("app_id", "is_recommended", "user_id", "review_id"),
        {"user_id": "user_id", "item_id": "app_id", "event": "is_recommended", "timestamp": "date"},
        change=_with_event,
    ),
    table_export(
        "steam-recommendations-items",
        "Steam games (Kaggle)",
        ("app_id", "title", "date_release"),
        {"item_id": "app_id", "item_title": "title", "price": "price_final"},
        role="items",
    ),
    no_texts(
        "steam-recommendations-users",
        "holds users, no texts",
        lambda look: (
            set(look.columns) == {"user_id", "products", "reviews"} and not _members(look, "reviews", "review")
        ),
    ),
    Export(
        "steam-200k",
        "Steam purchases and plays (Kaggle)",
        {"user_id": "column 1", "item_title": "column 2", "event": "column 3"},
        _is_200k,
        _200k_reader,
    ),
)
