"""Apple Music: the tables of what a person played, from Apple's copy of one's data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed
from profilegen.ingest.exports.nested import as_text
from profilegen.ingest.values import parse_number

_MIN_PLAYED_MS = 30_000
_PLAYED = "Play Duration Milliseconds"


def _is_activity(look: Look) -> bool:
    named = {"Song Name", "Content Name"} & set(look.columns)
    return bool(named) and {_PLAYED, "Event Start Timestamp", "Event Type"} <= set(look.columns)


def _activity(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    title = as_text(row.get("Song Name") or row.get("Content Name"))
    if not title or (parse_number(row.get(_PLAYED)) or 0) < _MIN_PLAYED_MS:
        yield Passed("played less than 30 seconds" if title else "no title")
        return
    artist = as_text(row.get("Artist Name") or row.get("Container Artist Name"))
    yield {"item_title": title, "brand": artist, "timestamp": row.get("Event Start Timestamp"), "event": "played"}


def _is_daily(look: Look) -> bool:
    return {"Track Description", "Date Played", _PLAYED} <= set(look.columns)


def _daily(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    artist, dash, title = as_text(row.get("Track Description")).partition(" - ")
    if not (title or artist) or (parse_number(row.get(_PLAYED)) or 0) < _MIN_PLAYED_MS:
        yield Passed("played less than 30 seconds" if artist else "no title")
        return
    yield {
        "item_title": title or artist,
        "brand": artist if dash else None,
        "item_id": row.get("Track Identifier"),
        "timestamp": row.get("Date Played"),
        "event": "played",
    }


EXPORTS = (
    Export(
        "apple-music",
        "Apple Music play activity",
        {"item_title": "Song Name", "brand": "Artist Name", "timestamp": "Event Start Timestamp"},
        _is_activity,
        lambda look: _activity,
    ),
    Export(
        "apple-music-daily",
        "Apple Music play history",
        {"item_title": "Track Description", "item_id": "Track Identifier", "timestamp": "Date Played"},
        _is_daily,
        lambda look: _daily,
    ),
)
