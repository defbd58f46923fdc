"""The figures as a table, a JSON file and a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measures import Section


def write(path: Path, machine: Mapping[str, Any], sections: Mapping[str, Section]) -> None:
    """Write sections into a file, each with the machine; other sections of the file stay.

    :param path: JSON file.
    :param machine: what `machine.machine` returns.
    :param sections: sections by name of their row.
    """
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name, section in sections.items():
        results[name] = {"machine": dict(machine), **section.as_json()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def show(name: str, section: Section) -> None:
    """Print a section: medians with the range of the rounds, then ratios with their aims.

    :param name: name of the row.
    :param section: its figures.
    """
    print(f"\n{name}: {section.about}")
    for measure in section.measures:
        spread = f"{min(measure.values):,.3g} to {max(measure.values):,.3g}" if len(measure.values) > 1 else ""
        print(f"  {measure.name:50} {measure.median:12,.4g} {measure.unit:12} {spread}")
    for ratio in section.ratios:
        aim = f"target {ratio.target:g}" if ratio.target else ""
        spread = f"{min(ratio.values):.2f} to {max(ratio.values):.2f}"
        print(f"  {ratio.name:70} {ratio.median:6.2f} times  {spread:16} {aim}")
    for fact, value in section.facts.items():
        print(f"  {fact}: {value}")


def draw(results: Path, picture: Path) -> None:
    """Draw results: bars for writing, embedding and building, lines for scale.

    :param results: JSON file.
    :param picture: SVG file to write.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "profilegen"  # the same figures give the same file
    from matplotlib import pyplot

    sections = json.loads(results.read_text())
    figure, axes = pyplot.subplots(2, 2, figsize=(12, 8), layout="constrained")
    _bars(axes[0][0], sections.get("writing"), "writing the same job, users a minute", ["users/min"], "writing.engine.")
    _bars(axes[0][1], sections.get("embedding"), "embedding, tokens a second", ["tokens/s"], "embedding.")
    _bars(axes[1][0], sections.get("build"), "build and rebuild, seconds", ["s"], "")
    _lines(axes[1][1], sections.get("scale"))
    named = next(iter(sections.values()))["machine"]
    figure.suptitle(f"profilegen beside others, {named['cores']} cores of {named['processor']}", fontsize=10)
    figure.savefig(picture, metadata={"Date": None})
    pyplot.close(figure)


def _bars(axis: Any, section: Any, title: str, units: Sequence[str], prefix: str) -> None:
    axis.set_title(title, fontsize=10)
    measures = (section or {}).get("measures", [])
    rows = [row for row in measures if row["unit"] in units and row["name"].startswith(prefix)][::-1]
    if not rows:
        axis.set_axis_off()
        return
    medians = [row["median"] for row in rows]
    errors = [[max(0, row["median"] - min(row["values"])) for row in rows]]
    errors.append([max(0, max(row["values"]) - row["median"]) for row in rows])
    colours = ["tab:blue" if "profilegen" in row["name"] or "rebuild" in row["name"] else "silver" for row in rows]
    axis.barh([row["name"].partition(".")[2] for row in rows], medians, xerr=errors, color=colours)
    axis.bar_label(axis.containers[-1], [f" {median:,.3g}" for median in medians], fontsize=8)
    axis.tick_params(labelsize=8)


def _lines(axis: Any, section: Any) -> None:
    axis.set_title("scale without the models", fontsize=10)
    series: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row in (section or {}).get("measures", []):
        _, size, what = row["name"].split(".")
        series.setdefault((what, row["unit"]), []).append((int(size), row["median"]))
    if not series:
        axis.set_axis_off()
        return
    for (what, unit), points in series.items():
        axis.plot(*zip(*sorted(points), strict=True), marker="o", label=f"{what}, {unit}")
    axis.set(xscale="log", yscale="log", xlabel="users")
    axis.legend(fontsize=8)
