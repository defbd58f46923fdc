"""Dates and times as people and programs write them, in any usual order and language; what cannot be read is None."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import NamedTuple

from profilegen.ingest.values import parse_number
from profilegen.ingest.zones import zone_called

# The earliest second that is taken for a time (March 1973): smaller numbers are steps, years or durations.
_FIRST_SECOND = 1e8
# Days as Excel counts them, 1982 to 2064.
_SERIALS = (30_000, 60_000)
_EXCEL_DAY_0 = datetime(1899, 12, 30, tzinfo=UTC)


class Order(NamedTuple):
    """How the dates of a column are written that may be read in two ways.

    :param day_first: 03/04/2021 is in April.
    :param serial: numbers are Excel's days.
    """

    day_first: bool = True
    serial: bool = False


DAY_FIRST = Order()


def parse_time(value: object, order: Order = DAY_FIRST) -> datetime | None:
    """Return an aware time from 1970 to 2100, or None: without an offset it is UTC, with one the offset stays.

    :param value: a date or a time, or a text of one with year, month and day, months in figures or in words of many
        languages; a number is the time since 1970 in seconds, milli-, micro- or nanoseconds.
    :param order: how the dates of the column are written.
    """
    with contextlib.suppress(ValueError, OverflowError, OSError):
        moment = _as_datetime(value, order)
        if moment is not None and 1970 <= moment.year <= 2100:
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _as_datetime(value: object, order: Order) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, str):
        number = parse_number(value)
        return None if number is None else _from_number(number, order)
    written = value[:100].strip()
    if _ISO_DAY.match(written):
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(written)
    if re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", written):
        if re.fullmatch(r"(19|20)\d{6}", written):
            return datetime.strptime(written, "%Y%m%d").replace(tzinfo=UTC)
        if re.fullmatch(r"(19|20)\d{12}", written):
            return datetime.strptime(written, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return _from_number(float(written), order)
    return _from_words(written, order.day_first)


_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _from_number(number: float, order: Order) -> datetime | None:
    if order.serial and _SERIALS[0] <= number <= _SERIALS[1]:
        return _EXCEL_DAY_0 + timedelta(seconds=round(number * 86_400))
    if (19_700_101 <= number <= 21_001_231) and number == int(number):
        return datetime.strptime(str(int(number)), "%Y%m%d").replace(tzinfo=UTC)
    if number < _FIRST_SECOND:
        return None
    # What would lie beyond the year 5000 is in milli-, micro- or nanoseconds.
    for _ in range(3):
        if number >= 1e11:
            number /= 1000
    return datetime.fromtimestamp(number, UTC)


# --- dates in figures and words ---------------------------------------------------------------------------

_HALF_DAYS = {
    **dict.fromkeys(("am", "上午", "早上", "凌晨", "午前", "오전"), 0),
    **dict.fromkeys(("pm", "下午", "晚上", "中午", "午後", "오후"), 12),
}
_BEFORE = "|".join(word for word in _HALF_DAYS if not word.isascii())
_CLOCK = re.compile(
    rf"(?:({_BEFORE})\s*)?(?<!\d)(\d{{1,2}})[:h](\d{{2}})(?::(\d{{2}})(?:[.,]\d+)?)?(?![\d:])"
    r"\s*([ap]\.?\s?m\b\.?)?\s*((?:utc|gmt|z|ut)?\s?(?:[+-]\d{1,2}(?::?\d{2})?(?!\d)))?"
)
# What may be the name of a zone behind a time of day.
_ZONE_NAME = re.compile(r"\s*\(?([a-z]{2,5})(?![^\W_])")
# How zones are called that no table has, such as BRT: in capitals, with a T for time.
_UNKNOWN_ZONE = re.compile(r"[A-Z]{2,4}T")
_EAST_ASIAN = (
    (re.compile(r"(\d)\s*[时時시点點]\s*(\d{1,2})\s*[分분](?:\s*\d{1,2}\s*[秒초])?"), r"\1:\2"),
    (re.compile(r"(\d)\s*[年년月월](?=\s*\d)"), r"\1-"),
    (re.compile(r"(\d)\s*[日일](?=\s*\d)"), r"\1 "),
)
_THREE = re.compile(r"(\d{1,4})\s*([-/.]|\s)\s*(\d{1,2})\s*([-/.]|,?\s)\s*(\d{4}|\d{1,2})(?!\d)")
_WORD = re.compile(r"[^\s\d.,;:/()\-]{3,}|[^\s\d.,;:/()\-!-~]{2}")


class _Figures(NamedTuple):
    """A date in three numbers, with the mark between them, and whether the time of day is in half days."""

    first: int
    second: int
    third: str
    mark: str
    half_day: bool


class _Clock(NamedTuple):
    hour: int = 0
    minute: int = 0
    second: int = 0
    zone: tzinfo = UTC
    half_day: bool = False
    zone_name: str = ""


def _from_words(written: str, day_first: bool) -> datetime | None:
    clock, rest = _without_clock(written)
    if figures := _figures(rest, clock.half_day):
        year, month, day = _in_order(figures, day_first)
    elif named := _named(rest):
        year, month, day = named
    else:
        return None
    zone = clock.zone if not clock.zone_name else _zone_called(clock.zone_name, year, written)
    return datetime(year, month, day, clock.hour, clock.minute, clock.second, tzinfo=zone)


def _zone_called(name: str, year: int, written: str) -> tzinfo:
    """Return the zone that a word behind a time of day stands for, UTC where it is just a word.

    :raises ValueError: it is a zone, and nobody can tell which.
    """
    zone = zone_called(name, year)
    is_capital = _UNKNOWN_ZONE.fullmatch(name.upper()) is not None and name.upper() in written
    if zone is None and is_capital and _month(name) is None:
        raise ValueError(f"no zone {name.upper()} is known")
    return zone or UTC


def _without_clock(written: str) -> tuple[_Clock, str]:
    """Return the time of day and what is left of a text without it."""
    text = unicodedata.normalize("NFKC", written).casefold()
    if not text.isascii():
        for pattern, put in _EAST_ASIAN:
            text = pattern.sub(put, text)
    text = re.sub(r"(\d)t(\d)", r"\1 \2", text)
    match = _CLOCK.search(text)
    if match is None:
        return _Clock(), text
    hour, minute, second = (int(each or 0) for each in match.group(2, 3, 4))
    half_day = match[1] or re.sub(r"[.\s]", "", match[5] or "")
    if half_day:
        hour = hour % 12 + _HALF_DAYS[half_day] if hour <= 12 else hour
    word = None if match[6] else _ZONE_NAME.match(text, match.end())
    name = word[1] if word and word[1] not in _ENGLISH_WORDS else ""
    clock = _Clock(hour, minute, second, _zone(match[6] or ""), bool(half_day), name)
    return clock, f"{text[: match.start()]} {text[match.end() :]}"


def _zone(written: str) -> tzinfo:
    match = re.search(r"([+-])(\d{1,2}):?(\d{2})?", written)
    if match is None:
        return UTC
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-offset if match[1] == "-" else offset)


def _figures(text: str, half_day: bool) -> _Figures | None:
    if len(re.findall(r"\d+", text)) != 3 or not (three := _THREE.search(text)):
        return None
    first, mark, second, comma, third = three.groups()
    if mark.isspace() and not comma.startswith(",") and len(first) < 4:  # but `03 12, 2014`
        return None
    if len(first) == 3 or (len(first) == 4 and len(third) > 2) or (len(first) < 3 and len(third) == 1):
        return None
    return _Figures(int(first), int(second), third, mark.strip() or comma.strip(), half_day)


def _in_order(date: _Figures, day_first: bool) -> tuple[int, int, int]:
    if date.first > 31:
        return date.first, date.second, int(date.third)
    year = _year(date.third)
    if date.mark == "," or date.second > 12:
        day_first = False
    elif date.first > 12:
        day_first = True
    return (year, date.second, date.first) if day_first else (year, date.first, date.second)


def _named(text: str) -> tuple[int, int, int] | None:
    """Return the year, month and day of a date with a month in words, and two numbers: a day and a year."""
    numbers = re.findall(r"\d+", text)
    if len(numbers) != 2:
        return None
    months = [(len(word), at, month) for at, word in enumerate(_WORD.findall(text)) if (month := _month(word))]
    if not months:
        return None
    # A weekday may be short for a month in another language (`mar`); it is shorter than the month, or before it.
    day, year = numbers if len(numbers[1]) in (2, 4) and len(numbers[0]) <= 2 else (numbers[1], numbers[0])
    return (_year(year), max(months)[2], int(day)) if len(day) <= 2 else None


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year if year < _BUDDHIST[0] else year - _BUDDHIST[1]
    return year + (2000 if year < 69 else 1900)


# Years of Thai dates from this one on, and how many they are ahead.
_BUDDHIST = (2443, 543)
# Where a word is a month in several languages (`listopad`), the first one here has it.
_LANGUAGES = """
    en de fr es it pt nl sv da nb fi et lv lt pl cs sk sl ro hu el ru uk bg sr tr ca eu ga id ms vi th hi bn ta te ar
    fa ur he hr
