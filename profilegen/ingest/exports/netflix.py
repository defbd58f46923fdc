"""Netflix: the list of what a profile viewed, and the viewing activity of all profiles of an account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader
from profilegen.ingest.exports.nested import as_text

# 5/29/24, 29/05/2024, 29.05.24: in the order of the language of the account.
_DAY = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{2}|\d{4})")
_MIN_VIEWED_S = 120


def _is_history(look: Look) -> bool:
    return look.columns == ("Title", "Date") and all(
        _DAY.fullmatch(day) or re.fullmatch(r"\d{4}[/.\-]\d{1,2}[/.\-]\d{1,2}", day)
        for day in (as_text(row.get("Date")).strip() for row in look.rows)
    )


def _reader(look: Look) -> Reader:
    days = [match for row in look.rows if (match := _DAY.fullmatch(as_text(row.get("Date")).strip()))]
    day_first = any(int(match[1]) > 12 for match in days) or any("." in match[0] for match in days)

    def read(row: Mapping[str, object]) -> Iterable[Fields]:
        return ({"item_title": row.get("Title"), "timestamp": _iso(row.get("Date"), day_first), "event": "viewed"},)

    return read


def _iso(written: object, day_first: bool) -> object:
    match = _DAY.fullmatch(as_text(written).strip())
    if match is None:
        return written
    day, month = (match[1], match[2]) if day_first else (match[2], match[1])
    year = match[3] if len(match[3]) == 4 else f"20{match[3]}"
    return f"{year}-{int(month):02}-{int(day):02}"


def _is_activity(look: Look) -> bool:
    return {"Profile Name", "Start Time", "Duration", "Title", "Supplemental Video Type"} <= set(look.columns)


def _activity(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    if as_text(row.get("Supplemental Video Type")).strip():
        yield Passed("a trailer")
    elif _seconds(as_text(row.get("Duration"))) < _MIN_VIEWED_S:
        yield Passed("viewed less than 2 minutes")
    else:
        yield {
            "user_id": row.get("Profile Name"),
            "item_title": row.get("Title"),
            "timestamp": row.get("Start Time"),
            "event": "viewed",
        }


def _seconds(written: str) -> float:
    """Read `00:42:17`; what is not so written counts as long."""
    match = re.fullmatch(r"(\d+):(\d{2}):(\d{2})", written.strip())
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) if match else float("inf")


EXPORTS = (
    Export(
        "netflix-history", "Netflix viewing history", {"item_title": "Title", "timestamp": "Date"}, _is_history, _reader
    ),
    Export(
        "netflix-activity",
        "Netflix viewing activity",
        {"user_id": "Profile Name", "item_title": "Title", "timestamp": "Start Time"},
        _is_activity,
        lambda look: _activity,
    ),
)
