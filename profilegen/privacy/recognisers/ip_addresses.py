"""Addresses of computers on the internet; those of local networks name nobody and stay."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from profilegen.privacy.found import Found
from profilegen.privacy.hint import Hint

HINT = Hint(patterns=(re.compile(r"\d\.\d{1,3}\.\d{1,3}\.\d"), re.compile(r":[0-9A-Fa-f:]{6}")))

_V4 = re.compile(r"(?<![A-Za-z0-9_.:/-])(?:\d{1,3}\.){3}\d{1,3}(?![A-Za-z0-9_-]|\.\d)")
_V6 = re.compile(r"(?<![A-Za-z0-9_:.])[0-9a-f]{1,4}:[0-9a-f:]{6,44}(?![A-Za-z0-9_:])", re.IGNORECASE)
_NAMED = re.compile(r"\bip(?:v[46])?\b[^\d\n]{0,24}$|(?:host|server|ping|ssh|地址)[^\d\n]{0,16}$", re.IGNORECASE)
_VERSION = re.compile(
    r"(?:\bv\b|\bver\b|version|release|build|firmware|driver|update|kernel|edition|section|chapter|版本|固件|驱动)"
    r"[^\d\n]{0,12}$",
    re.IGNORECASE,
)
# The parts of versions are mostly small, those of addresses even up to 255: 3 in 2,000 have fewer than two such parts.
_SMALL_PART = 20
_CONTEXT_CHARS = 30


def find(text: str, language: str) -> Iterator[Found]:
    """Yield public IP addresses, of version 4 and 6.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    for match in _V4.finditer(text):
        before = text[max(0, match.start() - _CONTEXT_CHARS) : match.start()]
        if _is_public(match[0]) and (_NAMED.search(before) or _is_no_version(match[0], before)):
            yield Found(*match.span(), "ip")
    for match in _V6.finditer(text):
        if _is_public(match[0].rstrip(":")) and len([part for part in match[0].split(":") if part]) >= 3:
            yield Found(match.start(), match.start() + len(match[0].rstrip(":")), "ip")


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _is_no_version(address: str, before: str) -> bool:
    large = sum(int(part) >= _SMALL_PART for part in address.split("."))
    return large >= 2 and not _VERSION.search(before)
