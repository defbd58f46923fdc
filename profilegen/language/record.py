"""What the rest of the code has to know of a language, as one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _unchanged(word: str) -> str:
    return word


@dataclass(frozen=True)
class Language:
    """A language. Only `code` and `name` are needed; the defaults hold for a language without code of its own.

    The functions may be called by several threads at once.

    :param code: its ISO 639-1 code, such as `en`.
    :param name: its name in English.
    :param stem: returns what the inflected forms of a word in small letters have in common.
    :param segment: splits a text into all its words and marks; None for a language whose words are separated by spaces.
    :param comma: separates the items of a list.
    :param colon: separates a name from what explains it.
    """

    code: str
    name: str
    stem: Callable[[str], str] = _unchanged
    segment: Callable[[str], list[str]] | None = None
    comma: str = ", "
    colon: str = ": "

    @property
    def is_spaced(self) -> bool:
        """Whether words are separated by spaces."""
        return self.segment is None
