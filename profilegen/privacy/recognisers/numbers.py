"""Runs of digits and what separates them, which phones, cards and ids are looked for in; and the words before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from profilegen.privacy.found import PLACEHOLDER
from profilegen.privacy.hint import Hint

MIN_DIGITS = 7

SEPARATORS = r"[ \t\u00a0.()/·•‐-–—\-]"
HINT = Hint(patterns=(re.compile(rf"\d(?:{SEPARATORS}{{0,3}}\d){{{MIN_DIGITS - 1}}}"),))

_RUN = re.compile(rf"\d(?:{SEPARATORS}{{0,3}}\d){{{MIN_DIGITS - 2},}}")
# What may stand before the first digit.
_OPENING = re.compile(r"(?:\+ ?|\+?[(（] ?\+?)\Z")
_MAX_OPENING_CHARS = 4
_GROUP = re.compile(r"\d+")
_CONTEXT_CHARS = 30
_REMAINS = re.compile(rf"{PLACEHOLDER.pattern}|\A[a-z]*\]")
# Nothing of a person's is so long; a run of more digits is a table or a row of numbers.
_MAX_GROUPS = 400


class Run(NamedTuple):
    """Digits that stand together.

    :param text: the digits with what separates them.
    :param start: where they begin in the text.
    :param before: a few characters before them, in small letters.
    :param after: the character behind them, "" at the end.
    :param groups: the positions of the groups of digits within `text`.
    """

    text: str
    start: int
    before: str
    after: str
    groups: tuple[tuple[int, int], ...]

    @property
    def digits(self) -> str:
        """The digits alone."""
        return "".join(self.text[start:end] for start, end in self.groups)

    @property
    def end(self) -> int:
        """Where they end in the text."""
        return self.start + len(self.text)

    @property
    def is_glued(self) -> bool:
        """Whether Latin letters or an underscore stand right before or behind, as in the name of a thing."""
        before = self.before[-1:]
        return any(each.isascii() and (each.isalpha() or each in "_#") for each in (before, self.after) if each)

    def part(self, first: int, last: int) -> Run:
        """Return some of its groups as a run of their own.

        :param first: number of the first group.
        :param last: number of the last group.
        """
        start, end = self.groups[first][0], self.groups[last][1]
        while start and self.text[start - 1] in "+(（":
            start -= 1
        moved = tuple((low - start, high - start) for low, high in self.groups[first : last + 1])
        return Run(
            self.text[start:end],
            self.start + start,
            (self.before + self.text[:start].lower())[-_CONTEXT_CHARS:],
            self.text[end : end + 1] or self.after,
            moved,
        )


@lru_cache(maxsize=2)
def runs(text: str) -> tuple[Run, ...]:
    """Return the runs of seven digits and more.

    :param text: any text.
    """
    return tuple(_runs(text))


def _runs(text: str) -> Iterator[Run]:
    for match in _RUN.finditer(text):
        groups = tuple(group.span() for group in _GROUP.finditer(match[0]))
        if sum(end - start for start, end in groups) < MIN_DIGITS:
            continue
        opening = _OPENING.search(text, max(0, match.start() - _MAX_OPENING_CHARS), match.start())
        start = opening.start() if opening else match.start()
        moved = match.start() - start
        groups = tuple((low + moved, high + moved) for low, high in groups)
        # What was masked before says no more of this number than the digits that stood there did.
        before = _REMAINS.sub("0", text[max(0, start - _CONTEXT_CHARS) : start].lower())
        whole = Run(text[start : match.end()], start, before, text[match.end() : match.end() + 1], groups)
        for first in range(0, len(groups), _MAX_GROUPS):
            yield whole.part(first, min(first + _MAX_GROUPS, len(groups)) - 1) if len(groups) > _MAX_GROUPS else whole


def windows(run: Run, least: int, most: int, max_groups: int) -> Iterator[Run]:
    """Yield the parts of a run that have a number of digits: from the left, and the longest first.

    :param run: some digits.
    :param least: the fewest digits of a part.
    :param most: the most digits.
    :param max_groups: the most groups of a part.
    """
    sizes = [end - start for start, end in run.groups]
    breaks = [_is_break(run, at) for at in range(len(sizes) + 1)]
    for first in range(len(sizes)):
        total, fitting = 0, []
        for last in range(first, min(first + max_groups, len(sizes)) if breaks[first] else first):
            total += sizes[last]
            if total > most:
                break
            if total >= least and breaks[last + 1]:
                fitting.append(last)
        for last in reversed(fitting):
            yield run if last - first + 1 == len(sizes) else run.part(first, last)


def _is_break(run: Run, at: int) -> bool:
    """Return whether a number may end before a group: at a space, or where a slash stands between long numbers."""
    if at in (0, len(run.groups)):
        return True
    (before, end), (start, after) = run.groups[at - 1], run.groups[at]
    gap = run.text[end:start]
    return any(map(str.isspace, gap)) or (gap == "/" and min(end - before, after - start) >= MIN_DIGITS)
