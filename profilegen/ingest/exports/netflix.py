"""Netflix: the list of what a profile viewed, and the viewing activity of all profiles of an account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed
from profilegen.ingest.exports.nested import as_text

# 5/29/24, 29/05/2024, 29.05.24, 2024-05-29: in the order of the language of the account.
_DAY = re.compile(r"\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4}\.?")
_MIN_VIEWED_S = 120


def _is_history(look: Look) -> bool:
    days = (as_text(row.get("Date")).strip() for row in look.rows)
    return look.columns == ("Title", "Date") and all(map(_DAY.fullmatch, days))


def _view(row: Mapping[str, object]) -> Iterable[Fields]:
    return ({"item_title": row.get("Title"), "timestamp": row.get("Date"), "event": "viewed"},)


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
        "netflix-history",
        "Netflix viewing history",
        {"item_title": "Title", "timestamp": "Date"},
        _is_history,
        lambda look: _view,
    ),
    Export(
        "netflix-activity",
        "Netflix viewing activity",
        {"user_id": "Profile Name", "item_title": "Title", "timestamp": "Start Time"},
        _is_activity,
        lambda look: _activity,
    ),
)