"""


def _month(word: str) -> int | None:
    return _ENGLISH.get(word) or (None if word in _ENGLISH_WORDS else _months().get(word))


_MONTH_NAMES = "january february march april may june july august september october november december"
_ENGLISH = {name[:length]: month for month, name in enumerate(_MONTH_NAMES.split(), 1) for length in (3, len(name))} | {
    "sept": 9
}
# Spares the names of months in other languages where dates are English.
_ENGLISH_WORDS = frozenset(
    [
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "on",
        "at",
        "of",
        "st",
        "nd",
        "rd",
        "th",
        "in",
        "the",
        "utc",
        "gmt",
        "reviewed",
        "united",
        "states",
        "kingdom",
        "canada",
        "australia",
        "india",
        "edited",
    ]
)


@cache
def _months() -> dict[str, int]:
    """Return months by their names in many languages, from CLDR."""
    from babel import Locale

    found: dict[str, int] = {}
    for language in _LANGUAGES.split():
        months = Locale(language).months
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for month, name in months[context][width].items():
                    for word in _WORD.findall(unicodedata.normalize("NFKC", name).casefold()):
                        found.setdefault(word, month)
    return found


# --- the order of a column --------------------------------------------------------------------------------


def needs_order(value: object) -> bool:
    """Return whether a date may be read in two ways, as 03/04/2021.

    :param value: of a column of times.
    """
    return _evidence(value) == "none"


def order_of(values: Iterator[object]) -> tuple[Order, bool]:
    """Return how the dates of a column are written, and whether it is a guess.

    A day above 12 shows it. Else slashes with AM or PM are the custom where the month is first, and nothing else is.

    :param values: of a column of times.
    """
    counts = {"day": 0, "month": 0, "none": 0}
    half_days = 0
    numbers: list[float] = []
    for value in values:
        evidence = _evidence(value)
        if evidence:
            counts[evidence] += 1
            half_days += evidence == "none" and _is_american(value)
        elif (number := parse_number(value)) is not None:
            numbers.append(number)
    serial = bool(numbers) and all(_SERIALS[0] <= number <= _SERIALS[1] for number in numbers)
    if counts["day"] or counts["month"]:
        return Order(counts["day"] >= counts["month"], serial), False
    return Order(not half_days, serial), counts["none"] > 0


def _evidence(value: object) -> str:
    """Return which of day and month a date shows to be first, `none` where it shows neither, "" for other dates."""
    if not isinstance(value, str):
        return ""
    clock, rest = _without_clock(value[:100].strip())
    figures = _figures(rest, clock.half_day)
    if figures is None or figures.first > 31 or figures.mark == ",":
        return ""
    if figures.first > 12:
        return "day"
    if figures.second > 12:
        return "month"
    return "none" if figures.first != figures.second else ""


def _is_american(value: object) -> bool:
    clock, rest = _without_clock(str(value)[:100])
    figures = _figures(rest, clock.half_day)
    return figures is not None and figures.half_day and figures.mark == "/"
