"""Numbers and prices as people and programs write them; what cannot be read is None."""

from __future__ import annotations

import math
import re
import unicodedata

# `1.5万` is 15,000. A lakh or a `k` is not read: the one is rare, the other is also a unit.
_MYRIADS = {"百": 1e2, "千": 1e3, "천": 1e3, "万": 1e4, "萬": 1e4, "만": 1e4, "亿": 1e8, "億": 1e8, "억": 1e8}
_MYRIAD = re.compile(rf"(.*?\d)\s*([{''.join(_MYRIADS)}]+)(.*)", re.DOTALL)


def parse_number(value: object) -> float | None:
    """Return a finite number, or None.

    :param value: a number, or a text that is one, such as `12`, `1,299.5`, `12,5` or `1.5万`.
    """
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = _written_number(value) if isinstance(value, str) else math.nan
    return number if math.isfinite(number) else None


# Spaces separate thousands.
_DIGITS = r"\d[\d.,']*(?: \d{3})*(?:[.,]\d+)?"
_NUMBER = re.compile(rf"([+-]?)({_DIGITS})")


def _written_number(text: str) -> float:
    text = unicodedata.normalize("NFKC", text[:64]).strip()
    factor = 1.0
    if (myriad := _MYRIAD.fullmatch(text)) and not myriad[3]:
        text, factor = myriad[1], math.prod(_MYRIADS[sign] for sign in myriad[2])
    number = _NUMBER.fullmatch(text)
    return float(number[1] + with_decimal_point(number[2])) * factor if number else math.nan


# One amount, with a currency before or behind: `$12.99`, `12,99 €`, `US$ 1,299.00`, `30元`. Two are a range.
_CURRENCY = r"[^\W\d_]{0,3}\.?\s?[$£¥฿\u20a0-\u20cf]?"
_AMOUNT = re.compile(rf"{_CURRENCY}\s?({_DIGITS})\s?{_CURRENCY}")


def parse_price(value: object) -> float | None:
    """Return an amount of money that is not negative, or None.

    :param value: a number, or a text with one amount and at most one currency.
    """
    factor = 1.0
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", value[:64]).strip()
        if (myriad := _MYRIAD.fullmatch(text)) and not re.search(r"\d", myriad[3]):
            text, factor = myriad[1] + myriad[3], math.prod(_MYRIADS[sign] for sign in myriad[2])
        amount = _AMOUNT.fullmatch(text)
        value = with_decimal_point(amount[1]) if amount else None
    number = parse_number(value)
    return number * factor if number is not None and number >= 0 else None


def with_decimal_point(digits: str) -> str:
    """Rewrite `1.299,00` as `1299.00`: the last mark is the decimal one, unless it stands more than once.

    A comma before exactly three digits separates thousands (`1,299`); a point does not (`1.299`).

    :param digits: digits with marks between them.
    """
    digits = re.sub(r"[' ]", "", digits).rstrip(".,")
    whole, mark, cents = digits.rpartition("," if digits.rfind(",") > digits.rfind(".") else ".")
    if not mark or mark in whole or (mark == "," and "." not in whole and len(cents) == 3):
        return re.sub(r"[.,]", "", digits)
    return re.sub(r"[.,]", "", whole) + "." + cents
