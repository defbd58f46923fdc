"""The benchmarks run from end to end on a few users; the figures themselves are no matter of tests."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import clustering
from benchmarks.corpus import stratified
from profilegen.llama.catalog import ResolvedModel
from profilegen.resources import resource
from profilegen.store.ledger import open_ledger

ROOT = Path(__file__).parents[1]
_KMEANS = "k-means, true number of labels"
ROWS = ("startup", "build", "writing", "embedding", "scale")


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def results(models: dict[str, ResolvedModel], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give what all benchmarks find on six users of the sample in one round, without what CI does not install."""
    folder = tmp_path_factory.mktemp("bench")
    path = folder / "results.json"
    reviews = folder / "reviews.jsonl"
    # English ones: in other scripts, the default writer needs more tokens than the budget of the compared answers has.
    lines = resource("examples/sample.jsonl").read_text("utf-8").splitlines()
    other = {json.loads(line)["user_id"] for line in lines if not json.loads(line)["text"].isascii()}
    english = [line for line in lines if json.loads(line)["user_id"] not in other]
    reviews.write_text("\n".join(english), "utf-8")
    users = sorted({json.loads(line)["user_id"] for line in english})
    labels = {user: "ab"[number % 2] for number, user in enumerate(users)}
    (folder / "labels.csv").write_text("user_id,label\n" + "".join(f"{u},{name}\n" for u, name in labels.items()))
    (folder / "queries.jsonl").write_text('{"query": "people with dogs", "relevant": ["a"]}\n')
    (folder / "heldout.jsonl").write_text(
        "".join(f'{{"user_id": "{u}", "item_title": "Gift for {u}"}}\n' for u in users)
    )
    small = ("--users", 6, "--rounds", 1, "--writing-users", 2, "--obvious-users", 1, "--texts", 4)
    rows = list(ROWS)
    if shutil.which("chromium"):
        rows.append("review")
    scale = ("--sizes", 12, "--agreement-users", 60, "--page-sizes", 12, 12)
    without = ("--without", "xllamacpp", "torch", "matplotlib")
    done = bench(*rows, "--reviews", reviews, "--results", path, *small, *scale, *without)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_every_benchmark_gives_figures(results: dict[str, Any]) -> None:
    assert set(results) - {"review"} == set(ROWS)
    rows = [row for section in results.values() for row in section["measures"]]
    assert all(row["median"] >= 0 for row in rows)
    assert sum(row["median"] > 0 for row in rows) > 0.8 * len(rows)


def test_figures_name_the_machine_they_were_measured_on(results: dict[str, Any]) -> None:
    for section in results.values():
        assert section["machine"]["processor"]
        assert section["machine"]["versions"]["llama-cpp-python"]


def test_only_measures_of_the_same_job_are_compared(results: dict[str, Any]) -> None:
    ratios = {name: [ratio["name"] for ratio in section["ratios"]] for name, section in results.items()}
    assert {name for name, found in ratios.items() if found} == {"writing", "embedding"}
    assert ratios["writing"] == ["writing.engine.profilegen : writing.engine.llama-cpp-python"]


def test_engines_read_the_same_tokens_and_write_about_as_many(results: dict[str, Any]) -> None:
    counts = [
        value for name, value in results["writing"]["facts"].items() if name.endswith("tokens read and written a user")
    ]
    (read, written), (other_read, other_written) = counts
    assert read == other_read
    assert written == pytest.approx(other_written, rel=0.35)


@pytest.mark.parametrize("size", [6, 12, 30])
def test_the_first_users_are_a_sample_over_all_categories(size: int) -> None:
    categories = {f"u{number:02}": "abbccc"[number // 10] for number in range(60)}
    sample = Counter(categories[user_id] for user_id in stratified(sorted(categories), categories)[:size])
    assert sample == {"a": size / 6, "b": size / 3, "c": size / 2}


def test_a_sample_does_not_depend_on_the_order_of_the_users() -> None:
    user_ids = [f"u{number}" for number in range(50)]
    assert stratified(user_ids, {}) == stratified(user_ids[::-1], {})
    assert stratified(user_ids, {})[:10] != user_ids[:10]


def test_answers_under_the_schema_are_whole(results: dict[str, Any]) -> None:
    assert results["writing"]["facts"]["engine.profilegen: valid JSON"] == 1


def test_an_unknown_benchmark_is_refused() -> None:
    done = bench("reading")
    assert done.returncode == 2
    assert "unknown benchmark reading" in done.stderr


def test_clusterings_are_compared_with_labels_and_with_shuffled_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = clustering._VARIANTS
    monkeypatch.setattr(clustering, "_VARIANTS", {name: variants[name] for name in ("3 layouts", _KMEANS)})
    random = np.random.default_rng(0)
    centres = np.eye(8, dtype=np.float32)[:2]
    vectors = np.repeat(centres, 15, axis=0) + random.normal(0, 0.1, (30, 8)).astype(np.float32)
    with open_ledger(tmp_path, create=True) as ledger:
        ledger.put_users((f"u{number:02}", "en", "hash", vector) for number, vector in enumerate(vectors))
    labels = tmp_path / "labels.csv"
    labels.write_text("user_id,label\n" + "".join(f"u{number:02},{number // 15}|x\n" for number in range(30)))
    facts = clustering.measure({"two": (tmp_path, labels)}, n_seeds=2).facts
    assert list(facts) == ["two: 3 layouts", f"two: {_KMEANS}"]
    for figures in facts.values():
        assert figures["nmi"] == [1, 1, 1]
        assert figures["chance"] < 0.2
        assert figures["ami"] == [1, 0]
        assert figures["segments"] == [2, 2]
        assert figures["seeds_ari"] == figures["samples_ari"] == 1
        assert figures["difference"] == [0, 0, 0]
