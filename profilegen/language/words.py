"""Single words: what inflected forms share, parts of speech, and lists of words that count for less."""

from __future__ import annotations

import tomllib
from functools import cache, lru_cache
from typing import Any

from profilegen.resources import prompts_dir

Key = tuple[str, ...]
"""The stems of a phrase's words."""

NO_SPACES = frozenset(("zh",))
"""Languages that are written without spaces between words."""

# Words after one of these in a title say whom or what an item is for, not what it is.
_PREPOSITIONS = ("for", "with", "by", "in", "to", "from", "of", "on", "at", "as", "without")
SIDE_WORDS = frozenset((*_PREPOSITIONS, "compatible", "designed", "fits", "replacement"))

_MAX_WORD = 30
# Tags of HanTa within this log-probability of a word's best one count as possible.
_TAG_MARGIN = 3.0
# Below this log-probability HanTa is guessing from a word's letters.
_UNKNOWN = -25.0
_NAMES_WITH_DIGIT = frozenset(["2d", "3d", "4d", "4k", "8k", "4g", "5g"])
_SHORT_NOUNS = frozenset(["tv", "cd"])
_NAME_TAGS = frozenset(["ns", "nt"])
_LANGUAGE_NAMES = {
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}


@cache
def judging(language: str) -> frozenset[str]:
    """Return the stems of the words that judge: a phrase with one says what is thought, not what is liked."""
    return _listed("judging", language)


@cache
def generic(language: str) -> frozenset[str]:
    """Return the stems of the words that name no interest by themselves."""
    return _listed("generic", language)


@cache
def not_first(language: str) -> frozenset[str]:
    """Return the stems of the words that no interest begins with: "real milk chocolate" is milk chocolate."""
    return _listed("not_first", language)


@cache
def not_last(language: str) -> frozenset[str]:
    """Return the stems of the words that no interest ends with: "gel polish colors" is gel polish."""
    return _listed("not_last", language)


@cache
def mass(language: str) -> frozenset[str]:
    """Return the stems of the nouns that are not counted."""
    return _listed("mass", language)


@cache
def units(language: str) -> frozenset[str]:
    """Return the words that measure, as they are written: "yards" does, a yard may be a garden."""
    return frozenset(_words_of("units", language))


def _listed(name: str, language: str) -> frozenset[str]:
    return frozenset(stem(word, language) for word in _words_of(name, language))


def _words_of(name: str, language: str) -> list[str]:
    lists = tomllib.loads((prompts_dir() / "generic.toml").read_text(encoding="utf-8"))
    words: str = lists.get(name, {}).get(language, "")
    return words.split()


@cache
def function_words(language: str) -> frozenset[str]:
    """Return the words of a language that have no meaning by themselves.

    Lists of them hold nouns that searchers do without ("case", "mug", "novel", "computer"); those are left out.
    """
    from stop_words import StopWordError, get_stop_words

    try:
        words = frozenset(get_stop_words(language))
    except StopWordError:
        return frozenset()
    return frozenset(word for word in words if not names_a_thing(word, language))


def segmented(text: str) -> list[tuple[str, str]]:
    """Return (word, part of speech) pairs of a Chinese text."""
    import rjieba

    return list(rjieba.tag(text))


@lru_cache(maxsize=200_000)
def stem(word: str, language: str) -> str:
    """Return what the inflected forms of a word have in common; in a language without stemmer, the word."""
    stemmer = _stemmer(language)
    return str(stemmer.stemWord(word)) if stemmer else word


@cache
def _stemmer(language: str) -> Any:
    import snowballstemmer

    name = _LANGUAGE_NAMES.get(language)
    return snowballstemmer.stemmer(name) if name else None


@lru_cache(maxsize=200_000)
def parts_of_speech(word: str, language: str) -> tuple[str, ...]:
    """Return the likely parts of speech of a word by itself, the likeliest first; () where nothing is known.

    A word that the dictionary does not hold is a name: ("NP0",).
    """
    tagger = _tagger(language)
    if tagger is None or not word.isascii():
        return ()
    if len(word) > _MAX_WORD:  # No word; the tagger's work grows with the square of the length.
        return ("NP0",)
    tags = tagger.tag_word(word)
    best = tags[0][1]
    if best < _UNKNOWN:
        return ("NP0",)
    return tuple(tag for tag, score in tags if score > best - _TAG_MARGIN)


@cache
def _tagger(language: str) -> Any:
    from HanTa.HanoverTagger import HanoverTagger

    return HanoverTagger("morphmodel_en.pgz") if language == "en" else None


def names_a_thing(word: str, language: str) -> bool:
    """Tell whether a word is a common noun first of all, and no remnant of two letters ("re", "st")."""
    common = parts_of_speech(word, language)[:1] in (("NN1",), ("NN2",))
    return common and (len(word) > 2 or word in _SHORT_NOUNS)


def is_noun(word: str, language: str) -> bool:
    """Tell whether a word can be a noun or a name, or nothing is known of it."""
    tags = parts_of_speech(word.casefold(), language)
    return not tags or any(tag.startswith(("NN", "NP")) for tag in tags)


def stands_in_noun_phrase(word: str, language: str) -> bool:
    """Tell whether a word of running text is a noun, a name or an adjective first of all."""
    if "'" in word:
        return False
    tags = parts_of_speech(word.casefold(), language)
    return not tags or tags[0].startswith(("NN", "NP", "AJ"))


def has_name(phrase: str, language: str) -> bool:
    """Tell whether a word of a phrase is a name: of a brand, a person, a place."""
    if language in NO_SPACES:
        return any(tag in _NAME_TAGS for _, tag in segmented(phrase))
    return any(parts_of_speech(word.casefold(), language)[:1] == ("NP0",) for word in phrase.split())


def is_code(word: str) -> bool:
    """Tell whether a word is the number of a model (ip8720, u6), and not a name with a digit (4k, 3d)."""
    return any(map(str.isdigit, word)) and word not in _NAMES_WITH_DIGIT


def is_measure(word: str, language: str) -> bool:
    """Tell whether a word is a number, an amount (12, 1.5oz, 16th) or a unit, and not a name with a digit (4k, 3d)."""
    folded = word.casefold()
    return (word[0].isdigit() and folded not in _NAMES_WITH_DIGIT) or folded in units(language)
