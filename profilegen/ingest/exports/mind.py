"""MIND: which headlines of Microsoft News people read (Wu and others 2020); neither file names its columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader

_NEWS = re.compile(r"N\d+")
_SHOWN = re.compile(r"N\d+(?:-[01])?(?: N\d+(?:-[01])?)*")
_TIME = "%m/%d/%Y %I:%M:%S %p"
# A reader's history stands in each of the reader's rows; so many readers are remembered, to give it once.
_MAX_REMEMBERED = 1_000_000


def _is_behaviors(look: Look) -> bool:
    return len(look.columns) == 5 and all(
        _SHOWN.fullmatch(str(row.get("column 5")).strip()) and _time(row.get("column 3")) for row in look.rows
    )


def _is_news(look: Look) -> bool:
    return len(look.columns) == 8 and all(
        _NEWS.fullmatch(str(row.get("column 1"))) and str(row.get("column 6") or "http").startswith("http")
        for row in look.rows
    )


def _behaviors_reader(look: Look) -> Reader:
    told: set[int] = set()

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        user = row.get("column 2")
        if len(told) >= _MAX_REMEMBERED:
            told.clear()
        history = [] if hash(user) in told else str(row.get("column 4") or "").split()
        told.add(hash(user))
        clicked = [each[:-2] for each in str(row.get("column 5") or "").split() if each.endswith("-1")]
        if not history and not clicked:
            yield Passed("nothing was read, or it was told in another row")
        for news in history:
            yield {"user_id": user, "item_id": news, "event": "read"}
        for news in clicked:
            yield {"user_id": user, "item_id": news, "event": "click", "timestamp": _time(row.get("column 3"))}

    return read


def _time(value: object) -> datetime | None:
    """Return a time as MIND writes it, the month first: 11/9/2019 9:05:58 AM."""
    try:
        return datetime.strptime(str(value).strip(), _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _news_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields]:
        yield {"item_id": row.get("column 1"), "item_title": row.get("column 4")}

    return read


EXPORTS = (
    Export(
        "mind",
        "MIND, readers of news",
        {"user_id": "column 2", "timestamp": "column 3", "item_id": ("column 4", "column 5")},
        _is_behaviors,
        _behaviors_reader,
    ),
    Export(
        "mind-news",
        "MIND, the news",
        {"item_id": "column 1", "item_title": "column 4"},
        _is_news,
        _news_reader,
        role="items",
    ),
)
