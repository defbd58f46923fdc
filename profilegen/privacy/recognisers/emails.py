"""E-mail addresses, and addresses of the same form in the Fediverse, which begin with an @."""

from __future__ import annotations

import re
from collections.abc import Iterator

from profilegen.privacy.found import Found
from profilegen.privacy.hint import Hint

HINT = Hint(("@", "＠", "[at]", "(at)", "[ at ]", "( at )"))

# Searched from the sign in the middle, so that a long word without one costs nothing.
_SIGN = re.compile(r"[@＠]| ?[\[(] ?at ?[\])] ?", re.IGNORECASE)
_LOCAL = re.compile(r"[A-Za-z0-9À-ɏЀ-ӿ.!#$%&'*+/=?^_`{|}~-]{1,64}\Z")
_DOT = r"(?:[.．]| ?[\[(] ?dot ?[\])] ?)"
_DOMAIN = re.compile(
    rf"(?:\[\d{{1,3}}(?:\.\d{{1,3}}){{3}}\]|[A-Za-z0-9À-ɏЀ-ӿ-]{{1,63}}(?:{_DOT}[A-Za-z0-9À-ɏЀ-ӿ-]{{1,63}}){{1,8}})",
    re.IGNORECASE,
)
_TOP = re.compile(r"[^\W\d_]{2,24}|xn--[a-z0-9-]+", re.IGNORECASE)
# What stands before an address and is no part of it.
_LEADING = "'.{|}`/=*#&?!$%^~-"
_MAX_LOCAL = 64


def find(text: str, language: str) -> Iterator[Found]:
    """Yield addresses of e-mail.

    :param text: any text.
    :param language: of the text; it makes no difference.
    """
    for sign in _SIGN.finditer(text):
        local = _LOCAL.search(text, max(0, sign.start() - _MAX_LOCAL), sign.start())
        if local is None:
            continue
        name = local[0].lstrip(_LEADING)
        domain = _DOMAIN.match(text, sign.end())
        if not name or domain is None:
            continue
        end = domain.end()
        last = re.split(r"[.．\])]", domain[0].rstrip("-"))[-1].strip()
        if domain[0][0] != "[" and not _TOP.fullmatch(last):
            continue
        start = sign.start() - len(name)
        if start and text[start - 1] in "@＠" and text[start - 2 : start - 1].isspace() | (start == 1):
            yield Found(start - 1, end, "handle")
        else:
            yield Found(start, end, "email")
