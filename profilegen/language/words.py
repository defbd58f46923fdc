"""The words of a text. What depends on the language is in its record."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from profilegen.language.cleaning import fold
from profilegen.language.registry import language_of

# Words that are remembered: eight times those of 3,000 reviews (24,000), in about 60 MB when full.
_CACHE_SIZE = 200_000
# A word, with apostrophes and hyphens inside it.
_WORD = re.compile(r"[^\W_]+(?:['’.\-&+][^\W_]+)*")


def content_stems(text: str, language: str) -> frozenset[str]:
    """Return the stems of the words of a text that carry meaning.

    :param text: any text.
    :param language: ISO 639-1 code of the text.
    """
    folded = fold(text)
    words = _WORD.findall(folded) if language_of(language).is_spaced else split_words(folded, language)
    return frozenset(stem(word, language) for word in words if word not in function_words(language))


def split_words(text: str, language: str) -> list[str]:
    """Return the words and marks of a text, those of a spaced language as they stand between the blanks.

    :param text: a text, or a part of one.
    :param language: ISO 639-1 code of the text.
    """
    segment = language_of(language).segment
    return segment(text) if segment else text.split()


@lru_cache(maxsize=_CACHE_SIZE)
def stem(word: str, language: str) -> str:
    """Return what the inflected forms of a word have in common; in a language without stemmer, the word.

    :param word: one word in small letters.
    :param language: the code of its language.
    """
    return language_of(language).stem(word)


@cache
def function_words(language: str) -> frozenset[str]:
    """Return the words of a language that have no meaning by themselves, such as articles and pronouns.

    :param language: its code; of a language without a list there are none.
    """
    from stop_words import StopWordError, get_stop_words

    try:
        return frozenset(get_stop_words(language))
    except StopWordError:
        return frozenset()
