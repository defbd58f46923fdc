"""Links that give away a person or open a door: with passwords, tokens or personal values, or to somebody's page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import parse_qsl, unquote, urlsplit

from profilegen.privacy.found import HARMLESS, Found
from profilegen.privacy.hint import Hint, words

HINT = Hint(("://", "www.", "wa.me/", "t.me/", "linkedin.com/"))

_LINK = re.compile(
    r"(?<![A-Za-z0-9])(?:[a-z][a-z0-9+.-]{1,15}://|www\.|(?:wa|t)\.me/|linkedin\.com/)[!#-;=?-\[\]_a-z~%|]{1,4096}",
    re.IGNORECASE,
)
# Names of values in a link, as a whole or as a part between hyphens, underscores and capitals.
_PRIVATE_NAMES = frozenset(
    words(
        """token tokens key apikey sig signature auth authorization session sessionid sid jsessionid phpsessid password
        passwd pwd pass secret credential credentials code otp ticket jwt assertion nonce hash invite reset verify
        confirm magic unsubscribe email mail phone mobile tel user username userid uid uuid guid account member customer
        login igsh igshid fbclid gclid"""
    )
)
_NAME_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# So long, with letters and digits, no word: a key of 95 bits and more.
_KEY = re.compile(r"[A-Za-z0-9_~-]{16,}")
_HEX = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|[0-9a-f]{24,}", re.IGNORECASE)
_WORDS = re.compile(r"(?:[A-Za-z]{1,24}|\d{1,6})(?:[-_~](?:[A-Za-z]{1,24}|\d{1,6}))*")
_OWN_PAGES = re.compile(
    r"(?:[a-z-]+\.)?(?:linkedin\.com/(?:in|pub)/.|(?:wa|t)\.me/.|facebook\.com/(?:profile\.php|people/.)"
    r"|instagram\.com/[\w.]+/?$|(?:twitter|x)\.com/\w+/?$|weibo\.com/(?:u/)?\w+/?$|tiktok\.com/@[\w.]+/?$)",
    re.IGNORECASE,
)
_CLOSING = ".,;:!?'\")]}|*_~"


def find(text: str, language: str) -> Iterator[Found]:
    """Yield links: private ones, and as harmless the others, in whose numbers nobody is to look for more.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    yield from _find(text, every=False)


def find_every(text: str, language: str) -> Iterator[Found]:
    """Yield all links.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    yield from _find(text, every=True)


def _find(text: str, *, every: bool) -> Iterator[Found]:
    for match in _LINK.finditer(text):
        link = match[0].rstrip(_CLOSING)
        private = every or is_private(link)
        yield Found(match.start(), match.start() + len(link), "link" if private else HARMLESS)


def is_private(link: str) -> bool:
    """Return whether a link holds a password, a token or a personal value, or leads to a person's own page.

    :param link: a link, with its scheme or without.
    """
    try:
        parts = urlsplit(link if "://" in link else f"//{link}")
        values = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=200)
        values += parse_qsl(parts.fragment, max_num_fields=200)
    except ValueError:
        return True  # Nobody can say what it holds.
    if "@" in parts.netloc + parts.path or any(_is_private_value(name, value) for name, value in values):
        return True
    page = f"{parts.netloc.removeprefix('www.')}{parts.path}"
    return bool(_OWN_PAGES.match(page)) or any(map(_is_key, unquote(parts.path).split("/")))


def _is_private_value(name: str, value: str) -> bool:
    names = {part.lower() for part in _NAME_PARTS.findall(name)} | {name.lower()}
    return bool(value and names & _PRIVATE_NAMES) or "@" in value or _is_key(value)


def _is_key(part: str) -> bool:
    """Return whether a part is no word, nor words and short numbers between hyphens, but a key."""
    if _HEX.fullmatch(part):
        return True
    if not _KEY.fullmatch(part) or _WORDS.fullmatch(part):
        return False
    kinds = any(map(str.isdigit, part)) + any(map(str.isupper, part)) + any(map(str.islower, part))
    turns = sum(one.isdigit() != other.isdigit() for one, other in pairwise(part))
    return kinds == 3 or (kinds == 2 and turns >= 4)
