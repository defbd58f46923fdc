"""Text without markup and invisible characters, folded for comparison, or made safe to print."""

from __future__ import annotations

import html
import html.entities
import re
import unicodedata

# Each pass unescapes once; a text that needs more passes was written to need them.
_MAX_PASSES = 6


def clean(raw: str) -> str:
    """Return a text without markup, wrong encodings, invisible characters and needless whitespace.

    Markup is removed only where it is markup: `I <3 this` and `a < b` stay. Text that was escaped twice is
    unescaped twice, so that `clean(clean(x)) == clean(x)` for every `x`. The time is linear in the length.

    :param raw: a text as it was entered or exported: plain text, HTML, or text with HTML entities.
    """
    text = raw
    for _ in range(_MAX_PASSES):
        cleaned = _clean_once(text)
        if cleaned == text:
            return text
        text = cleaned
    # Without these characters nothing is left to unescape.
    return _clean_once(_clean_once(re.sub(r"[<&\[\]]", " ", text)))


def fold(text: str) -> str:
    """Return the form of a text for comparison: compatibility forms, case and whitespace do not count.

    Unicode Standard, section 3.13, compatibility caseless matching.

    :param text: any text.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def printable(text: str) -> str:
    """Return text that is safe to print on one line: what could act on a terminal is escaped as in `repr`.

    Control characters, line and paragraph separators, direction marks and overrides, tag characters, byte order
    marks and lone surrogates are escaped; all other characters, a backslash among them, stay as they are.

    :param text: a name or a text from outside: a file, a column, a user, a document.
    """
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


_BLOCK = (
    "address|article|aside|blockquote|body|br|center|dd|details|dir|div|dl|dt|fieldset|figcaption|figure|footer|"
    "form|h[1-6]|hr|head|header|html|legend|li|main|menu|nav|ol|optgroup|option|p|pre|section|select|summary|"
    "table|tbody|tfoot|thead|title|tr|ul"
)
# The last are Word's, such as `<o:p>`.
_INLINE = (
    "a|abbr|acronym|area|audio|b|base|bd[io]|big|button|canvas|cite|code|col|colgroup|data|del|dfn|em|embed|font|"
    "i|iframe|img|input|ins|kbd|label|link|map|mark|meta|nobr|noscript|object|param|path|picture|q|s|samp|"
    "script|small|source|span|strike|strong|style|su[bp]|svg|textarea|time|tt|u|var|video|wbr|[a-z]{1,9}:[a-z]{1,9}"
)
# Quantifiers of characters are possessive and stop at the next `<`, and each round of a repeated group begins with a
# character that no other can begin with, so that the time is linear in the length of the text. (Repeated groups are not
# possessive: Python 3.11.2 does not match those.) A parser was tried: 128 KB of nested `<li>` took lexbor 4.5 s, 1 MB
# never ended. An attribute has an equals sign; without one, `a <b and c> d` would lose its middle.
_MARKUP = re.compile(
    r"<(?P<dropped>script|style)\b[^<>]*+>[^<]*+(?:<(?!/?(?P=dropped)\b)[^<]*+)*</(?P=dropped)\s*+>"
    r"|<!--(?:[^-<]|-(?!->)|<(?!!--))*-->"
    r"|<!doctype\s[^<>]*+>"
    rf"|</?(?:(?P<block>{_BLOCK})|(?P<cell>t[dh])|{_INLINE})(?:\s[^<>=]*+=[^<>]*+|\s*+/?)>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
# Shops export these in place of an embedded video or a link.
_MARKER = re.compile(r"\[\[[A-Z_]{2,20}:[^\[\]]*+\]\]")
_LINE_BREAK = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Controls, soft hyphens, zero-width spaces, direction marks and overrides, and the tag characters that hide
# text from people. The zero-width joiners stay: Persian, the Indic scripts and emoji need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]+"
)
# What `printable` escapes. Zero-width spaces and joiners are harmless on a terminal, and several scripts need them.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]+"
)
# NFKC would turn Chinese punctuation into ASCII (`，` into `,`, `…` into three dots), accents that stand
# alone into a space with an accent, one Arabic blessing into 18 characters, and change what numbers say:
# `1½` into `11⁄2`, `10²` into `102`.
_NOT_NORMALISED = re.compile(
    "([\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff60\uffe3\u2025\u2026"
    "\u00a8\u00af\u00b4\u00b8\u02d8-\u02dd\u2017\u203e\u309b\u309c"
    "\u00b2\u00b3\u00b9\u2070-\u208e\u00bc-\u00be\u2150-\u215f\u2189\ufdfa]+)"
)


def _clean_once(text: str) -> str:
    if not text.isascii() or "\x1b" in text:
        text = _repair_encoding(text)
    if "<" in text or "&" in text:
        text = _ENTITY.sub(_unescape, _MARKUP.sub(_replace_tag, text))
    text = _INVISIBLE.sub("", _LINE_BREAK.sub("\n", text))
    if not unicodedata.is_normalized("NFKC", text):
        pieces = _NOT_NORMALISED.split(text)
        pieces[::2] = (unicodedata.normalize("NFKC", piece) for piece in pieces[::2])
        text = "".join(pieces)
    text = _MARKER.sub(" ", text)
    return _collapse_whitespace(text)


def _repair_encoding(text: str) -> str:
    """Repair text that was decoded with a wrong encoding, lone surrogates and terminal escapes."""
    import ftfy

    # The defaults turn full-width Chinese punctuation into ASCII and curly quotes into straight ones;
    # entities are decoded here, once markup is gone.
    return ftfy.fix_text(
        text,
        unescape_html=False,
        fix_character_width=False,
        uncurl_quotes=False,
        normalization=None,
    )


def _replace_tag(match: re.Match[str]) -> str:
    if match["block"]:
        return "\n"
    return " " if match["cell"] else ""


def _unescape(match: re.Match[str]) -> str:
    entity = match[0]
    if entity[1] == "#":
        return html.unescape(entity)
    return html.entities.html5.get(entity[1:], entity)


def _collapse_whitespace(text: str) -> str:
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n ?", "\n", text)
    text = re.sub(r"\n{3,}", "\n\n", text).rstrip()
    return text.lstrip(" \n\u200c\u200d\ufe0e\ufe0f")  # joiners join nothing at the beginning
