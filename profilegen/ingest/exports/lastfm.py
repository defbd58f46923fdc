"""Last.fm: a person's scrobbles as CSV, the collections 1K and 360K of Celma, and HetRec 2011."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Reader, no_texts, table_export

_LISTEN = {"event": "listen"}
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_SCROBBLED = re.compile(r"\d{1,2} [A-Z][a-z]{2} \d{4},? \d{2}:\d{2}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


def _song(artist: object, track: object) -> str:
    return " – ".join(str(part) for part in (artist, track) if part not in (None, ""))


def _is_1k(look: Look) -> bool:
    return _headless(look, 6) and all(_ISO.fullmatch(str(row.get("column 2"))) for row in look.rows)


def _is_360k(look: Look) -> bool:
    return _headless(look, 4) and all(
        _SHA1.fullmatch(str(row.get("column 1"))) and str(row.get("column 4")).strip().isdigit() for row in look.rows
    )


def _is_360k_profile(look: Look) -> bool:
    return _headless(look, 5) and all(_SHA1.fullmatch(str(row.get("column 1"))) for row in look.rows)


def _is_scrobbles(look: Look) -> bool:
    # A first scrobble without a time is the one that plays now.
    times = [str(row.get("column 4") or "") for row in look.rows]
    return _headless(look, 4) and any(times) and all(not time or _SCROBBLED.fullmatch(time) for time in times)


def _headless(look: Look, width: int) -> bool:
    return look.columns == tuple(f"column {number}" for number in range(1, width + 1))


def _reader(user: str | None, artist: str, track: str | None, time: str | None, item: str | None = None) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields]:
        name = _song(row.get(artist), row.get(track) if track else None)
        song: dict[str, object] = {**_LISTEN, "item_title": name, "brand": row.get(artist) if track else None}
        if user:
            song["user_id"] = row.get(user)
        yield {**song, "item_id": row.get(item) if item else None, "timestamp": row.get(time) if time else None}

    return read


def _headed(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields:
    return {**fields, "item_title": _song(fields.get("brand"), fields.get("item_title"))}


def _owner(look: Look) -> str | None:
    """Return the name of the file, which these programs call after the person; a folder has another."""
    return PurePosixPath(look.name).stem or None


EXPORTS = (
    Export(
        "lastfm-1k",
        "Last.fm 1K",
        {"user_id": "column 1", "timestamp": "column 2", "brand": "column 4", "item_title": "column 6"},
        _is_1k,
        lambda look: _reader("column 1", "column 4", "column 6", "column 2", "column 5"),
    ),
    no_texts(
        "lastfm-profiles",
        "holds users, no texts",
        lambda look: (
            look.columns[:4] in (("#id", "gender", "age", "country"), ("id", "gender", "age", "country"))
            or _is_360k_profile(look)
        ),
    ),
    Export(
        "lastfm-360k",
        "Last.fm 360K",
        {"user_id": "column 1", "item_id": "column 2", "item_title": "column 3"},
        _is_360k,
        lambda look: _reader("column 1", "column 3", None, None, "column 2"),
    ),
    Export(
        "lastfm",
        "Last.fm scrobbles",
        {"brand": "column 1", "item_title": "column 3", "timestamp": "column 4"},
        _is_scrobbles,
        lambda look: _reader(None, "column 1", "column 3", "column 4"),
        owner=_owner,
    ),
    table_export(
        "lastfm-headed",
        "Last.fm scrobbles",
        (("uts", "utc_time"), "artist", "album", "track"),
        {
            "item_id": "track_mbid",
            "item_title": "track",
            "brand": "artist",
            "timestamp": ("uts", "utc_time"),
        },
        constants=_LISTEN,
        change=_headed,
        owner=_owner,
    ),
    table_export(
        "lastfm-hetrec",
        "Last.fm listeners (HetRec 2011)",
        ("userID", "artistID", "weight"),
        {"user_id": "userID", "item_id": "artistID"},
        constants=_LISTEN,
    ),
    table_export(
        "lastfm-hetrec-items",
        "Last.fm artists (HetRec 2011)",
        ("id", "name", "url", "pictureURL"),
        {"item_id": "id", "item_title": "name", "image": "pictureURL"},
        role="items",
    ),
    no_texts(
        "lastfm-hetrec-tags",
        "holds numbers of tags or of friends",
        lambda look: (
            {"userID", "tagID"} <= set(look.columns) or look.columns in (("userID", "friendID"), ("tagID", "tagValue"))
        ),
    ),
)
