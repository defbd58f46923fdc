"""Telephone numbers: international ones anywhere, national ones as the countries of the text's language write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from profilegen.privacy.found import Found
from profilegen.privacy.recognisers.numbers import HINT as HINT
from profilegen.privacy.recognisers.numbers import Run, runs, windows

# Where most speakers of a language live and numbering plans differ; of a language that is not here, English's.
_REGIONS = {
    "ar": ("EG", "SA", "AE", "MA"),
    "cs": ("CZ",),
    "da": ("DK",),
    "de": ("DE", "AT", "CH"),
    "el": ("GR",),
    "en": ("US", "GB", "IN", "AU", "NZ", "IE", "ZA"),
    "es": ("ES", "MX", "AR", "CO", "CL", "PE"),
    "fi": ("FI",),
    "fr": ("FR", "BE", "CH", "CA"),
    "he": ("IL",),
    "hi": ("IN",),
    "hu": ("HU",),
    "id": ("ID",),
    "it": ("IT", "CH"),
    "ja": ("JP",),
    "ko": ("KR",),
    "nb": ("NO",),
    "nl": ("NL", "BE"),
    "no": ("NO",),
    "pl": ("PL",),
    "pt": ("BR", "PT"),
    "ro": ("RO",),
    "ru": ("RU", "KZ", "BY"),
    "sv": ("SE", "FI"),
    "th": ("TH",),
    "tr": ("TR",),
    "uk": ("UA",),
    "vi": ("VN",),
    "zh": ("CN", "TW", "HK"),
}
_NAMED = re.compile(
    r"(?:\btel|phone|\bmobile|\bcell|\bfax|whats ?app|\bcall (?:me|us)|\btext (?:me|us)|\b(?:call|text"
    r"|reach)\b[^\d\n]{0,16}\b(?:at|on)"
    r"|\bring me|\bmy number|contact number|hotline|helpline|☎|📞|📱|电话|電話|手机|手機|联系方式|聯繫|热线|致电"
    r"|拨打|号码是|传真"
    r"|telefon|handy|mobil|móvil|celular|teléfono|telefone|cellulare|téléphone|portable|телефон|тел\b|携帯|전화)"
    r"[^\d\n]{0,20}$"
)
_NUMBERED = re.compile(
    r"(?:isbn|issn|asin|upc|\bean|sku|order|invoice|receipt|tracking|serial|model|item|part|ticket|case|\bid|\bno"
    r"|#|№|version|"
    r"订单|单号|编号|型号|货号|条码|群|[$€£¥₹%])[^\d\n]{0,12}$"
)
_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d([./-])\d{1,2}\1\d{1,2}|\d{1,2}([./-])\d{1,2}\2(?:19|20)\d\d)(?!\d|[./-]\d)"
    r"|(?<!\d)(?:19|20)\d\d ?[-–—/] ?(?:19|20)\d\d(?!\d)"
)
# Sums and decimals: 1.000.000, 12.50.
_SUM = re.compile(r"\d{1,3}(?:[., ]000){1,4}")
# Where numbers have no prefix that tells them from others, so they must have their usual gaps.
_AS_USUAL = frozenset({"US", "CA", "IN"})
_MIN_UNNAMED, _MIN_NAMED, _MAX_DIGITS, _MAX_GROUPS = 9, 7, 15, 6
# Numbers of a text that are looked up. In a text that has more, each that could be one is taken for one.
_MAX_LOOKED_UP = 300


def find(text: str, language: str) -> Iterator[Found]:
    """Yield telephone numbers.

    :param text: any text.
    :param language: ISO 639-1 code of the text, which says whose national numbers are looked for.
    """
    regions = _REGIONS.get(language, _REGIONS["en"])
    left = _MAX_LOOKED_UP
    for run in runs(text):
        end = -1
        for part in windows(run, _MIN_NAMED, _MAX_DIGITS, _MAX_GROUPS):
            if part.start < end:
                continue
            left -= 1
            if is_phone(part, regions) if left > 0 else len(part.digits) >= _MIN_UNNAMED:
                end = part.end
                yield Found(part.start, end, "phone")


def is_phone(run: Run, regions: tuple[str, ...]) -> bool:
    """Return whether digits are a telephone number.

    :param run: the digits.
    :param regions: countries whose national numbers count.
    """
    if _is_other_number(run):
        return False
    if run.text.lstrip("(（ ").startswith("+"):
        return _parsed(f"+{run.digits}", None) is not None
    if run.digits.startswith("00") and _parsed(f"+{run.digits[2:]}", None) is not None:
        return True
    is_named = bool(_NAMED.search(run.before))
    if len(run.digits) < _MIN_UNNAMED and not is_named:
        return False
    for region in regions:
        number = _parsed(run.digits, region)
        if number is not None and (is_named or _is_written_so(run, number)):
            return True
    return is_named and _is_local(run)


def _is_other_number(run: Run) -> bool:
    """Return whether digits are part of a word, or a date, a sum or the number of a thing."""
    before = run.before[-1:]
    if before == "." or any("." in gap.strip(" ()（）") != "." for gap in re.split(r"\d+", run.text)):
        return True
    if (run.after.isascii() and run.after.isalnum()) or run.after in tuple("_%€$£¥"):
        return True
    if (before.isascii() and before.isalnum()) or before in tuple("_#$€£¥"):
        return True
    return bool(_SUM.fullmatch(run.text) or _DATE.search(run.text))


def _is_written_so(run: Run, number: _Number) -> bool:
    """Return whether a valid number is written as numbers are, and not as that of a thing."""
    if _NUMBERED.search(run.before) or (run.before[-1:] in ".,:" and run.before[-2:-1].isdigit()):
        return False
    digits = run.digits
    if len(run.groups) == 1:
        return not _is_article(digits)
    if digits.removeprefix(number.country) == "".join(filter(str.isdigit, number.usual)):
        prefix = {len(digits) - 1, len(digits) - 2}
        return _cuts(run.text) - prefix >= _cuts(number.usual) - prefix
    sizes = [end - start for start, end in run.groups]
    gaps = {run.text[end:start] for (_, end), (start, _) in pairwise(run.groups)}
    if number.region in _AS_USUAL or len(sizes) > 5 or min(sizes[1:]) < 2 or (len(sizes) == 2 and gaps == {"."}):
        return False
    # A national number begins with the prefix of its country, mostly 0; where it has none, its groups are alike.
    return len(digits) > number.length or (not number.has_prefix and sizes[0] >= 2)


def _cuts(text: str) -> set[int]:
    """Return how many digits stand behind each gap between digits."""
    groups = re.findall(r"\d+", text)
    return {sum(map(len, groups[at:])) for at in range(1, len(groups))}


def _is_article(digits: str) -> bool:
    """Return whether a number without gaps is rather that of a book or of an article in a shop."""
    from stdnum import ean, isbn

    return isbn.is_valid(digits) or (len(digits) in (12, 13) and ean.is_valid(digits.zfill(13)))


def _is_local(run: Run) -> bool:
    """Return whether digits look like a number without its area code: 555-0123."""
    sizes = [end - start for start, end in run.groups]
    return sizes in ([3, 4], [4, 4], [7], [8], [3, 3, 4], [10], [2, 2, 2, 2], [3, 2, 2], [3, 4, 4], [11])


class _Number(NamedTuple):
    """A valid number.

    :param region: the country that it was looked for in.
    :param country: code of that country.
    :param usual: the number as it is usually written there.
    :param length: how many digits it has without prefixes.
    :param has_prefix: whether national numbers have a prefix there.
    """

    region: str
    country: str
    usual: str
    length: int
    has_prefix: bool


@lru_cache(maxsize=4_096)
def _parsed(digits: str, region: str | None) -> _Number | None:
    """Return a valid number, None for what is none."""
    import phonenumbers

    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    usual = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    prefix = phonenumbers.ndd_prefix_for_region(region or "", True)
    length = len(phonenumbers.national_significant_number(number))
    return _Number(region or "", str(number.country_code), usual, length, prefix is not None)
