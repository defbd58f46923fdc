"""Reddit: dumps of posts and comments, listings of its API, and the data that it sends to a user."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping

from profilegen.ingest.exports.by_path import objects_at
from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts
from profilegen.ingest.exports.nested import as_text
from profilegen.ingest.exports.quotes import without_quoted_lines

_GONE = frozenset({"[deleted]", "[removed]", "[removed by reddit]", "[ removed by reddit ]", "[deleted by user]"})
# As deep as comments under comments are followed.
_MAX_DEPTH = 200


def _is_gone(text: str) -> bool:
    return text.strip().casefold() in _GONE


def _fields_of(row: Mapping[str, object]) -> Fields | Passed:
    """Return the fields of a post or of a comment."""
    text, title = as_text(row.get("body") if "body" in row else row.get("selftext")), as_text(row.get("title"))
    title = "" if _is_gone(title) else title
    if _is_gone(text):
        # The title of a post stays when its text is gone.
        if not title:
            return Passed("deleted")
        text = ""
    return {
        "user_id": row.get("author"),
        "text": without_quoted_lines(text),
        "title": title,
        "timestamp": row.get("created_utc") or row.get("date"),
        "channel": row.get("subreddit"),
    }


# --- dumps ------------------------------------------------------------------------------------------------


def _is_dump(look: Look) -> bool:
    columns = set(look.columns)
    is_post = {"title", "selftext"} <= columns
    is_comment = "body" in columns and bool({"link_id", "parent_id"} & columns or "score" in columns)
    return {"author", "subreddit", "created_utc"} <= columns and (is_post or is_comment)


def _read_dump(look: Look) -> Reader:
    return lambda row: (_fields_of(row),)


# --- listings ---------------------------------------------------------------------------------------------


def _is_listing(look: Look) -> bool:
    return any(row.get("kind") in ("Listing", "t1", "t3") and isinstance(row.get("data"), Mapping) for row in look.rows)


def _read_listing(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        for thing in _things(row):
            yield _fields_of(thing) if {"author", "subreddit"} <= set(thing) else Passed("no post and no comment")

    return read


def _things(row: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield what a listing holds, and what is below each: listings hold things, and a thing a listing of replies."""
    open_: list[tuple[Mapping[str, object], int]] = [(row, 0)]
    while open_:
        thing, depth = open_.pop()
        data = thing.get("data")
        if not isinstance(data, Mapping) or depth > _MAX_DEPTH:
            continue
        if thing.get("kind") != "Listing":
            yield data
        below = [*objects_at(data, "children"), *objects_at(data, "replies")]
        open_.extend((each, depth + 1) for each in reversed(below))


# --- the data of a user -----------------------------------------------------------------------------------


def _is_own(look: Look) -> bool:
    wanted = {"id", "permalink", "date", "ip", "subreddit", "gildings", "body"}
    return wanted <= set(look.columns) and bool({"parent", "title"} & set(look.columns))


def _read_own(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        fields = _fields_of(row)
        yield fields if isinstance(fields, Passed) else {name: fields[name] for name in fields if name != "user_id"}

    return read


def _owner(look: Look) -> str | None:
    """Return the name in the file of statistics."""
    data = look.beside("statistics.csv") or b""
    lines = data[: 1 << 16].decode(errors="replace").splitlines()
    pairs = (row for row in csv.reader(lines) if len(row) == 2)
    return next((value.strip() for name, value in pairs if name.strip().casefold() == "account name"), None) or None


def _is_other_file(look: Look) -> bool:
    """Tell a file that lies with the lists of posts and of comments that only this archive has."""
    return look.format == "csv" and any(
        look.beside(name) is not None for name in ("post_headers.csv", "comment_headers.csv")
    )


EXPORTS = (
    Export(
        "reddit-dump",
        "posts or comments of Reddit",
        {
            "user_id": "author",
            "text": ("selftext", "body"),
            "title": "title",
            "timestamp": "created_utc",
            "channel": "subreddit",
        },
        _is_dump,
        _read_dump,
    ),
    Export(
        "reddit-listing",
        "listings of Reddit",
        {
            "user_id": "data.author",
            "text": ("data.selftext", "data.body"),
            "title": "data.title",
            "timestamp": "data.created_utc",
            "channel": "data.subreddit",
        },
        _is_listing,
        _read_listing,
    ),
    Export(
        "reddit",
        "Reddit data of a user",
        {"text": "body", "title": "title", "timestamp": "date", "channel": "subreddit"},
        _is_own,
        _read_own,
        owner=_owner,
    ),
    no_texts("reddit-others", "a part of Reddit's data of a user that holds no posts", _is_other_file),
)
