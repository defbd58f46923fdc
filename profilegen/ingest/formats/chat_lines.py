"""Chats of LINE and KakaoTalk as text, in which a line names a day or each message has its whole date.

LINE writes `12:34<tab>Ana<tab>text` below `2023/05/01(Mon)`. KakaoTalk writes `[Ana] [3:42 PM] text` below
`--------------- Monday, May 1, 2023 ---------------` on computers, and on phones `May 1, 2023 at 3:42 PM, Ana : text`,
each also in Korean. A line that does not begin so goes on with the message before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import BinaryIO

from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import MAX_RECORD_BYTES, BadRowError, Row, Table, is_utf8, line_too_long, numbered_lines

_COLUMNS = ("time", "sender", "text")
_MAX_LOOK_LINES = 50
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AFTERNOON = ("pm", "오후", "午後", "下午")

# `2023/05/01(月)`, `2023.05.01 Monday`, `2023년 5월 1일`, `2023. 5. 1.`; `Mon, 05/01/2023`; `May 1, 2023`
_YEAR_FIRST = r"(?P<y>\d{4})\s?(?:[/.-]|년|年)\s?(?P<m>\d{1,2})\s?(?:[/.-]|월|月)\s?(?P<d>\d{1,2})(?:일|日|\.)?"
_YEAR_LAST = r"(?P<m2>\d{1,2})/(?P<d2>\d{1,2})/(?P<y2>\d{4})"
_IN_WORDS = r"(?P<month>[A-Z][a-z]{2,8})\s(?P<d3>\d{1,2}),\s(?P<y3>\d{4})"
_DATE = rf"(?:{_YEAR_FIRST}|{_YEAR_LAST}|{_IN_WORDS})"
_TIME = r"(?P<half>오전|오후|午前|午後|上午|下午)?\s?(?P<h>\d{1,2}):(?P<min>\d{2})(?:\s?(?P<half2>[APap]\.?[Mm]\.?))?"

_LINE_DAY = re.compile(rf"(?:\w{{2,9}},\s)?{_DATE}\s?(?:\(\w{{1,9}}\)|\w{{1,9}})?")
_LINE_MESSAGE = re.compile(rf"{_TIME}\t(?P<sender>[^\t\n]{{0,100}})\t(?P<text>.*)")
_COMPUTER_DAY = re.compile(rf"-{{5,}}\s(?:\w{{3,9}},\s)?{_DATE}(?:\s\w{{1,9}})?\s-{{5,}}")
_COMPUTER_MESSAGE = re.compile(rf"\[(?P<sender>[^\n\]]{{1,100}})\]\s\[{_TIME}\]\s(?P<text>.*)")
_PHONE_MESSAGE = re.compile(rf"{_DATE}(?:,|\sat)?\s{_TIME}(?:,\s(?P<sender>[^\n]{{1,100}}?)\s:\s(?P<text>.*))?")
_NO_DAY = re.compile(r"(?!)")

_Kind = tuple[re.Pattern[str], re.Pattern[str]]
_KINDS: dict[str, _Kind] = {
    "LINE chat": (_LINE_DAY, _LINE_MESSAGE),
    "KakaoTalk chat of a computer": (_COMPUTER_DAY, _COMPUTER_MESSAGE),
    "KakaoTalk chat": (_NO_DAY, _PHONE_MESSAGE),
}


def _has_kind(kind: _Kind) -> Callable[[bytes], bool]:
    day, message = kind

    def matches(head: bytes) -> bool:
        lines = head.decode(errors="replace").removeprefix("\ufeff").splitlines()[:_MAX_LOOK_LINES]
        found = [match for line in lines if (match := message.fullmatch(line))]
        has_day = day is _NO_DAY or any(day.fullmatch(line.strip()) for line in lines)
        return has_day and any(match["sender"] for match in found)

    return matches


def _opener(kind: _Kind) -> Callable[[OpenFile], Table]:
    return lambda file: Table(_COLUMNS, "line", _rows(file.stream, *kind))


FORMATS = tuple(Format(name, (), _opener(kind), matches=_has_kind(kind)) for name, kind in _KINDS.items())


def _rows(stream: BinaryIO, day: re.Pattern[str], message: re.Pattern[str]) -> Iterator[tuple[int, Row]]:
    """Yield messages; what stands before the first one tells of the chat."""
    today: re.Match[str] | None = None
    begun: tuple[int, re.Match[str], re.Match[str]] | None = None
    lines: list[str] = []
    size = 0
    for number, data in numbered_lines(stream):
        if data is None:
            yield number, line_too_long()
            continue
        line = data.decode(errors="surrogateescape").rstrip("\r\n")
        day_match = day.fullmatch(line.strip())
        match = None if day_match else message.fullmatch(line)
        if match or day_match:
            if begun:
                yield _row(*begun, lines)
            today = day_match or today
            begun = (number, match, today or match) if match else None
            lines, size = [match["text"] or ""] if match else [], 0
        elif begun and (size := size + len(data)) <= MAX_RECORD_BYTES:
            lines.append(line)
    if begun:
        yield _row(*begun, lines)


def _row(number: int, message: re.Match[str], day: re.Match[str], lines: list[str]) -> tuple[int, Row]:
    text = "\n".join(lines)
    if not is_utf8([text, message["sender"] or ""]):
        return number, BadRowError("invalid UTF-8")
    # LINE puts quotes around a text of several lines.
    if len(lines) > 1 and text.startswith('"') and text.rstrip().endswith('"'):
        text = text.strip()[1:-1].replace('""', '"')
    return number, {"time": _time(message, day), "sender": message["sender"] or None, "text": text}


def _time(message: re.Match[str], day: re.Match[str]) -> str | None:
    """Return a time in ISO 8601, None where it is none."""
    parts = day.groupdict()
    month = parts.get("m") or parts.get("m2") or _month(parts.get("month"))
    year = parts.get("y") or parts.get("y2") or parts.get("y3")
    date = parts.get("d") or parts.get("d2") or parts.get("d3")
    if not (year and month and date):
        return None
    hour = int(message["h"])
    half = (message["half"] or message["half2"] or "").replace(".", "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half in _AFTERNOON else 0)
    try:
        return datetime(int(year), int(month), int(date), hour, int(message["min"])).isoformat()
    except ValueError:
        return None


def _month(name: str | None) -> int | None:
    start = (name or "")[:3].lower()
    return _MONTHS.index(start) + 1 if start in _MONTHS else None
