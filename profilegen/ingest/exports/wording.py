"""What a program writes around names in every language: `Watched NAME`, `„NAME“ angesehen`, learned from examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

# Fewer names may begin alike by chance.
_MIN_TITLES = 8
# Share of the titles that have the first word of the wording, and of those the share that has its other words.
_MIN_SHARE, _MIN_AGREEMENT = 0.5, 0.9


class Wording(NamedTuple):
    """What stands before a name and behind it."""

    before: str = ""
    behind: str = ""

    def name_in(self, title: str) -> str | None:
        """Return the name, None where the title is worded otherwise.

        :param title: as the program writes it.
        """
        if len(title) <= len(self.before) + len(self.behind):
            return None
        if not (title.startswith(self.before) and title.endswith(self.behind)):
            return None
        return title[len(self.before) : len(title) - len(self.behind)].strip() or None


def learn_wording(titles: Iterable[str]) -> Wording:
    """Return what most titles have around names that differ; nothing where that cannot be told.

    :param titles: of one kind of action.
    """
    known = sorted(set(titles))
    if len(known) < _MIN_TITLES:
        return Wording()
    before = _common_start(known, _MIN_SHARE)
    if before:
        known = [title for title in known if title.startswith(before)]
    behind = _common_start([title[::-1] for title in known], _MIN_AGREEMENT if before else _MIN_SHARE)[::-1]
    return Wording(before, behind)


def _common_start(titles: list[str], min_share: float) -> str:
    """Return how enough titles begin: whole words, in scripts that have capitals and so spaces between words."""
    start = ""
    needed = len(titles) * min_share
    while titles:
        following, count = Counter(title[len(start) : len(start) + 1] for title in titles).most_common(1)[0]
        if count < needed or not following:
            break
        start += following
        titles = [title for title in titles if title.startswith(start)]
        if not _is_within_word(following):
            needed = max(needed, len(titles) * _MIN_AGREEMENT)
    while start and _is_within_word(start[-1]):
        start = start[:-1]
    return start


def _is_within_word(char: str) -> bool:
    return char.isdigit() or char.lower() != char.upper()
