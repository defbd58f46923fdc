"""Spotify: what a person played and searched, from both archives (account data, extended streaming history)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts
from profilegen.ingest.exports.nested import as_mapping, as_text
from profilegen.ingest.values import parse_number

# What Spotify itself counts as played.
_MIN_PLAYED_MS = 30_000


def _is_history(look: Look) -> bool:
    columns = set(look.columns)
    return {"endTime", "msPlayed"} <= columns or {"ts", "ms_played", "spotify_track_uri"} <= columns


def _reader(look: Look) -> Reader:
    return _play


def _play(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    title = _first(
        row, "trackName", "master_metadata_track_name", "episodeName", "episode_name", "audiobook_chapter_title"
    )
    if not title:
        yield Passed("no title")
    elif (parse_number(row.get("msPlayed", row.get("ms_played"))) or 0) < _MIN_PLAYED_MS:
        yield Passed("played less than 30 seconds")
    else:
        yield {
            "item_title": title,
            "item_id": _first(row, "spotify_track_uri", "spotify_episode_uri", "audiobook_chapter_uri"),
            "brand": _first(
                row,
                "artistName",
                "master_metadata_album_artist_name",
                "podcastName",
                "episode_show_name",
                "audiobook_title",
            ),
            "timestamp": row.get("endTime") or row.get("ts"),
            "event": "played",
        }


def _first(row: Mapping[str, object], *names: str) -> str | None:
    return next((text for name in names if (text := as_text(row.get(name)))), None)


def _is_search(look: Look) -> bool:
    return {"searchTime", "searchQuery"} <= set(look.columns)


def _search_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields]:
        return ({"text": row.get("searchQuery"), "timestamp": row.get("searchTime"), "event": "searched"},)

    return read


def _is_library(look: Look) -> bool:
    columns = set(look.columns)
    is_playlists = columns == {"playlists"} or {"name", "lastModifiedDate", "items"} <= columns
    return is_playlists or {"tracks", "albums", "shows", "episodes"} <= columns or {"album", "track", "uri"} <= columns


def _is_account(look: Look) -> bool:
    return PurePosixPath(look.name).name == "Userdata.json" and "username" in look.columns


def _owner(look: Look) -> str | None:
    """Return the name of the account, which is no name of a person and stands in both archives."""
    named = next((name for row in look.rows if (name := as_text(row.get("username")))), "")
    if named:
        return named
    try:
        account = as_mapping(json.loads(look.beside("Userdata.json") or b"null"))
    except (ValueError, RecursionError):
        return None
    return as_text(account.get("username")) or None


EXPORTS = (
    Export(
        "spotify",
        "Spotify streaming history",
        {
            "item_title": "trackName",
            "item_id": "spotify_track_uri",
            "brand": "artistName",
            "timestamp": "endTime",
        },
        _is_history,
        _reader,
        owner=_owner,
    ),
    Export(
        "spotify-searches",
        "Spotify searches",
        {"text": "searchQuery", "timestamp": "searchTime"},
        _is_search,
        _search_reader,
        owner=_owner,
    ),
    no_texts("spotify-library", "holds playlists and liked tracks, no plays", _is_library),
    no_texts("spotify-account", "tells whose account it is, no texts; the user is called by its name", _is_account),
)
