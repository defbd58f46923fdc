"""Words of others that a text quotes, left out."""

from __future__ import annotations

import re

# `> quoted` at the beginning of a line, as mail, Reddit and Hacker News mark it; `>!` hides words of one's own.
_QUOTED_LINE = re.compile(r"^[ \t]{0,3}(?:>|&gt;)(?!!).*(?:\n|\Z)", re.MULTILINE)
# A block of HTML; each quantifier stops at the next `<`, so that the time is linear.
_BLOCK = r"<{0}(?:\s[^<>]*+)?>[^<]*+(?:<(?!/{0}\b)[^<]*+)*</{0}\s*+>"
_HTML_QUOTE = re.compile(_BLOCK.format("blockquote"), re.IGNORECASE)
_HTML_CODE = re.compile(_BLOCK.format("pre"), re.IGNORECASE)


def without_quoted_lines(text: str) -> str:
    """Return a text without the lines that quote others.

    :param text: with `>` before what is quoted, also as `&gt;`.
    """
    return _QUOTED_LINE.sub("", text) if ">" in text or "&gt;" in text else text


def without_quotes_and_code(text: str) -> str:
    """Return HTML without quotes and without blocks of code.

    :param text: HTML.
    """
    return _HTML_CODE.sub("\n", _HTML_QUOTE.sub("\n", text)) if "<" in text else text
