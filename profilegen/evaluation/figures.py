"""The result of an evaluation, as records."""

from __future__ import annotations

from pydantic import Field

from profilegen.records import Record


class Figure(Record):
    """A measured value, beside it what chance gives and what a plain method reaches.

    :param name: such as `claims.shown`; docs/evaluation.md defines it.
    :param value: the value.
    :param low: lower bound of the 95% bootstrap interval.
    :param high: upper bound.
    :param n: number of users, or of what `unit` names, that were resampled.
    :param unit: what is resampled, in the plural.
    :param chance: the value that the store has where users are exchanged; None where that changes nothing.
    :param plain: the value that a plain method reaches on the same users; None where none does the same.
    :param chosen_on: which data something that the figure depends on was chosen on; empty if on none.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    unit: str = "users"
    chance: float | None = None
    plain: float | None = None
    chosen_on: str = ""


class LeftOut(Record):
    """A figure that could not be computed, and why."""

    name: str
    reason: str


class SegmentFigures(Record):
    """Figures of one segment. `stability` is the mean Jaccard index with its nearest cluster of each new clustering.

    `label` is the most frequent label of the members, `purity` the share of labelled members who have it, and
    `nearest_label` the label whose text is nearest to the name and summary of the segment.
    """

    id: str
    name: str
    size: int
    assigned: int
    stability: float | None = None
    label: str | None = None
    purity: float | None = None
    nearest_label: str | None = None


class QuestionFigures(Record):
    """How one question was answered: the share of the first ten users that carry a label that answers it.

    Of questions that fewer than ten users answer, `p10` looks at the first users of that number only.
    """

    query: str
    p10: float
    ndcg10: float


class SupportBin(Record):
    """The claims whose support lies between two bounds: their number, mean support, and the share that is true."""

    low: float
    high: float
    claims: int
    support: float
    true: float


class Evaluation(Record):
    """Everything that was measured of a store at one `revision`."""

    store: str
    revision: str
    embedder: str
    writers: dict[str, int]
    judge: str | None = None
    users: int
    documents: int
    figures: tuple[Figure, ...]
    left_out: tuple[LeftOut, ...] = ()
    reliability: tuple[SupportBin, ...] = ()
    segments: tuple[SegmentFigures, ...] = ()
    questions: tuple[QuestionFigures, ...] = ()
    seconds: float = Field(ge=0)

    def figure(self, name: str) -> Figure:
        """Return a figure by its name.

        :param name: such as `identify.hit1`.
        :raises KeyError: the evaluation has no such figure.
        """
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)


Measured = Figure | LeftOut
