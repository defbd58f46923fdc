"""The result of an evaluation, as records."""

from __future__ import annotations

from pydantic import Field

from profilegen.records import Record


class Figure(Record):
    """A measured value with the bounds of its 95% bootstrap interval, over `n` of what `unit` names.

    `chance` is the value that chance gives on the same store, as docs/evaluation.md defines it for each figure; None
    where there is none. `check` is True where the code of a build makes the value what it is, so that another value is
    a fault of profilegen and the value itself says nothing about quality.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    unit: str = "users"
    chance: float | None = None
    check: bool = False


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
    """How one question was answered: the share of the first ten users that carry a label that answers it."""

    query: str
    p10: float
    ndcg10: float


class Evaluation(Record):
    """Everything that was measured of a store at one `revision`."""

    store: str
    revision: str
    embedder: str
    writers: dict[str, int]
    users: int
    documents: int
    figures: tuple[Figure, ...]
    left_out: tuple[LeftOut, ...] = ()
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
