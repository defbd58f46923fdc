"""The one table of exports: those of this package, and those that other packages add."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from profilegen.ingest.exports.export import Export, Look

ENTRY_POINTS = "profilegen.exports"
"""Group of entry points by which another package adds its `Export`s; each is one, or a sequence of them."""

# The modules of this package, each of which holds its `EXPORTS`.
_MODULES = (
    "activitypub",
    "amazon",
    "amazon_orders",
    "app_stores",
    "apple_music",
    "bluesky",
    "book_crossing",
    "book_libraries",
    "chatgpt",
    "chinese_shops",
    "claude",
    "conversation_datasets",
    "copilot",
    "day_one",
    "discord",
    "douban",
    "goodreads",
    "google_maps",
    "google_takeout",
    "hacker_news",
    "imdb",
    "kindle",
    "lastfm",
    "letterboxd",
    "line_kakaotalk",
    "mail",
    "meta",
    "mind",
    "movielens",
    "netflix",
    "persona_dialogs",
    "reading_lists",
    "recbole",
    "reddit",
    "rotten_tomatoes",
    "slack",
    "spotify",
    "stack_exchange",
    "steam",
    "telegram",
    "travel",
    "trustpilot",
    "weibo",
    "whatsapp",
    "x",
    "yelp",
    "zhihu",
    # Knows what many programs write, so that it comes last.
    "chat_messages",
)


def export_of(look: Look) -> Export | None:
    """Return the export that a file is of, None where none is recognised.

    :param look: what is seen of the file.
    """
    return next((export for export in all_exports() if export.recognises(look)), None)


@cache
def all_exports() -> tuple[Export, ...]:
    """Return all exports, those of other packages first."""
    ours = tuple(each for name in _MODULES for each in import_module(f"{__package__}.{name}").EXPORTS)
    found = (point.load() for point in entry_points(group=ENTRY_POINTS))
    others = tuple(each for one in found for each in ((one,) if isinstance(one, Export) else one))
    return (*others, *ours)
