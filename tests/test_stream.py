"""Texts that arrive in ten slices of time give the store that one build of all of them gives; models are stand-ins."""

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_in_models import stand_ins

from benchmarks.stream import build, differences, in_time, replay
from profilegen.backends import Embedder, Prompt
from profilegen.records import BuildReport
from profilegen.store.ledger import open_ledger
from profilegen.vectors import Vectors, unit_rows

THINGS = (("trail", "running"), ("bread", "baking"), ("radio", "repair"))
N_USERS, N_TEXTS, DIMENSIONS = 24, 5, 32


class WordEmbedder(Embedder):
    """Stands in for a model: a text is the sum of vectors of its words, the same in every batch."""

    name = fingerprint = source = "words"
    dimensions = DIMENSIONS

    def embed(
        self, texts: Sequence[str], on_done: Callable[[int], None] | None = None, *, queries: bool = False
    ) -> Vectors:
        words = [re.findall(r"\w+", text.lower()) for text in texts]
        rows = [np.sum([_vector(word) for word in of_text] or [np.zeros(DIMENSIONS)], axis=0) for of_text in words]
        return unit_rows(np.array(rows, np.float32).reshape(-1, DIMENSIONS))


def _vector(word: str) -> Any:
    seed = int.from_bytes(blake2b(word.encode(), digest_size=8).digest())
    return np.random.default_rng(seed).normal(size=DIMENSIONS)


def noted(prompt: Prompt) -> str:
    """Note the thing of each passage."""
    lines = re.findall(r"^(\d+)\. .*?(\w+) (running|baking|repair)", prompt.request, re.M)
    return "\n".join(f"[{number}] interest, likes: {thing} {doing}" for number, thing, doing in lines) or "none"


def rows() -> list[dict[str, Any]]:
    """Give the texts of users of three kinds, who come one after another and write for two years."""
    found = []
    for user in range(N_USERS):
        thing, doing = THINGS[user % len(THINGS)]
        for number in range(N_TEXTS):
            day = 10 * user + 100 * number
            text = f"I spent day {day} with my friend{user} on {thing} {doing}, and I loved it {number} times."
            date = f"{2020 + day // 360}-{day % 360 // 30 + 1:02}-{day % 30 % 28 + 1:02}T12:00:00"
            found.append({"user_id": f"user{user}", "text": text, "timestamp": date})
    return found


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, list[tuple[int, BuildReport]]]]:
    """Give a store built in slices, one built at once, and of each slice how many texts it has, and the report."""
    folder = tmp_path_factory.mktemp("stream")
    streamed, whole = folder / "streamed", folder / "whole"
    with stand_ins(noted), pytest.MonkeyPatch.context() as patch:
        patch.setattr("profilegen.pipeline.model_choice.open_embedder", lambda *_: WordEmbedder())
        patch.setattr("profilegen.store.search.embedder_of", lambda *_: "words", raising=False)
        texts = in_time(rows())
        reports = [(len(new), report) for new, report in replay(texts, streamed)]
        build(texts, whole)
        yield streamed, whole, [*reports, (0, build(texts, streamed, settle=True))]


def test_after_the_last_slice_and_settling_the_store_is_as_one_build_makes_it(stores: Any) -> None:
    streamed, whole, _ = stores
    assert differences(streamed, whole) == (N_USERS, 0, 0, 0, 0)


def test_a_slice_costs_what_is_new_in_it(stores: Any) -> None:
    _, _, [*slices, (_, settled)] = stores
    assert [report.embedded for _, report in slices] == [n_texts for n_texts, _ in slices]
    assert (len(slices), settled.embedded) == (10, 0)
    for n_texts, report in slices:
        # A new text changes one reading, or two where one ends elsewhere now.
        assert report.readings <= 2 * n_texts
        assert report.written <= n_texts


def test_each_build_of_a_stream_can_be_undone(stores: Any) -> None:
    streamed, _, reports = stores
    with open_ledger(streamed, read_only=True) as ledger:
        builds = ledger.builds()
        assert [build.number for build in builds] == list(range(1, len(reports) + 1))
        assert ledger.history_since() == 0
        new = [row.user_id for row in ledger.history_after(0) if '"new"' in row.record]
    assert sorted(new) == sorted({row["user_id"] for row in rows()})
