"""Chats of WhatsApp as text, as its app writes them in the language of the phone.

`12/31/23, 9:15 PM - Ana: text` is how Android writes a message, `[31.12.23, 21:15:03] Ana: text` how an iPhone does.
A line that does not begin so goes on with the message before. whatstk reads them too, but is under the GPL.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import BinaryIO, NamedTuple, cast

from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import MAX_RECORD_BYTES, BadRowError, Row, Table, is_utf8, line_too_long, numbered_lines

_COLUMNS = ("time", "sender", "text")
# Lines that are looked at to recognise a chat.
_MAX_LOOK_LINES = 50
# Days on which something was written that tell the order of day and month, at most.
_MAX_DAYS = 100_000
_MAX_STAMP_CHARS = 120

_Numbers = tuple[int, int, int]
# Where in a date the year, the month and the day stand.
_DAY_FIRST, _MONTH_FIRST, _YEAR_FIRST = (2, 1, 0), (2, 0, 1), (0, 1, 2)

# What shows in which direction to read.
_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
# Between date and time stands a comma or a word (`à`, `klo`); the half of the day stands before or behind the time.
_STAMP = re.compile(
    r"(?P<bracket>\[)?"
    r"(\d{1,4})(?:\s?[./-]\s?|[年년]\s?)(\d{1,2})(?:\s?[./-]\s?|[月월]\s?)(\d{1,4})[.日일]?"
    r"(?P<before>[^\d\[\]\n:]{1,20}?)"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?"
    r"(?P<after>[^\d\n\[\]:-]{0,16}?)"
    r"(?(bracket)\]\s?|\s-\s)"
)
# A name has no quotes; a line such as `Ana changed the name to "Trip: Rome"` has.
_SENDER = re.compile(r"([^:\n\"“”„«»]{1,100}):(?:\s|$)")

# Halves of the day in the languages of phones (Unicode CLDR), in small letters and without what is no letter.
_MORNING = frozenset("am a 上午 午前 凌晨 早上 清晨 오전 ص πμ öö sa de dop vm fm дп пд pd pg قظ ق".split())  # noqa: SIM905
_AFTERNOON = frozenset("pm p 下午 午後 中午 晚上 오후 م μμ ös ch du odp nm em пп md ptg بظ ب".split())  # noqa: SIM905


class _Message(NamedTuple):
    """A message, or a line that tells of something.

    :param number: of its first line.
    :param stamp: when it was written, as it stands there; None before the first message.
    :param rest: the sender and the text.
    """

    number: int
    stamp: re.Match[str] | None
    rest: str


def _open(file: OpenFile) -> Table:
    """Open a chat. It is read twice: which number is the day is known only when all dates have been seen."""
    copy = file.stack.enter_context(tempfile.SpooledTemporaryFile(max_size=MAX_RECORD_BYTES))  # noqa: SIM115
    shutil.copyfileobj(file.stream, copy)
    copy.seek(0)
    order = _order(cast(BinaryIO, copy))
    copy.seek(0)
    return Table(_COLUMNS, "line", _rows(cast(BinaryIO, copy), order))


def _matches(head: bytes) -> bool:
    lines = [line for line in head.decode(errors="replace").splitlines()[:_MAX_LOOK_LINES] if line.strip()]
    begun = [_begin(number, line) for number, line in enumerate(lines)]
    messages = [each for each in begun if each]
    return bool(begun) and begun[0] is not None and any(_SENDER.match(each.rest) for each in messages)


FORMATS = (Format("WhatsApp chat", (), _open, matches=_matches),)


def _begin(number: int, line: str) -> _Message | None:
    """Return the message that begins with a line, None for a line that goes on."""
    start = line[:_MAX_STAMP_CHARS]
    marked = _MARKS.search(start) is not None
    stamp = _STAMP.match(_MARKS.sub("", start) if marked else start)
    if stamp is None:
        return None
    end = stamp.end()
    if marked:
        plain = [at for at, char in enumerate(start) if not _MARKS.match(char)]
        end = plain[end - 1] + 1
    return _Message(number, stamp, line[end:])


# --- the order of day, month and year ---------------------------------------------------------------------


def _order(stream: BinaryIO) -> _Numbers:
    """Return in which order the dates of a chat are written: that in which they are days, and go forward."""
    days: list[_Numbers] = []
    stamp = None
    for number, line in numbered_lines(stream):
        message = _begin(number, line[: _MAX_STAMP_CHARS * 4].decode(errors="replace")) if line else None
        if message and message.stamp:
            stamp = message.stamp
            numbers = _numbers(stamp)
            if not days or days[-1] != numbers:
                days.append(numbers)
        if len(days) >= _MAX_DAYS:
            break
    if stamp is None:
        return _DAY_FIRST
    is_american = "/" in stamp[0] and "M" in stamp["after"]  # `PM`; where the day is first, people write `pm`.
    likely = [_MONTH_FIRST, _DAY_FIRST] if is_american else [_DAY_FIRST, _MONTH_FIRST]
    return min((*likely, _YEAR_FIRST), key=lambda order: _errors(days, order))


def _errors(days: list[_Numbers], order: _Numbers) -> tuple[int, int]:
    """Return how many dates are none, and how many lie before the one before them."""
    dates = [_date(numbers, order) for numbers in days]
    known = [date for date in dates if date]
    return len(dates) - len(known), sum(later < earlier for earlier, later in pairwise(known))


def _numbers(stamp: re.Match[str]) -> _Numbers:
    return int(stamp[2]), int(stamp[3]), int(stamp[4])


def _date(numbers: _Numbers, order: _Numbers) -> datetime | None:
    year, month, day = (numbers[at] for at in order)
    if year < 100:
        year += 2000
    elif 2500 < year < 2700:
        year -= 543  # the Buddhist calendar
    try:
        return datetime(year, month, day) if 2009 <= year <= 2100 else None  # WhatsApp began in 2009.
    except ValueError:
        return None


# --- messages ---------------------------------------------------------------------------------------------


def _rows(stream: BinaryIO, order: _Numbers) -> Iterator[tuple[int, Row]]:
    for number, stamp, text in _messages(stream):
        if isinstance(text, BadRowError):
            yield number, text
        elif not is_utf8([text]):
            yield number, BadRowError("invalid UTF-8")
        else:
            sender = _SENDER.match(text) if stamp else None
            yield (
                number,
                {
                    "time": _time(stamp, order) if stamp else None,
                    "sender": _name(sender[1]) if sender else None,
                    "text": text[sender.end() :] if sender else text,
                },
            )


def _messages(stream: BinaryIO) -> Iterator[tuple[int, re.Match[str] | None, str | BadRowError]]:
    """Yield messages with the lines that go on."""
    begun: _Message | None = None
    lines: list[str] = []
    size = 0
    for number, data in numbered_lines(stream):
        line = data.decode(errors="surrogateescape").rstrip("\r\n") if data is not None else None
        message = _begin(number, line) if line is not None else None
        size += len(data or b"")
        if message is None and line and begun and size <= MAX_RECORD_BYTES:
            lines.append(line)
            continue
        if message is None and not line:
            if data is None:
                yield number, None, line_too_long()
            elif lines:
                lines.append("")
            continue
        if begun:
            yield begun.number, begun.stamp, "\n".join(lines)
        begun = message or _Message(number, None, line or "")
        lines, size = [begun.rest], len(data or b"")
    if begun:
        yield begun.number, begun.stamp, "\n".join(lines)


def _name(sender: str) -> str:
    """Return a sender; `~` stands before the names of those who are no contacts."""
    return _MARKS.sub("", sender).strip().removeprefix("~").strip()


def _time(stamp: re.Match[str], order: _Numbers) -> str:
    """Return a time in ISO 8601, or as it is written where it is none."""
    date = _date(_numbers(stamp), order)
    hour, minute, second = int(stamp["hour"]), int(stamp["minute"]), int(stamp["second"] or 0)
    words = {_letters(stamp["before"]), _letters(stamp["after"])}
    if hour <= 12 and not words.isdisjoint(_AFTERNOON):
        hour = hour % 12 + 12
    elif hour <= 12 and not words.isdisjoint(_MORNING):
        hour %= 12
    if date is None or hour > 23 or minute > 59 or second > 59:
        return stamp[0].strip(" -[]")
    return date.replace(hour=hour, minute=minute, second=second).isoformat()


def _letters(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalpha())
