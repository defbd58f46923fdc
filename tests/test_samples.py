"""The shipped samples: what their page says of them, and that nothing of them trained a model."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from profilegen.resources import resource

ROOT = Path(__file__).parent.parent
NAMES = ("sample", "posts", "chats")


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in resource(f"examples/{name}.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_the_samples_counts_their_users_and_texts(name: str) -> None:
    page = (ROOT / "examples" / "README.md").read_text("utf-8")
    line = next(line for line in page.splitlines() if line.startswith(f"| `{name}.jsonl` |"))
    users, texts = (int(cell) for cell in line.split("|")[3:5])
    assert users == len({row["user_id"] for row in rows(name)})
    assert texts == len(rows(name)) == sum(map(int, re.findall(r"[A-Z]\w+ (\d+)", line)))


@pytest.mark.parametrize("name", ["posts", "chats"])
def test_each_user_of_the_posts_and_chats_has_four_to_twelve_texts_in_order_of_time(name: str) -> None:
    counts = Counter(row["user_id"] for row in rows(name))
    assert min(counts.values()) >= 4
    assert max(counts.values()) <= 12
    for user in counts:
        times = [row["timestamp"] for row in rows(name) if row["user_id"] == user]
        assert times == sorted(times)


def test_the_users_of_whom_nothing_can_be_said_are_in_the_samples() -> None:
    page = (ROOT / "examples" / "README.md").read_text("utf-8")
    silent = re.findall(r"`([^`]+)`", page.split("Of six users nothing can be said")[1].split("They repost")[0])
    users = {row["user_id"] for name in ("posts", "chats") for row in rows(name)}
    assert len(silent) == 6
    assert users.issuperset(silent)


def test_no_long_sentence_of_a_sample_is_in_the_training_data() -> None:
    folder = ROOT / "training" / "data"
    if not folder.is_dir():
        pytest.skip("this checkout has no training data")
    taught = "\n".join(path.read_text("utf-8") for path in sorted(folder.rglob("*.jsonl")))
    for name in NAMES:
        for row in rows(name):
            for sentence in re.split(r"(?<=[.!?。！？])\s*", row["text"]):
                assert len(sentence) < 25 or json.dumps(sentence, ensure_ascii=False)[1:-1] not in taught
