"""Kindle: what a reader highlighted and noted. Highlights are the words of authors: of those, only the book counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed
from profilegen.ingest.exports.nested import as_text

# A highlight goes from one place to another, a note stands at one; older devices shorten: `Loc. 512-14`.
_STRETCH = re.compile(r"\d+\s?[-–]\s?\d+")


def _is_kindle(look: Look) -> bool:
    return look.format == "clippings"


def _clipping(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    text, place = as_text(row.get("text")), as_text(row.get("place"))
    if not text:
        yield Passed("a bookmark")
        return
    highlighted = _STRETCH.search(place) is not None or "highlight" in place.casefold()
    yield {
        "text": None if highlighted else text,
        "item_title": row.get("book"),
        "brand": row.get("author"),
        "timestamp": row.get("added"),
        "event": "highlighted" if highlighted else "noted",
    }


EXPORTS = (
    Export(
        "kindle",
        "Kindle clippings",
        {"text": "text", "item_title": "book", "brand": "author", "timestamp": "added"},
        _is_kindle,
        lambda look: _clipping,
    ),
)
