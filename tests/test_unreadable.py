"""Texts at which a model's process dies: they fail alone, are said, and are tried again by the next build.

Stand-ins fail on purpose, since no text is known that kills a real model; the processes of the embedder are real.
"""

import json
import logging
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import profilegen
from benchmarks.chaos import stand_ins
from profilegen.backends import BACKENDS, Verdict
from profilegen.errors import UnreadableTextError
from profilegen.llama.embedder import GgufEmbedder
from profilegen.llama.worker import JobQueue, WorkerPool
from profilegen.records import BuildReport, UserProfile
from profilegen.resources import resource
from profilegen.store.ledger import open_ledger
from profilegen.vectors import Vectors

USERS = ("maya_t", "oldboy_walter", "espresso_elias")
POISON = "poisonous"


class DyingEngine(JobQueue[list[str]]):
    """Gives each text its length as a vector, and dies at a text with the word."""

    info = 2

    def step(self) -> list[tuple[int, Vectors]]:
        job, texts = self._jobs.popleft()
        if any(POISON in text for text in texts):
            os.kill(os.getpid(), signal.SIGKILL)
        return [(job, np.array([[len(text), 1] for text in texts], np.float32))]


class DyingEmbedder(GgufEmbedder):
    def __init__(self) -> None:
        self._open_pool = WorkerPool[Any](f"{__name__}:DyingEngine", {}, workers=2, backlog=2, wait=False)

        class Model:
            name, prefix, query_prefix = "dying", "", ""

        self.model = Model()  # type: ignore[assignment]
        self._workers = 2


def test_the_texts_that_kill_the_embedder_are_named_and_all_others_were_embedded() -> None:
    texts = ["one", f"a {POISON} one", "three", "four", f"another {POISON} one"]
    done: list[int] = []
    with DyingEmbedder() as embedder, pytest.raises(UnreadableTextError, match="SIGKILL") as failed:
        embedder.embed(texts, done.append)
    assert sorted(failed.value.positions) == [1, 4]
    assert sum(done) == len(texts)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    lines = [line for line in resource("examples/sample.jsonl").read_text("utf-8").splitlines()]
    chosen = [line for line in lines if json.loads(line)["user_id"] in USERS]
    extra = json.dumps(
        {"user_id": "maya_t", "text": f"Her {POISON} frogs sleep under the kitchen cupboard all winter."}
    )
    path.write_text("\n".join([*chosen, extra]), "utf-8")
    return path


@pytest.fixture(autouse=True)
def backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "chaos", "benchmarks.chaos.stand_ins")
    monkeypatch.setattr("profilegen.pipeline.build._index", lambda *_: False)  # no matter here, and slow


def build(source: Path, store: Path) -> BuildReport:
    return profilegen.build(
        source, store=store, embedder="chaos:words", writer="chaos:notes", verifier="chaos:same", workers=1
    )


def profiles(store: Path) -> dict[str, UserProfile]:
    with profilegen.open_store(store) as opened:
        return {profile.user_id: profile for profile in opened.users()}


def test_a_text_that_cannot_be_embedded_is_said_stays_without_a_vector_and_is_tried_again(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    embed = stand_ins._HashEmbedder.embed

    def failing(self: Any, texts: Sequence[str], on_done: Callable[[int], None] | None = None, **rest: Any) -> Vectors:
        if bad := [at for at, text in enumerate(texts) if f"Her {POISON}" in text]:
            raise UnreadableTextError("the process ended", bad)
        return embed(self, texts, on_done, **rest)

    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(stand_ins._HashEmbedder, "embed", failing)
        first = build(source, tmp_path / "store")
    assert "stay without a vector until the next build" in caplog.text
    with open_ledger(tmp_path / "store", read_only=True) as ledger:
        assert ledger.count_missing_vectors() == 1
        before = ledger.user_vectors(["maya_t"])["maya_t"]
    assert first.embedded == first.documents - 1
    assert build(source, tmp_path / "store").embedded == 1
    with open_ledger(tmp_path / "store", read_only=True) as ledger:
        assert not np.array_equal(before, ledger.user_vectors(["maya_t"])["maya_t"])


def test_a_note_that_cannot_be_checked_fails_its_user_alone_until_the_next_build(source: Path, tmp_path: Path) -> None:
    verify = stand_ins._WordVerifier.verify

    def failing(self: Any, pairs: Sequence[tuple[str, str]], on_done: Any = None) -> list[Verdict]:
        if any(POISON in text for text, _ in pairs):
            raise UnreadableTextError("the process that held the model ended (SIGKILL)")
        return verify(self, pairs, on_done)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stand_ins._WordVerifier, "verify", failing)
        build(source, tmp_path / "store")
    disturbed = profiles(tmp_path / "store")
    assert {user: profile.status for user, profile in disturbed.items() if profile.status == "failed"} == {
        "maya_t": "failed"
    }
    assert "SIGKILL" in (disturbed["maya_t"].reason or "")
    build(source, tmp_path / "store")
    build(source, tmp_path / "undisturbed")
    assert profiles(tmp_path / "store") == profiles(tmp_path / "undisturbed")


def test_a_claim_that_cannot_be_embedded_fails_its_user_alone_until_the_next_build(
    source: Path, tmp_path: Path
) -> None:
    embed = stand_ins._HashEmbedder.embed

    def failing(self: Any, texts: Sequence[str], on_done: Callable[[int], None] | None = None, **rest: Any) -> Vectors:
        if bad := [at for at, text in enumerate(texts) if POISON in text and "Her" not in text]:
            raise UnreadableTextError("the process that held the model ended (SIGKILL)", bad)
        return embed(self, texts, on_done, **rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stand_ins._HashEmbedder, "embed", failing)
        build(source, tmp_path / "store")
    disturbed = profiles(tmp_path / "store")
    assert [user for user, profile in disturbed.items() if profile.status == "failed"] == ["maya_t"]
    build(source, tmp_path / "store")
    build(source, tmp_path / "undisturbed")
    assert profiles(tmp_path / "store") == profiles(tmp_path / "undisturbed")
