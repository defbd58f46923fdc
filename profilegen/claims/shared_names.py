"""Names that claims of several users share who say the same, so that people can be counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from profilegen.claims.consolidation import SAME
from profilegen.language.cleaning import fold
from profilegen.vectors import Vectors, unit_rows

_CHUNK = 512
# Names of one kind, stance and language; claims that come later and are near none of them keep their own words. So the
# time grows in proportion to the claims: 40,000 of 384 dimensions, with 5,000 names, take 7 s of a core.
_MAX_NAMES = 20_000
_SAMPLE = 4_096

Numbers = npt.NDArray[np.int64]


class Wording(NamedTuple):
    """One wording of a claim and the number of users who have it."""

    kind: str
    stance: str
    language: str
    text: str
    users: int


def shared_names(wordings: Sequence[Wording], vectors: Vectors, centre: Vectors) -> list[str]:
    """Return a name for each wording: the text of that wording, most usual or most central, that says the same.

    Wordings of one kind, stance and language are clustered greedily: in order of their users and near neighbours, each
    takes the name that it is nearest to, or becomes a name itself. The order of the wordings does not matter.

    :param wordings: distinct ones.
    :param vectors: (n_wordings, n_dims) float32, rows L2-normalised: vectors of the claims as predicates.
    :param centre: (n_dims,) float32, `SpecialSubjects.centre`.
    """
    groups: dict[tuple[str, str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for at, wording in enumerate(wordings):
        groups[wording.kind, wording.stance, wording.language][fold(wording.text)].append(at)
    names = [""] * len(wordings)
    for spellings in groups.values():
        same = [min(places, key=lambda at: (-wordings[at].users, wordings[at].text)) for places in spellings.values()]
        users = {at: sum(wordings[place].users for place in spellings[fold(wordings[at].text)]) for at in same}
        same.sort(key=lambda at: (-users[at], len(wordings[at].text), wordings[at].text))
        rows = unit_rows(vectors[same] - centre)
        order = _order(rows, np.array([users[at] for at in same], np.float32))
        for row, leader in zip(order, _leaders(rows[order]), strict=True):
            for place in spellings[fold(wordings[same[row]].text)]:
                names[place] = wordings[same[order[leader]]].text
    return names


def _order(rows: Vectors, users: npt.NDArray[np.float32]) -> Numbers:
    """Return the rows, those of most users first, then those with the most near neighbours in a sample."""
    sample = np.arange(0, len(rows), max(len(rows) // _SAMPLE, 1))
    neighbours = np.concatenate(
        [
            (rows[start : start + _CHUNK] @ rows[sample].T >= SAME) @ users[sample]
            for start in range(0, len(rows), _CHUNK)
        ]
    )
    return np.lexsort((np.arange(len(rows)), -neighbours, -users))


def _leaders(rows: Vectors) -> Numbers:
    """Return, for each row, the position of the row that it is named after, perhaps itself."""
    leader_of = np.arange(len(rows))
    leaders: list[int] = []
    heads = np.empty((min(_MAX_NAMES, len(rows)), rows.shape[1]), np.float32)
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        free = np.ones(len(chunk), bool)
        if leaders:
            cosines = chunk @ heads[: len(leaders)].T
            best = cosines.argmax(axis=1)
            free = cosines[np.arange(len(chunk)), best] < SAME
            leader_of[start : start + len(chunk)][~free] = np.array(leaders)[best[~free]]
        for at in np.flatnonzero(free):
            if not free[at] or len(leaders) == _MAX_NAMES:
                continue
            followers = free & (chunk @ chunk[at] >= SAME)
            followers[at] = True
            followers[:at] = False
            leader_of[start : start + len(chunk)][followers] = start + at
            free &= ~followers
            heads[len(leaders)] = chunk[at]
            leaders.append(start + int(at))
    return leader_of
