"""The words of a text in any script, and an estimate of the tokens that a language model reads it in."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import groupby

# Scripts without blanks between words. Ideographs and kana are units of their own; the letters of the scripts of
# South East Asia are not.
IDEOGRAPHS = "\u2e80-\u303b\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U000323af"
_UNSPACED_ALPHABETS = "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"
# The last combining mark is a variation selector of plane 14; those of living scripts are in the first two planes.
_LAST_MARK = 0x1FFFF
_IDEOGRAPH_GRAM, _ALPHABET_GRAM = 2, 4
# Characters a token, by SmolLM2's and Qwen2.5's tokenizers on 20,000 characters a language: 3.6 to 4.7 in ASCII. A
# character of two bytes takes 0.4 (Arabic, Cyrillic) to 0.8 tokens (Greek), one of three 0.5 (Thai) to 1 (Hindi).
_ASCII_CHARS, _OTHER_BYTES = 3.7, 4.0


def words(text: str) -> list[str]:
    """Return the words of a text in small letters, with their combining marks and without punctuation.

    Where no blanks separate words, overlapping runs of two ideographs or four letters stand for them.

    :param text: in any language.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [part for word in _word_pattern().findall(text.casefold()) for part in _parts(word)]


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has for a language model of many languages.

    :param text: in any language.
    """
    n_bytes = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    # Of n characters with b bytes, those that are not ASCII have two bytes or more; their number is exact only where
    # all have equally many, so it is counted.
    n_ascii = n_bytes if n_bytes == len(text) else len(_NOT_ASCII.sub("", text))
    return round(n_ascii / _ASCII_CHARS + (n_bytes - n_ascii) / _OTHER_BYTES)


def count_word_chars(text: str) -> int:
    """Return how many characters of a text belong to words, without digits.

    :param text: in any language.
    """
    letters = _ASCII_LETTERS if text.isascii() else _letter_pattern()
    return sum(map(len, letters.findall(text)))


def is_in_word(text: str, at: int) -> bool:
    """Return whether a cut at a position would go through a word or a character with its marks.

    Ideographs and kana may be parted; between letters that no blank separates a word may go on.

    :param text: in any language.
    :param at: position in the text; the cut is before its character.
    """
    if not 0 < at < len(text):
        return False
    around = text[at - 1 : at + 1]
    return is_in_grapheme(text, at) or (bool(_word_pattern().fullmatch(around)) and not _IDEOGRAPH.search(around))


def is_in_grapheme(text: str, at: int) -> bool:
    """Return whether a cut at a position would part a character from its marks or from what a joiner joins to it.

    :param text: in any language.
    :param at: position in the text; the cut is before its character.
    """
    if not 0 < at < len(text):
        return False
    # Skin tones of emoji are modifier symbols, Sk.
    joins = text[at] in "\u200c\u200d" or unicodedata.category(text[at]) in ("Mn", "Mc", "Me", "Sk")
    return joins or text[at - 1] == "\u200d"


_ASCII_WORD = re.compile(r"\w+", re.ASCII)
_ASCII_LETTERS = re.compile("[A-Za-z]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_RUNS = re.compile(f"[{IDEOGRAPHS}]+|[{_UNSPACED_ALPHABETS}]+|[^{IDEOGRAPHS}{_UNSPACED_ALPHABETS}]+")
_UNSPACED = re.compile(f"[{IDEOGRAPHS}{_UNSPACED_ALPHABETS}]")


@cache
def _marks() -> str:
    """Return the combining marks and joiners, which are no word characters to `re`, for use in a character class."""
    runs = groupby(range(_LAST_MARK + 1), key=lambda code: unicodedata.category(chr(code))[0] == "M")
    ranges = [list(codes) for is_mark, codes in runs if is_mark]
    return "".join(f"{chr(codes[0])}-{chr(codes[-1])}" for codes in ranges) + "\u200c\u200d"


@cache
def _word_pattern() -> re.Pattern[str]:
    return re.compile(rf"[\w{_marks()}]+")


@cache
def _letter_pattern() -> re.Pattern[str]:
    return re.compile(rf"(?:[^\W\d_]|[{_marks()}])+")


def _parts(word: str) -> list[str]:
    if not _UNSPACED.search(word):
        return [word]
    parts = []
    for run in _RUNS.findall(word):
        size = _IDEOGRAPH_GRAM if _IDEOGRAPH.match(run) else _ALPHABET_GRAM if _UNSPACED.match(run) else len(run)
        parts += [run[at : at + size] for at in range(max(len(run) - size, 0) + 1)]
    return parts
