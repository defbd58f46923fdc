"""Lists of words that make a phrase none, or a worse one; all but two can be edited in `generic.toml`."""

from __future__ import annotations

import tomllib
from functools import cache

from profilegen.language.words import stem
from profilegen.resources import prompts_dir

# Words after one of these in a title say whom or what an item is for, not what it is.
_PREPOSITIONS = ("for", "with", "by", "in", "to", "from", "of", "on", "at", "as", "without")
SIDE_WORDS = frozenset((*_PREPOSITIONS, "compatible", "designed", "fits", "replacement"))

_NAMES_WITH_DIGIT = frozenset(["2d", "3d", "4d", "4k", "8k", "4g", "5g"])


@cache
def judging(language: str) -> frozenset[str]:
    """Return the stems of the words that judge: a phrase with one says what is thought, not what is liked.

    :param language: ISO 639-1 code.
    """
    return _listed("judging", language)


@cache
def generic(language: str) -> frozenset[str]:
    """Return the stems of the words that name no interest by themselves.

    :param language: ISO 639-1 code.
    """
    return _listed("generic", language)


@cache
def not_first(language: str) -> frozenset[str]:
    """Return the stems of the words that no interest begins with: "real milk chocolate" is milk chocolate.

    :param language: ISO 639-1 code.
    """
    return _listed("not_first", language)


@cache
def not_last(language: str) -> frozenset[str]:
    """Return the stems of the words that no interest ends with: "gel polish colors" is gel polish.

    :param language: ISO 639-1 code.
    """
    return _listed("not_last", language)


@cache
def mass(language: str) -> frozenset[str]:
    """Return the stems of the nouns that are not counted.

    :param language: ISO 639-1 code.
    """
    return _listed("mass", language)


@cache
def units(language: str) -> frozenset[str]:
    """Return the words that measure, as they are written: "yards" does, a yard may be a garden.

    :param language: ISO 639-1 code.
    """
    return frozenset(_words_of("units", language))


def _listed(name: str, language: str) -> frozenset[str]:
    return frozenset(stem(word, language) for word in _words_of(name, language))


def _words_of(name: str, language: str) -> list[str]:
    lists = tomllib.loads((prompts_dir() / "generic.toml").read_text(encoding="utf-8"))
    words: str = lists.get(name, {}).get(language, "")
    return words.split()


def is_code(word: str) -> bool:
    """Tell whether a word is the number of a model (ip8720, u6), and not a name with a digit (4k, 3d).

    :param word: in small letters.
    """
    return any(map(str.isdigit, word)) and word not in _NAMES_WITH_DIGIT


def is_measure(word: str, language: str) -> bool:
    """Tell whether a word is a number, an amount (12, 1.5oz, 16th) or a unit, and not a name with a digit (4k, 3d).

    :param word: in any case, not empty.
    :param language: ISO 639-1 code.
    """
    folded = word.casefold()
    return (word[0].isdigit() and folded not in _NAMES_WITH_DIGIT) or folded in units(language)
