"""Numbers, prices and times as people and programs write them; what cannot be read is None."""

from __future__ import annotations

import contextlib
import math
import re
import unicodedata
from datetime import UTC, date, datetime


def parse_number(value: object) -> float | None:
    """Return a finite number, or None.

    :param value: a number, or a text that is one.
    """
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


# One amount, with a currency before or behind: `$12.99`, `12,99 €`, `US$ 1,299.00`, `30元`. Two are a range.
_CURRENCY = r"[^\W\d_]{0,3}\.?\s?[$£¥฿\u20a0-\u20cf]?"
_AMOUNT = re.compile(rf"{_CURRENCY}\s?(\d[\d.,' ]*)\s?{_CURRENCY}")


def parse_price(value: object) -> float | None:
    """Return an amount of money that is not negative, or None.

    :param value: a number, or a text with one amount and at most one currency.
    """
    if isinstance(value, str):
        amount = _AMOUNT.fullmatch(unicodedata.normalize("NFKC", value[:64]).strip())
        value = _with_decimal_point(amount[1]) if amount else None
    number = parse_number(value)
    return number if number is not None and number >= 0 else None


def _with_decimal_point(digits: str) -> str:
    """Rewrite `1.299,00` as `1299.00`: the last mark is the decimal one, unless it stands more than once.

    A comma before exactly three digits separates thousands (`1,299`); a point does not (`1.299`).
    """
    digits = re.sub(r"[' ]", "", digits).rstrip(".,")
    whole, mark, cents = digits.rpartition("," if digits.rfind(",") > digits.rfind(".") else ".")
    if not mark or mark in whole or (mark == "," and "." not in whole and len(cents) == 3):
        return re.sub(r"[.,]", "", digits)
    return re.sub(r"[.,]", "", whole) + "." + cents


_DAY = re.compile(r"(\d{4})(?:[-/.]|年)(\d{1,2})(?:[-/.]|月)(\d{1,2})日?(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")


def parse_time(value: object) -> datetime | None:
    """Return an aware time from 1970 to 2100, or None: without an offset it is UTC, with one the offset stays.

    :param value: a date or a time, or as text in ISO 8601 or as 20240131, 2024/1/31, 2024年1月31日; a number is the
        time since 1970 in seconds, milli-, micro- or nanoseconds.
    """
    with contextlib.suppress(ValueError, OverflowError, OSError):
        moment = _as_datetime(value)
        if moment is not None and 1970 <= moment.year <= 2100:
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _as_datetime(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    written = value[:64].strip() if isinstance(value, str) else str(value)
    if re.fullmatch(r"(19|20)\d{6}", written):
        return datetime.strptime(written, "%Y%m%d").replace(tzinfo=UTC)
    if match := _DAY.fullmatch(written):
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    number = parse_number(value)
    if number is not None:
        return _from_epoch(number)
    return datetime.fromisoformat(re.sub(r"\s*(UTC|GMT)$", "+00:00", written))


def _from_epoch(number: float) -> datetime:
    """Read seconds; what would lie beyond the year 5000 is in milli-, micro- or nanoseconds."""
    for _ in range(3):
        if abs(number) >= 1e11:
            number /= 1000
    return datetime.fromtimestamp(number, UTC)
