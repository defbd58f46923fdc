"""Ratings as people write them, with the scale that is written beside them; what cannot be read is None."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from profilegen.ingest.values import parse_number, with_decimal_point

DEFAULT_SCALE = 5.0
_SCALES = (5.0, 10.0, 100.0)
# From so many ratings on, none above 1 and one below it means that 1 is the best one.
_MIN_FOR_SHARES = 20


class Rating(NamedTuple):
    """A rating.

    :param value: on its scale.
    :param scale: the best one, None where the value does not say.
    """

    value: float
    scale: float | None = None


def parse_rating(value: object) -> Rating | None:
    """Return a rating, or None.

    :param value: a number, or a text such as `4/5`, `4,5 von 5`, `80%`, `5 stars`, `★★★★☆`, `4½`, `recommended`, 好评.
    """
    if isinstance(value, bool):
        return Rating(float(value), 1.0)
    if not isinstance(value, str):
        number = parse_number(value)
        return None if number is None else Rating(number)
    text = unicodedata.normalize("NFC", value[:80]).replace("\ufe0f", "").strip().casefold()
    number = parse_number(text)
    return Rating(number) if number is not None else _written(text)


# Skin tones may follow a thumb.
_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
_WORDS = {
    **dict.fromkeys(("👍", "thumbs up", "thumb up", "thumbs_up", "thumbsup", "up", "like", "liked"), Rating(1.0, 1.0)),
    **dict.fromkeys(("👎", "thumbs down", "thumb down", "thumbs_down", "thumbsdown", "down"), Rating(0.0, 1.0)),
    **dict.fromkeys(("dislike", "disliked", "false", "no", "not recommended", "不推荐"), Rating(0.0, 1.0)),
    **dict.fromkeys(("true", "yes", "recommended"), Rating(1.0, 1.0)),
    **dict.fromkeys(("好评", "好評"), Rating(5.0, 5.0)),
    **dict.fromkeys(("中评", "中評"), Rating(3.0, 5.0)),
    **dict.fromkeys(("差评", "差評"), Rating(1.0, 5.0)),
    # Douban's five.
    **{word: Rating(5.0 - at, 5.0) for at, word in enumerate(("力荐", "推荐", "还行", "较差", "很差"))},
    # Google's business profiles.
    **{word: Rating(at + 1.0, 5.0) for at, word in enumerate(("one", "two", "three", "four", "five"))},
}
_HALVES = {"½": ".5", "¼": ".25", "¾": ".75"}
_AMOUNT = r"(\d+(?:[.,]\d+)?)"
# `4/5`, `4 out of 5 stars`, `4,5 von 5 Sternen`, `5つ星のうち4.0` (its best first).
_OF = re.compile(
    rf"(?:rated\s+)?{_AMOUNT}\s*(?:stars?\s*)?(?:/|out of|of|von|sur|de|su|di|av|van|z|из|من|中的?)\s*{_AMOUNT}"
    r"\s*(?:[^\W\d]+\.?)?"
)
_JAPANESE = re.compile(rf"{_AMOUNT}つ星のうち\s*{_AMOUNT}")
_STARS = re.compile(
    rf"{_AMOUNT}\s*[- ]?(?:[★⭐*]|stars?|sterne?n?|étoiles?|estrellas?|estrelas?|stelle|sterren|звезд[аы]?|звёзд[аы]?"
    r"|星级?|つ星|점)"
)
_PERCENT = re.compile(rf"{_AMOUNT}\s*[%％]")
_FULL, _HALF, _EMPTY = "★⭐🌟✭✮", "½⯪⯨", "☆✩✰⚝"
_ROW_OF_STARS = re.compile(rf"(?=[{_FULL}{_EMPTY}])([{_FULL}]*)([{_HALF}]?)([{_EMPTY}]*)")


def _written(text: str) -> Rating | None:
    text = _TONES.sub("", text)
    if text in _WORDS:
        return _WORDS[text]
    if row := _ROW_OF_STARS.fullmatch(text):
        full, half, empty = map(len, row.groups())
        shown = full + half + empty
        return Rating(full + half / 2, float(max(shown, 5))) if 0 < shown <= 10 else None
    for sign, digits in _HALVES.items():
        text = re.sub(rf"(\d){sign}", rf"\1{digits}", text).replace(sign, f"0{digits}")
    if japanese := _JAPANESE.fullmatch(text):
        return _of(japanese[2], japanese[1])
    if of := _OF.fullmatch(text):
        return _of(of[1], of[2])
    if percent := _PERCENT.fullmatch(text):
        return _of(percent[1], "100")
    if stars := _STARS.fullmatch(text):
        value = _number(stars[1])
        return Rating(value, next((scale for scale in _SCALES[:2] if value <= scale), None))
    number = parse_number(text)  # a half that stood alone, or behind digits
    return None if number is None else Rating(number)


def _of(value: str, scale: str) -> Rating | None:
    rating = Rating(_number(value), _number(scale))
    return rating if rating.scale and rating.value <= rating.scale else None


def _number(digits: str) -> float:
    return float(with_decimal_point(digits))


def scale_of(numbers: Iterable[float]) -> float | None:
    """Return the best rating of the scale that plain numbers are on, None where they are on none: 5, 10 or 100.

    Twenty numbers or more of which none is above 1 and some are below it are shares, or likes: the best one is 1.

    :param numbers: ratings of one source without a scale of their own; -1 stands for none.
    """
    known = [number for number in numbers if number != -1]
    if not known:
        return DEFAULT_SCALE
    lowest, highest = min(known), max(known)
    if lowest < 0:
        return None
    if highest <= 1 and lowest < highest and len(known) >= _MIN_FOR_SHARES:
        return 1.0
    return next((scale for scale in _SCALES if highest <= scale), None)
