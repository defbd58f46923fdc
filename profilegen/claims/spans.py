"""What of a document its author wrote as prose: sentences without quoted mail, other speakers, code and links."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from profilegen.language.cleaning import fold
from profilegen.language.sentences import sentence_spans
from profilegen.language.tokens import count_word_chars, is_in_word

Span = tuple[int, int]
MAX_WHOLE_CHARS = 600
"""A piece of text without blank, mark or line break that is longer than this is no prose."""

MAX_JOINED_CHARS = 280
"""Lines that were broken by a mail program are put together up to this length."""

# Shorter lines are broken by people.
_MIN_WRAPPED_CHARS = 45
_ENDS = ".!?:;。！？：；…\"'”’)|।؟"
# Of a long document, its beginning and windows spread over the rest are looked at.
_WINDOW_CHARS = 2_000


def prose_spans(text: str, author: str, max_chars: int) -> list[Span]:
    """Return the (start, end) of the sentences of a document that are its author's own prose, in their order.

    No sentence ends within a word. Lines that a mail program broke are one sentence only as far as they end with one.

    :param text: cleaned text.
    :param author: name or id of the author, by which his turns in a transcript are known.
    :param max_chars: about how much of a longer text is looked at: the first half of that, and windows of the rest.
    """
    spans: list[Span] = []
    for first, last in _windows(text, max_chars):
        window = text[first:last]
        foreign = _foreign_lines(window, author)
        own = [span for span in _whole_sentences(window) if not _is_inside(span[0], foreign)]
        spans += [(first + start, first + end) for start, end in _unwrapped(window, own) if is_prose(window[start:end])]
    return spans


def is_prose(text: str) -> bool:
    """Return whether a piece of text is prose: mostly letters, not a link, a table, a line of code or of a log.

    :param text: a sentence or a line.
    """
    bare = _LINK.sub(" ", text)
    n_visible = len(bare) - sum(map(bare.count, " \n\t"))
    return count_word_chars(bare) >= _MIN_LETTERS * n_visible > 0 and len(_CODE.findall(bare)) <= max(
        _FEW_CODE_MARKS, _MAX_CODE_MARKS * n_visible
    )


def sentence_hash(sentence: str) -> int:
    """Return a hash of a sentence, the same for such as differ only in numbers, case and whitespace.

    :param sentence: any text.
    """
    same = _DIGITS.sub("0", fold(_LINK.sub("@", sentence)))
    return int.from_bytes(hashlib.blake2b(same.encode("utf-8", "replace"), digest_size=8).digest(), "big")


_LINK = re.compile(r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+\.\w[\w.-]*")
_DIGITS = re.compile(r"\d+")
_CODE = re.compile(r"[{}<>=;_\\|$^`~\[\]]|\w\(")
# Of the characters other than blanks. "Bought 2 for $30 in 2019." has 58% letters.
_MIN_LETTERS, _MAX_CODE_MARKS, _FEW_CODE_MARKS = 0.5, 0.05, 2


def _windows(text: str, max_chars: int) -> Iterator[Span]:
    """Give the parts of a text that are looked at; all but the first begin and end at a line break or a blank."""
    if len(text) <= max_chars:
        yield 0, len(text)
        return
    head = max(max_chars // 2, _WINDOW_CHARS)
    n_others = max((max_chars - head) // _WINDOW_CHARS, 0)
    step = (len(text) - head) // max(n_others, 1)
    starts = [0, *(head + at * step for at in range(n_others))]
    ends = [head, *(min(start + _WINDOW_CHARS, len(text)) for start in starts[1:])]
    for start, end in zip(starts, ends, strict=True):
        first = _next_break(text, start, end) if start else 0
        last = end if end == len(text) else first + _last_break(text[first:end])
        if first < last:
            yield first, last


def _next_break(text: str, start: int, end: int) -> int:
    places = [place for mark in "\n。！？.!? " if (place := text.find(mark, start, end)) >= 0]
    return places[0] + 1 if places else end


def _last_break(window: str) -> int:
    for mark in ("\n", "。", "！", "？", ". ", "! ", "? ", " "):
        if (place := window.rfind(mark)) >= 0:
            return place + 1
    return 0


def _whole_sentences(text: str) -> Iterator[Span]:
    """Give the sentences of a text; pieces that were cut within a word are put together, endless ones left out."""
    start = end = -1
    for first, last in sentence_spans(text):
        if first == end and is_in_word(text, first):
            end = last
            continue
        if 0 < end - start <= MAX_WHOLE_CHARS:
            yield start, end
        start, end = first, last
    if 0 < end - start <= MAX_WHOLE_CHARS:
        yield start, end


def _unwrapped(text: str, spans: Sequence[Span]) -> list[Span]:
    """Return spans of sentences, those put together that a mail program broke into lines."""
    joined: list[Span] = []
    for first, last in spans:
        start, end = joined[-1] if joined else (0, 0)
        line_chars = end - (text.rfind("\n", 0, end) + 1)
        is_broken = text[end:first] == "\n" and line_chars >= _MIN_WRAPPED_CHARS and text[end - 1] not in _ENDS
        if is_broken and last - start <= MAX_JOINED_CHARS:
            joined[-1] = (start, last)
        else:
            joined.append((first, last))
    return joined


def _is_inside(place: int, spans: Sequence[Span]) -> bool:
    return any(start <= place < end for start, end in spans)


# --- other people's words ---------------------------------------------------------------------------------

_LINE = re.compile(r"[^\n]+")
_QUOTED = re.compile(r"\s?\w{0,4}(?:>|\|\s)")
_SIGNATURE_MARK = re.compile(r"--\s?")
_MAX_SIGNATURE_LINES = 10
# `[12:30] Ann: …`, `<Ann> …`, `Ann: …`
_TURN = re.compile(
    r"(?:[\[(]?[\d:., /apmAPM-]{4,22}[\])]?\s-?\s?)?"
    r"(?:<(?P<nick>[^<>\n]{1,30})>|(?P<name>[^\W\d_][^:：<>\[\]\n.!?。！？,]{0,29})[:：])"
)
_MIN_TURNS, _MIN_TURN_SHARE = 4, 0.6
_HEADER = re.compile(r"[*_]?[^\W\d_][\w-]{1,15}[*_]?\s?[:：]\s?\S")
_MIN_HEADER_LINES = 3


def _foreign_lines(text: str, author: str) -> list[Span]:
    """Return the (start, end) of the lines that are not the author's: quotes, forwarded mail, signatures, speakers."""
    if "\n" not in text:
        return []
    lines = [match.span() for match in _LINE.finditer(text)]
    words = [text[start:end] for start, end in lines]
    foreign = [bool(_QUOTED.match(line)) for line in words]
    for at in _attributions(words, foreign):
        foreign[at] = True
    for at in _closing_lines(words):
        foreign[at] = True
    for at in _turns_of_others(words, author):
        foreign[at] = True
    return [line for line, is_foreign in zip(lines, foreign, strict=True) if is_foreign]


