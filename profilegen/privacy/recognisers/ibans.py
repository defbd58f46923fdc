"""Bank accounts: IBAN of every country that has them, by length and check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from profilegen.privacy.found import Found
from profilegen.privacy.hint import Hint

HINT = Hint(patterns=(re.compile(r"\d\d(?<=[A-Za-z]{2}\d\d)(?<![A-Za-z0-9][A-Za-z]{2}\d\d)[ -]?[A-Za-z0-9]{4}"),))

_CANDIDATE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")


def find(text: str, language: str) -> Iterator[Found]:
    """Yield IBANs.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    at = 0
    while match := _CANDIDATE.search(text, at):
        at = match.start() + 4
        length = _length(match[0][:2])
        end = _end(match[0], length) if length else None
        if end is not None and _is_valid(match[0][:end]):
            at = match.start() + end
            yield Found(match.start(), at, "iban")


def _length(country: str) -> int:
    """Return how long an IBAN of a country is, 0 for a country that has none."""
    from stdnum import numdb

    properties = numdb.get("iban").info(country.upper())[0][1]
    parts = re.findall(r"(\d+)!", properties.get("bban", ""))
    return 4 + sum(map(int, parts)) if parts else 0


def _end(candidate: str, length: int) -> int | None:
    """Return where so many letters and digits end, None if there are fewer or a word goes on."""
    for at, character in enumerate(candidate):
        length -= character not in " -"
        if not length:
            return at + 1 if not candidate[at + 1 : at + 2].isalnum() else None
    return None


def _is_valid(number: str) -> bool:
    from stdnum import iban

    return bool(iban.is_valid(number, check_country=False))
