"""Hacker News: items of its API and of BigQuery, and results of its search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.by_path import text_at
from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader
from profilegen.ingest.exports.nested import as_text
from profilegen.ingest.exports.quotes import without_quoted_lines

_TYPES = frozenset(("story", "comment", "job", "poll", "pollopt"))
_ONLY_THERE = frozenset(("kids", "descendants", "ranking", "dead", "parent", "parts"))


def _is_items(look: Look) -> bool:
    """Tell items by their kinds; the tables of comments and of stories in BigQuery have none, and `time_ts`."""
    columns = set(look.columns)
    kinds = {_plain(row.get("type")) for row in look.rows if row.get("type") not in (None, "")}
    is_item = bool(kinds) and kinds <= _TYPES and {"by", "time"} <= columns
    return ({"id", "by", "time_ts", "dead"} <= columns or is_item) and bool(columns & _ONLY_THERE)


def _plain(value: object) -> str:
    return as_text(value) or str(value)


def _read_items(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        if any(_plain(row.get(name)).casefold() in ("true", "1") for name in ("deleted", "dead")):
            yield Passed("deleted")
            return
        yield {
            "user_id": row.get("by"),
            "text": _text(row.get("text")),
            "title": row.get("title"),
            "timestamp": row.get("time") or row.get("time_ts"),
        }

    return read


def _text(value: object) -> str:
    """Return HTML in which a paragraph begins a line, without lines that quote others."""
    return without_quoted_lines(as_text(value).replace("<p>", "\n\n").replace("</p>", ""))


def _is_search(look: Look) -> bool:
    return {"objectID", "author", "created_at_i"} <= set(look.columns) and bool(
        {"comment_text", "story_text"} & set(look.columns)
    )


def _read_search(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        yield {
            "user_id": row.get("author"),
            "text": _text(text_at(row, "comment_text") or text_at(row, "story_text")),
            "title": row.get("title"),
            "timestamp": row.get("created_at_i"),
        }

    return read


EXPORTS = (
    Export(
        "hacker-news",
        "Hacker News items",
        {"user_id": "by", "text": "text", "title": "title", "timestamp": "time"},
        _is_items,
        _read_items,
    ),
    Export(
        "hacker-news-search",
        "Hacker News search",
        {"user_id": "author", "text": "comment_text", "title": "title", "timestamp": "created_at_i"},
        _is_search,
        _read_search,
    ),
)
