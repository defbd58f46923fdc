"""Letterboxd: the ZIP of a person's films.

A film stands in several files and becomes a document once: each of its reviews; without a review, its rating; without
either, that it was watched; without these, that it is liked or on the watchlist.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Columns, Export, Fields, Look, Passed, Reader, no_texts, table_export

# The files in which films stand, the one that says most first.
_FILES = ("reviews.csv", "ratings.csv", "watched.csv", "diary.csv", "likes/films.csv", "watchlist.csv")
_EVENTS = {"likes/films.csv": "like", "watchlist.csv": "watchlist"}
_FIELDS: Mapping[str, Columns] = {
    "text": "Review",
    "item_title": "Name",
    "rating": "Rating",
    "timestamp": ("Watched Date", "Date"),
}


def _is_films(look: Look) -> bool:
    return {"Name", "Year", "Letterboxd URI"} <= set(look.columns) and not _is_of_others(look)


def _is_list(look: Look) -> bool:
    """Tell whether it is a list of films: a line of its version, then its name, then films under other names."""
    names = ({"Date", "Name", "Tags", "URL", "Description"}, {"Position", "Name", "Year", "URL", "Description"})
    return "".join(look.columns[:1]).startswith("Letterboxd list export") or set(look.columns) in names


def _is_of_others(look: Look) -> bool:
    """Tell whether it is what a person likes of others: their reviews and lists."""
    path = PurePosixPath(look.name)
    return path.parent.name == "likes" and path.name in ("reviews.csv", "lists.csv") and "Date" in look.columns


def _is_deleted(look: Look) -> bool:
    folders = PurePosixPath(look.name).parts[:-1]
    ours = _is_films(look) or {"Date", "Content", "Comment"} <= set(look.columns)
    return ours and not {"deleted", "orphaned"}.isdisjoint(folders)


def _reader(look: Look) -> Reader:
    file, top = _place(look)
    said_in: dict[tuple[str | None, str | None], str] = {}
    for better in _FILES[: _FILES.index(file)] if file in _FILES else ():
        for film in _rows(look.beside(f"{top}{better}")):
            said_in.setdefault((film.get("Name"), film.get("Year")), better)
    event = _EVENTS.get(file, "watched")

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        name, year = row.get("Name"), row.get("Year")
        if better := said_in.get((str(name), str(year or ""))):
            yield Passed(f"a film that is in {better} too")
            return
        yield {
            "text": row.get("Review"),
            "item_title": f"{name} ({year})" if name and year else name,
            "rating": row.get("Rating"),
            "timestamp": row.get("Watched Date") or row.get("Date"),
            "event": event,
        }

    return read


def _place(look: Look) -> tuple[str, str]:
    """Return which file it is, and the way from its folder to the top of the export."""
    path = PurePosixPath(look.name)
    return (f"likes/{path.name}", "../") if path.parent.name == "likes" else (path.name, "")


def _rows(content: bytes | None) -> Iterable[Mapping[str, str]]:
    if content is None:
        return
    try:
        yield from csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace"), newline=""))
    except csv.Error:
        return


def _owner(look: Look) -> str | None:
    profile = look.beside(f"{_place(look)[1]}profile.csv")
    return next((row.get("Username") or None for row in _rows(profile)), None)


EXPORTS = (
    no_texts("letterboxd-deleted", "deleted by its owner", _is_deleted),
    no_texts("letterboxd-likes", "holds what others wrote", _is_of_others),
    no_texts(
        "letterboxd-lists",
        "a list of films",
        _is_list,
    ),
    no_texts(
        "letterboxd-profile",
        "names the person, no texts",
        lambda look: {"Date Joined", "Username", "Favorite Films"} <= set(look.columns),
    ),
    Export(
        "letterboxd",
        "Letterboxd export",
        _FIELDS,
        lambda look: _is_films(look) and not _is_deleted(look),
        _reader,
        owner=_owner,
    ),
    table_export(
        "letterboxd-comments",
        "Letterboxd comments",
        ("Date", "Content", "Comment"),
        {"text": "Comment", "timestamp": "Date"},
        constants={"event": "comment"},
        owner=_owner,
    ),
)
