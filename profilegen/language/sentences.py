"""Where the sentences of a text begin and end."""

from __future__ import annotations

import re

from profilegen.language.tokens import is_in_grapheme

MAX_SENTENCE_CHARS = 300
"""Longer ones are cut, so that a sentence can be quoted."""


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each sentence: `text[start:end]` is the sentence without whitespace around it.

    Line breaks and the punctuation of English, Chinese, Arabic, Hindi and similar languages end a sentence;
    decimals and common English abbreviations do not. A sentence of more than 300 characters is cut: at a comma,
    else at a space, else between any two characters.

    :param text: cleaned text.
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


_CLOSERS = "[\"'”’»)\\]}）」』】》〉]*+"
# ASCII marks end a sentence before a space or a Chinese character, so that `3.5` and `a.b` stay whole; the
# look-behind keeps a long row of dots from being scanned again from each dot.
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
    """Return a span without whitespace around it, cut into pieces where it is too long."""
    spans = []
    while end > start and text[end - 1].isspace():
        end -= 1
    while start < end:
        while text[start].isspace():
            start += 1
        if end - start <= MAX_SENTENCE_CHARS:
            spans.append((start, end))
            break
        at = _cut_position(text, start)
        spans.append((start, start + len(text[start:at].rstrip())))
        start = at
    return spans


def _cut_position(text: str, start: int) -> int:
    """Return where to cut: in the second half of the longest piece if that can be, so that no piece is very short."""
    limit = start + MAX_SENTENCE_CHARS
    half = start + MAX_SENTENCE_CHARS // 2
    commas = [match.end() for match in _COMMA.finditer(text, half, limit)]
    if commas:
        return commas[-1]
    space = max(text.rfind(" ", start + 1, limit), text.rfind("\t", start + 1, limit))
    if space > 0:
        return space
    at = limit
    while at > half and is_in_grapheme(text, at):
        at -= 1
    return at if at > half else limit
