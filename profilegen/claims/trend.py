"""The trend of a claim: whether it is lasting, recent or fading, by how its evidence lies in time.

Evidence loses half of its weight in each half-life before the newest document of the user (an exponential time
function, as Ding and Li 2005 weigh ratings, "Time Weight Collaborative Filtering"). A claim is `fading` when less than
half of its support is left so, `recent` when less than half is lost, and `lasting` when its new and its old evidence
would each support it half as well as all of it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from profilegen.claims.support import Calibration, support
from profilegen.records import Document, Evidence, Trend

HALF_LIFE_DAYS = 180
"""Default half-life of evidence."""


class Timeline(NamedTuple):
    """When a user's documents were written.

    :param days: day of each document that has one, by its id.
    :param half_life_days: after how many days evidence counts half.
    """

    days: Mapping[str, date]
    half_life_days: float = HALF_LIFE_DAYS

    @property
    def is_long(self) -> bool:
        """Whether the documents span at least one half-life; a shorter time tells nothing of what lasts."""
        days = self.days.values()
        return bool(days) and (max(days) - min(days)).days >= self.half_life_days


def timeline(documents: Sequence[Document], half_life_days: float = HALF_LIFE_DAYS) -> Timeline:
    """Return the timeline of a user.

    :param documents: all documents of the user.
    :param half_life_days: after how many days evidence counts half.
    """
    return Timeline({each.id: each.timestamp.date() for each in documents if each.timestamp}, half_life_days)


def trend(evidence: Sequence[Evidence], written: Timeline, calibration: Calibration | None = None) -> Trend | None:
    """Return the trend of a claim; None where the user wrote for less than a half-life, or no evidence has a date.

    The clock is the user's newest document and not today, so that the same documents give the same trend.

    :param evidence: all of the claim, one quote a document.
    :param written: of the user.
    :param calibration: of the verifier.
    """
    dated = [(each.verdict or 0.0, written.days[each.document]) for each in evidence if each.document in written.days]
    if not dated or not written.is_long:
        return None
    newest = max(written.days.values())
    weights = [0.5 ** ((newest - day).days / written.half_life_days) for _, day in dated]
    half = support([verdict for verdict, _ in dated], calibration) / 2
    new = support([verdict * weight for (verdict, _), weight in zip(dated, weights, strict=True)], calibration)
    old = support([verdict * (1 - weight) for (verdict, _), weight in zip(dated, weights, strict=True)], calibration)
    if new < half:
        return "fading"
    return "recent" if old < half else "lasting"