def _attributions(lines: Sequence[str], quoted: Sequence[bool]) -> Iterator[int]:
    """Give the lines that say whom the next ones quote: they end with a colon before a quote, or name an address."""
    for at, line in enumerate(lines):
        if line.rstrip()[-1:] not in (":", "："):
            continue
        before_quote = at + 1 < len(lines) and quoted[at + 1]
        if before_quote or _LINK.search(line):
            yield at
            # Mail programs break such a line.
            if at and not quoted[at - 1] and _LINK.search(lines[at - 1]):
                yield at - 1


def _closing_lines(lines: Sequence[str]) -> Iterator[int]:
    """Give the lines of a signature (RFC 3676, 4.3) and of a mail that is quoted whole, with its header."""
    run = 0
    for at, line in enumerate(lines):
        if _SIGNATURE_MARK.fullmatch(line) and len(lines) - at <= _MAX_SIGNATURE_LINES:
            yield from range(at, len(lines))
            return
        run = run + 1 if _HEADER.match(line) else 0
        if run == _MIN_HEADER_LINES and any(_LINK.search(each) for each in lines[at - run + 1 : at + 1]):
            yield from range(at - run + 1, len(lines))
            return


def _turns_of_others(lines: Sequence[str], author: str) -> Iterator[int]:
    """Give the lines of a transcript that its author did not speak.

    A transcript has a speaker's name before most lines, and two names that come back.
    """
    turns = [
        (match["nick"] or match["name"]).strip().casefold() if (match := _TURN.match(line)) else "" for line in lines
    ]
    counts = Counter(filter(None, turns))
    if counts.total() < max(_MIN_TURNS, _MIN_TURN_SHARE * len(lines)) or sum(n > 1 for n in counts.values()) < 2:
        return
    speaker = ""
    for at, name in enumerate(turns):
        speaker = name or speaker
        if speaker != author.strip().casefold():
            yield at


def _speaker(line: str) -> str:
    match = _TURN.match(line)
    return (match["nick"] or match["name"]).strip().casefold() if match else ""
