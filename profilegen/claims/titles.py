"""What a title says of its thing beside the phrase that names it: which one it is, what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from profilegen.claims.word_lists import SIDE_WORDS, is_code
from profilegen.language.cleaning import fold
from profilegen.language.registry import language_of
from profilegen.language.words import Key, parts_of_speech, stem

# In a title, what comes after one of these is beside its name, which has so many words before what it names at most.
_TITLE_ENDS = re.compile(r"\s[-–—|/]\s|\s*[,:;(\[{]")
_MAX_CALLED = 3
# The name of a model: so many words at most, each up to a mark.
_MAX_MODEL = 4
_NAME_PART = re.compile(r"\w[^\s(/,.:|\[\]{}&]*")


def modifier(title: str, key: Key, language: str) -> str | None:
    """Return what stands before a phrase in a short title that ends with it, or None: Red Robin of a gift card.

    The words before a thing in a title of few words are whose it is or which one; in a long title they may be anything.

    :param title: title of an item.
    :param key: key of the phrase.
    :param language: ISO 639-1 code of the title's language.
    """
    if not language_of(language).is_spaced:
        return None
    name = _TITLE_ENDS.split(title, maxsplit=1)[0].split()
    words = list(takewhile(lambda word: fold(word) not in SIDE_WORDS, name))
    words = [word for word in words if not any(map(str.isdigit, word))]
    before, ending = words[: -len(key)], words[-len(key) :]
    if not 1 <= len(before) <= _MAX_CALLED or tuple(stem(fold(word), language) for word in ending) != key:
        return None
    return " ".join(before)


def compatible_model(title: str, phrase: str, key: Key, language: str) -> str | None:
    """Return the model of what an English title says its thing is for, or None: iPhone 13 of a case for one.

    :param title: title of an item.
    :param phrase: name of the item's kind; one with a proper name in it is for no model.
    :param key: key of the phrase.
    :param language: ISO 639-1 code of the title's language.
    """
    words = title.split() if language == "en" else []
    for at, word in enumerate(words):
        if fold(word) == "for" or (fold(word) == "with" and at and fold(words[at - 1]) == "compatible"):
            name = list(_name_of_model(words[at + 1 : at + 1 + _MAX_MODEL], key))
            rest = [stem(fold(part), language) for part in (*words[:at], *words[at + 1 + len(name) :])]
            if key[-1] in rest and _is_model(name) and not any(map(_is_proper, phrase.split())):
                return " ".join(name)
    return None


def _name_of_model(words: Sequence[str], key: Key) -> Iterator[str]:
    """Give words until one is not written like a part of a name, is in the plural, or belongs to the thing itself."""
    for word in words:
        part = _NAME_PART.match(word)
        if not part or part.group().islower() or stem(fold(part.group()), "en") in key:
            return
        if parts_of_speech(fold(part.group()), "en")[:1] == ("NN2",):
            return
        yield part.group()
        if part.group() != word:
            return


def _is_model(name: Sequence[str]) -> bool:
    """Tell whether words name a model: by a letter before a digit (S21), a capital inside (iPhone), a maker."""
    if not name or name[0][0].isdigit():
        return False
    numbered = any(word[0].isdigit() for word in name) and _is_proper(name[0])
    return numbered or any(_is_mixed(word) or (word[0].isalpha() and is_code(word)) for word in name)


def _is_proper(word: str) -> bool:
    """Tell whether a word is a name and no acronym: of a maker, or one with a capital inside."""
    return not word.isupper() and (_is_mixed(word) or parts_of_speech(fold(word), "en")[:1] == ("NP0",))


def _is_mixed(word: str) -> bool:
    return word.isalpha() and not word.isupper() and any(map(str.isupper, word[1:]))
