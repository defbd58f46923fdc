"""Day One: a journal of one person, with its entries in one JSON file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader
from profilegen.ingest.exports.nested import as_mappings, as_text

_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
# Day One writes a backslash before every mark that Markdown could read.
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def _is_day_one(look: Look) -> bool:
    entries = {"uuid", "creationDate", "text"} <= set(look.columns)
    if entries:
        return not {"creationDevice", "richText", "timeZone", "creationOSName"}.isdisjoint(look.columns)
    return {"metadata", "entries"} == set(look.columns) and any(
        "creationDate" in entry for row in look.rows for entry in as_mappings(row.get("entries"))
    )


def _reader(look: Look) -> Reader:
    journal = PurePosixPath(look.name).stem

    def entry(row: Mapping[str, object]) -> Fields | Passed:
        text = _ESCAPE.sub(r"\1", _PICTURE.sub("", as_text(row.get("text")))).strip()
        known = {"text": text, "timestamp": row.get("creationDate"), "channel": journal}
        return known if text else Passed("no text")

    def read(row: Mapping[str, object]) -> Iterator[Fields | Passed]:
        yield from map(entry, as_mappings(row["entries"]) if "entries" in row else [row])

    return read


EXPORTS = (Export("day-one", "Day One journal", {"text": "text", "timestamp": "creationDate"}, _is_day_one, _reader),)
