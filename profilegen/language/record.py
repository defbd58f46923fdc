"""What the rest of the code has to know of a language, as one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _unchanged(word: str) -> str:
    return word


def _no_tags(word: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Language:
    """A language. Only `code` and `name` are needed; the defaults hold for a language without code of its own.

    The functions may be called by several threads at once.

    :param code: its ISO 639-1 code, such as `en`.
    :param name: its name in English.
    :param stem: returns what the inflected forms of a word in small letters have in common.
    :param segment: splits a text into all its words and marks, each with a part of speech in the tags of jieba
        (`n` noun, `nr` person, `ns` place, `nt` organisation, `v` verb, `a` adjective …); None for a language whose
        words are separated by spaces.
    :param parts_of_speech: returns the likely parts of speech of a word in small letters, the likeliest first, in the
        tags of the British National Corpus (`NN1` noun, `NN2` noun in the plural, `NP0` name, `AJ0` adjective, `VVG`
        verb in -ing …); () where nothing is known.
    :param comma: separates the items of a list.
    :param colon: separates a name from what explains it.
    :param parentheses: a format that puts a text into parentheses, after another text.
    :param others: the name of a group whose members have little in common.
    """

    code: str
    name: str
    stem: Callable[[str], str] = _unchanged
    segment: Callable[[str], list[tuple[str, str]]] | None = None
    parts_of_speech: Callable[[str], tuple[str, ...]] = _no_tags
    comma: str = ", "
    colon: str = ": "
    parentheses: str = " ({})"
    others: str = "Others"

    @property
    def is_spaced(self) -> bool:
        """Whether words are separated by spaces."""
        return self.segment is None
