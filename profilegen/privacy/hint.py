"""A cheap look at a text that says whether a recogniser may find anything in it."""

from __future__ import annotations

import re
from typing import NamedTuple

_DIGIT = re.compile(r"\d")


def words(text: str) -> tuple[str, ...]:
    """Return the words of a list that is written as a text.

    :param text: words with spaces and line breaks between them.
    """
    return tuple(text.split())


class Hint(NamedTuple):
    """What a text has in which a recogniser finds something.

    :param words: one of these parts of words, in small letters; plain parts are found ten times as fast as by patterns.
    :param patterns: or one of these; quick are those that begin with a rare character.
    :param digit: whether a digit is needed too.
    """

    words: tuple[str, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()
    digit: bool = False

    def is_in(self, text: str, lowered: str) -> bool:
        """Return whether a text has any of it.

        :param text: the text.
        :param lowered: the text in small letters.
        """
        if self.digit and not _DIGIT.search(text):
            return False
        return any(word in lowered for word in self.words) or any(each.search(text) for each in self.patterns)
