"""Pocket and Instapaper: pages that a person saved to read later, as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed
from profilegen.ingest.exports.nested import as_text

_POCKET = {"item_title": "title", "item_id": "url", "timestamp": "time_added", "event": "status"}
_INSTAPAPER = {"item_title": "Title", "item_id": "URL", "timestamp": "Timestamp", "event": "Folder"}


def _is_pocket(look: Look) -> bool:
    return {"title", "url", "time_added", "tags", "status"} <= set(look.columns)


def _is_instapaper(look: Look) -> bool:
    return {"URL", "Title", "Selection", "Folder", "Timestamp"} <= set(look.columns)


def _pocket(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    return _page(row, _POCKET)


def _instapaper(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    return _page(row, _INSTAPAPER)


def _page(row: Mapping[str, object], columns: Mapping[str, str]) -> Iterable[Fields | Passed]:
    """Give a page that has a title; programs write the address in its place where it has none."""
    title = as_text(row.get(columns["item_title"])).strip()
    if not title or title.startswith(("http://", "https://")):
        yield Passed("no title")
    else:
        yield {field: row.get(column) for field, column in columns.items()}


EXPORTS = (
    Export("pocket", "Pocket export", _POCKET, _is_pocket, lambda look: _pocket),
    Export("instapaper", "Instapaper export", _INSTAPAPER, _is_instapaper, lambda look: _instapaper),
)
