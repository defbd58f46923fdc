"""The table of figures by data set, and what of a data set a build reads."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from handmade_store import hostile_store

from benchmarks import sets
from profilegen.evaluation import Evaluation
from profilegen.evaluation.figures import Figure


def evaluation(*figures: Figure) -> Evaluation:
    return Evaluation(
        store="s", revision="r", embedder="e", writers={}, users=7, documents=9, figures=figures, seconds=1
    )


def test_a_figure_that_a_set_lacks_is_an_empty_cell() -> None:
    shown = Figure(name="claims.shown", value=0.5, low=0.25, high=0.75, n=4, chance=0.125, plain=0.375)
    right = Figure(name="claims.right", value=1, low=1, high=1, n=4)
    lines = sets.table({"chats": evaluation(shown, right), "posts": evaluation(right)}).splitlines()
    assert lines[0] == "| figure | chats (7 users) | posts (7 users) |"
    assert lines[2] == "| `claims.shown` | 0.500 (0.250 to 0.750; chance 0.125; plain 0.375) |  |"
    assert lines[3] == "| `claims.right` | 1.000 (1.000 to 1.000) | 1.000 (1.000 to 1.000) |"


def test_what_labels_were_made_from_is_no_input_of_a_build(tmp_path: Path) -> None:
    rows = [{"user_id": f"u{at}", "text": "t", "channel": "coffee"} for at in range(4)]
    (tmp_path / "reviews.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    for name, columns in (("posts", {"user_id", "text"}), ("chats", {"user_id", "text", "channel"})):
        path = sets._texts(name, tmp_path, tmp_path / "stores" / f"{name}.jsonl", 3)
        read = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert len(read) == 3
        assert all(set(row) == columns for row in read)


def test_claims_to_read_are_added_once_and_what_was_read_is_kept(tmp_path: Path) -> None:
    stores = {"hostile": hostile_store(tmp_path / "store")}
    path = tmp_path / "read.jsonl"
    added = sets._write_claims(stores, path)
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(rows) == added > 3
    rows[0]["holds"] = True
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert sets._write_claims(stores, path) == 0
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()] == rows


def test_a_store_is_named_by_set_writer_and_number_of_users() -> None:
    options = argparse.Namespace(stores=Path("kept"), writer="models/large.gguf", users=60)
    assert sets._store("chats", options) == Path("kept/chats-large-60")


def test_the_data_sets_of_a_folder_are_those_with_texts(tmp_path: Path) -> None:
    for name in ("chats", "posts", "taxonomy"):
        (tmp_path / name).mkdir()
    (tmp_path / "posts" / "reviews.jsonl").touch()
    (tmp_path / "chats" / "reviews.jsonl").touch()
    assert sets._sets_in(tmp_path) == ["chats", "posts"]
