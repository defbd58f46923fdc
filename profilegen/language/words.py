"""The words of a text: split, stemmed, with parts of speech. What depends on the language is in its record."""

from __future__ import annotations

from functools import cache, lru_cache

from profilegen.language.registry import language_of

Key = tuple[str, ...]
"""The stems of a phrase's words."""

# Words that are remembered: eight times those of 3,000 reviews (24,000), in about 60 MB when full.
_CACHE_SIZE = 200_000
# Nouns of two letters; others are remnants ("re", "st").
_SHORT_NOUNS = frozenset(["tv", "cd"])
_NAME_TAGS = frozenset(["ns", "nt"])


def tagged_words(text: str, language: str) -> list[tuple[str, str]]:
    """Return the words and marks of a text, each with its part of speech as `Language.segment` has it.

    :param text: a text, or a part of one.
    :param language: the code of its language; where spaces separate words, the part of speech is "".
    """
    segment = language_of(language).segment
    return segment(text) if segment else [(word, "") for word in text.split()]


@lru_cache(maxsize=_CACHE_SIZE)
def stem(word: str, language: str) -> str:
    """Return what the inflected forms of a word have in common; in a language without stemmer, the word.

    :param word: one word in small letters.
    :param language: the code of its language.
    """
    return language_of(language).stem(word)


@lru_cache(maxsize=_CACHE_SIZE)
def parts_of_speech(word: str, language: str) -> tuple[str, ...]:
    """Return the likely parts of speech of a word by itself, the likeliest first; () where nothing is known.

    :param word: one word in small letters.
    :param language: the code of its language.
    """
    return language_of(language).parts_of_speech(word)


@cache
def function_words(language: str) -> frozenset[str]:
    """Return the words of a language that have no meaning by themselves, such as articles and pronouns.

    Published lists of them hold nouns too ("case", "mug", "novel", "computer"); those are left out.

    :param language: its code; of a language without a list there are none.
    """
    from stop_words import StopWordError, get_stop_words

    try:
        words = frozenset(get_stop_words(language))
    except StopWordError:
        return frozenset()
    return frozenset(word for word in words if not is_common_noun(word, language))


def is_common_noun(word: str, language: str) -> bool:
    """Return whether a word is first of all a common noun; one of two letters mostly is not.

    :param word: one word in small letters.
    :param language: the code of its language.
    """
    common = parts_of_speech(word, language)[:1] in (("NN1",), ("NN2",))
    return common and (len(word) > 2 or word in _SHORT_NOUNS)


def may_be_noun(word: str, language: str) -> bool:
    """Return whether a word can be a noun or a name; True where nothing is known of it.

    :param word: one word, in capitals or not.
    :param language: the code of its language.
    """
    tags = parts_of_speech(word.casefold(), language)
    return not tags or any(tag.startswith(("NN", "NP")) for tag in tags)


def is_nominal(word: str, language: str) -> bool:
    """Return whether a word of running text is first of all a noun, a name or an adjective; True where unknown.

    :param word: one word, in capitals or not.
    :param language: the code of its language.
    """
    if "'" in word:
        return False
    tags = parts_of_speech(word.casefold(), language)
    return not tags or tags[0].startswith(("NN", "NP", "AJ"))


def has_name(phrase: str, language: str) -> bool:
    """Return whether a word of a phrase is a name: of a brand, a person, a place.

    :param phrase: one or more words.
    :param language: the code of its language.
    """
    if not language_of(language).is_spaced:
        return any(tag in _NAME_TAGS for _, tag in tagged_words(phrase, language))
    return any(parts_of_speech(word.casefold(), language)[:1] == ("NP0",) for word in phrase.split())
