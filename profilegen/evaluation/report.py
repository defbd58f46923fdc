"""An evaluation as a report: Markdown, and HTML with plots."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from profilegen.errors import UsageError
from profilegen.evaluation.figures import Evaluation, Figure
from profilegen.publish import pages
from profilegen.store.files import PRIVATE_DIRECTORY, make_private_file

_TEMPLATES = Path(__file__).with_name("templates")
_PAGES = ("report.md", "report.html")
_UNSTABLE = 0.6


def write_report(evaluation: Evaluation, directory: Path, *, private: bool = False) -> list[Path]:
    """Write report.md, report.html and evaluation.json.

    :param evaluation: the figures to write.
    :param directory: made where it is missing; files of these names in it are replaced.
    :param private: make what is new readable by its owner alone, as all of a store is, whatever the umask.
    :return: the paths of the files.
    :raises UsageError: the directory cannot be written.
    """
    texts = {name: render(evaluation, name) for name in _PAGES}
    texts["evaluation.json"] = evaluation.model_dump_json(indent=2) + "\n"
    try:
        directory.mkdir(mode=PRIVATE_DIRECTORY if private else 0o777, parents=True, exist_ok=True)
        for name, text in texts.items():
            if private:
                make_private_file(directory / name)
            (directory / name).write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"cannot write the report to {directory}: {error.strerror}") from None
    return [directory / name for name in texts]


def evaluation_table(evaluation: Evaluation) -> RenderableType:
    """Return the figures of a store, each with interval, chance and plain method, and what could not be measured.

    :param evaluation: of one store.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("figure", no_wrap=True)
    for name in ("value", "low", "high", "chance", "plain"):
        table.add_column(name, justify="right")
    table.add_column("over")
    for figure in evaluation.figures:
        numbers = (figure.value, figure.low, figure.high, figure.chance, figure.plain)
        table.add_row(figure.name, *map(_number, numbers), f"{figure.n:,} {figure.unit}")
    reasons: dict[str, list[str]] = {}
    for row in evaluation.left_out:
        reasons.setdefault(row.reason, []).append(row.name)
    left_out = [Text(f"left out, {reason}: {', '.join(names)}", style="dim") for reason, names in reasons.items()]
    unstable = [
        Text(f"unstable segment: {segment.name} ({segment.id}), stability {segment.stability:.2f}")
        for segment in evaluation.segments
        if segment.stability is not None and segment.stability < _UNSTABLE
    ]
    chosen: dict[str, list[str]] = {}
    for figure in evaluation.figures:
        if figure.chosen_on:
            chosen.setdefault(figure.chosen_on, []).append(figure.name)
    chosen_on = [Text(f"{', '.join(names)}: {data}", style="dim") for data, names in chosen.items()]
    return Group(table, Text(), Text("Chosen on which data:"), *chosen_on, *left_out, *unstable)


def render(evaluation: Evaluation, page: str) -> str:
    """Return the text of a report.

    :param evaluation: the figures.
    :param page: `report.md` or `report.html`.
    """
    groups: dict[str, list[Figure]] = {}
    for figure in evaluation.figures:
        groups.setdefault(figure.name.partition(".")[0], []).append(figure)
    plotted = [figure for figure in evaluation.figures if 0 <= figure.low <= figure.high <= 1]
    template = _environment().get_template(f"{page}.jinja")
    return str(template.render(evaluation=evaluation, groups=groups, plotted=plotted))


@cache
def _environment() -> Any:
    environment = pages.environment(_TEMPLATES)
    environment.filters |= {"figure": _number}
    return environment


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
