"""What is measured: figures of several rounds, their medians, and ratios taken round by round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from typing import Any


@dataclass(frozen=True)
class Measure:
    """One figure, a value a round. `name` is the row it belongs to and who did it, parted by a dot."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass(frozen=True)
class Ratio:
    """How many times as good one is as another, a value a round; `wanted` is what is aimed at."""

    name: str
    values: tuple[float, ...]
    wanted: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass
class Section:
    """The figures of one benchmark, and in a few words what was done."""

    about: str
    measures: list[Measure] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, unit: str, values: Sequence[float]) -> Measure:
        measure = Measure(name, unit, tuple(round(value, 4) for value in values))
        self.measures.append(measure)
        return measure

    def compare(self, ours: Measure, theirs: Measure, wanted: float | None = None) -> None:
        """Add how many times as good ours is: of seconds less is better, of everything else more."""
        pairs = zip(ours.values, theirs.values, strict=True)
        less_is_better = ours.unit in ("s", "ms")
        values = tuple(round(b / a if less_is_better else a / b, 3) for a, b in pairs)
        self.ratios.append(Ratio(f"{ours.name} : {theirs.name}", values, wanted))

    def as_json(self) -> dict[str, Any]:
        return {
            "about": self.about,
            "measures": [asdict(measure) | {"median": measure.median} for measure in self.measures],
            "ratios": [asdict(ratio) | {"median": ratio.median} for ratio in self.ratios],
            "facts": self.facts,
        }


class Contestant:
    """A process that loads something once and does a job each time it is called.

    Each has a process of its own, so that no library's threads or copies of ggml meet another's.

    :param load: called in the process with `arguments`, returns the function that does a job; importable by name.
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
    """Give every contestant the first job, then every one the second, so that a slow moment meets all alike."""
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
