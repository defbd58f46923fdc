"""Masking: what identifies somebody in a text gives way to a placeholder of its kind, such as `[email]`."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from profilegen.config import Level
from profilegen.privacy.found import HARMLESS, PLACEHOLDER, Found
from profilegen.privacy.hint import Hint
from profilegen.privacy.recognisers import (
    birth_dates,
    cards,
    emails,
    handles,
    ibans,
    ip_addresses,
    links,
    national_ids,
    persons,
    phones,
    plates,
    secrets,
    street_addresses,
)


class Masked(NamedTuple):
    """A text without what identifies somebody.

    :param text: the text, with placeholders.
    :param counts: how many things of each kind gave way.
    """

    text: str
    counts: Counter[str]


class _Recogniser(NamedTuple):
    """Finds one kind of thing, or a few that look alike; only in texts in which `hint` finds something."""

    hint: Hint
    find: Callable[[str, str], Iterator[Found]]


# In this order; of two that overlap, the first found counts.
_SECRETS = _Recogniser(secrets.HINT, secrets.find)
_LINKS = _Recogniser(links.HINT, links.find)
_EMAILS = _Recogniser(emails.HINT, emails.find)
_STANDARD = (
    _EMAILS,
    _Recogniser(ibans.HINT, ibans.find),
    _Recogniser(cards.HINT, cards.find),
    _Recogniser(national_ids.HINT, national_ids.find),
    _Recogniser(phones.HINT, phones.find),
    _Recogniser(ip_addresses.HINT, ip_addresses.find),
    _Recogniser(handles.HINT, handles.find),
    _Recogniser(street_addresses.HINT, street_addresses.find),
)
_STRICT = (
    _Recogniser(birth_dates.HINT, birth_dates.find),
    _Recogniser(plates.HINT, plates.find),
    _Recogniser(persons.HINT, persons.find),
)
_RECOGNISERS: dict[Level, tuple[_Recogniser, ...]] = {
    "off": (),
    "standard": (_LINKS, _SECRETS, *_STANDARD),
    "strict": (_Recogniser(links.HINT, links.find_every), _SECRETS, *_STANDARD, *_STRICT),
}
_IN_CODES = (_LINKS, _SECRETS, _EMAILS)


def mask(text: str, level: Level = "standard", language: str = "und") -> Masked:
    """Return a text in which placeholders stand for what identifies somebody.

    The time is linear in the length of the text. A text that was masked stays as it is when it is masked again.

    :param text: any text.
    :param level: how much is masked.
    :param language: ISO 639-1 code of the text; national telephone numbers depend on it, and Chinese names.
    """
    return _replaced(text, find(text, level, language))


def find(text: str, level: Level = "standard", language: str = "und") -> list[Found]:
    """Return what is masked in a text, without overlaps, in the order of the text.

    :param text: any text.
    :param level: how much is masked.
    :param language: ISO 639-1 code of the text.
    """
    return _found(text, _RECOGNISERS[level], language)


def mask_code(code: str, level: Level = "standard") -> Masked:
    """Return an id or an address without e-mail addresses, secrets and private links; its numbers stay.

    :param code: an id or an address, such as that of a picture.
    :param level: how much is masked; the same at every level but `off`.
    """
    return _replaced(code, [] if level == "off" else _found(code, _IN_CODES, "und"))


def _found(text: str, recognisers: tuple[_Recogniser, ...], language: str) -> list[Found]:
    """Return what recognisers find; the first to find something has it."""
    if not recognisers:
        return []
    taken = [Found(*match.span(), HARMLESS) for match in PLACEHOLDER.finditer(text)] if "[" in text else []
    lowered = text.lower()
    for recogniser in recognisers:
        if recogniser.hint.is_in(text, lowered):
            for found in recogniser.find(text, language):
                if found.start < found.end and not _overlaps(taken, found):
                    insort(taken, found)
    return [found for found in taken if found.kind != HARMLESS]


def _overlaps(taken: list[Found], found: Found) -> bool:
    at = bisect_left(taken, found)
    return (at > 0 and taken[at - 1].end > found.start) or (at < len(taken) and taken[at].start < found.end)


def _replaced(text: str, founds: list[Found]) -> Masked:
    if not founds:
        return Masked(text, Counter())
    parts, at = [], 0
    for found in founds:
        parts += [text[at : found.start], f"[{found.kind}]"]
        at = found.end
    return Masked("".join([*parts, text[at:]]), Counter(found.kind for found in founds))
