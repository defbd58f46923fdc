"""Figures of several rounds, their medians, and ratios taken round by round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from typing import Any


@dataclass(frozen=True)
class Measure:
    """One figure, a value a round.

    :param name: row of the benchmark and what was measured, joined with dots.
    :param unit: unit of the values.
    :param values: one value a round.
    """

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)


@dataclass(frozen=True)
class Ratio:
    """How many times as good one measure is as another.

    :param name: names of the two measures.
    :param values: one ratio a round.
    :param target: the aim, if there is one.
    """

    name: str
    values: tuple[float, ...]
    target: float | None = None

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)


@dataclass
class Section:
    """The figures of one row.

    :param about: what was measured, in a few words.
    :param measures: the figures.
    :param ratios: comparisons of measures of the same job.
    :param facts: further results, by what they are.
    """

    about: str
    measures: list[Measure] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, unit: str, values: Sequence[float]) -> Measure:
        """Add a measure and return it.

        :param name: row of the benchmark and what was measured, joined with dots.
        :param unit: unit of the values.
        :param values: one value a round.
        """
        measure = Measure(name, unit, tuple(round(value, 4) for value in values))
        self.measures.append(measure)
        return measure

    def compare(self, ours: Measure, theirs: Measure, target: float | None = None) -> None:
        """Add how many times as good ours is: of seconds less is better, of everything else more.

        :param ours: measure of profilegen.
        :param theirs: measure of the other, over the same rounds and of the same job.
        :param target: the aim, if there is one.
        """
        pairs = zip(ours.values, theirs.values, strict=True)
        less_is_better = ours.unit in ("s", "ms")
        values = tuple(round(b / a if less_is_better else a / b, 3) for a, b in pairs)
        self.ratios.append(Ratio(f"{ours.name} : {theirs.name}", values, target))

    def as_json(self) -> dict[str, Any]:
        """Return the section for a JSON file, medians included."""
        return {
            "about": self.about,
            "measures": [asdict(measure) | {"median": measure.median} for measure in self.measures],
            "ratios": [asdict(ratio) | {"median": ratio.median} for ratio in self.ratios],
            "facts": self.facts,
        }


class Contestant:
    """A process that loads something once and does a job each time it is called.

    Each has its own process, so that neither threads nor copies of ggml of two libraries meet.

    :param load: called in the process, returns the function that does a job; importable by name.
    :param arguments: arguments of `load`.
    """

    def __init__(self, load: Callable[..., Callable[[Any], Any]], *arguments: Any) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _load, (load, arguments))

    def __enter__(self) -> Contestant:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def __call__(self, job: Any) -> Any:
        return self._pool.submit(_work, job).result()


def in_turn(contestants: Mapping[str, Callable[[Any], Any]], jobs: Sequence[Any]) -> dict[str, list[Any]]:
    """Give each contestant the first job, then each the second, so that a slow moment affects all of them.

    :param contestants: functions of a job, by name.
    :param jobs: one job a round.
    :return: the answers of each contestant, one a round.
    """
    answers: dict[str, list[Any]] = {name: [] for name in contestants}
    for job in jobs:
        for name, contestant in contestants.items():
            answers[name].append(contestant(job))
    return answers


_loaded: Callable[[Any], Any] | None = None


def _load(load: Callable[..., Callable[[Any], Any]], arguments: tuple[Any, ...]) -> None:
    global _loaded
    _loaded = load(*arguments)


def _work(job: Any) -> Any:
    assert _loaded is not None
    return _loaded(job)
