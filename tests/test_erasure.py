"""What a build removed is in no file of the store: real builds of few users, one of whom goes."""

import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import profilegen
from profilegen.resources import resource
from profilegen.review import actions
from profilegen.store.ledger import LEDGER_FILE, Audience, open_ledger

ROOT = Path(__file__).parents[1]
STAYING = ("maya_t", "espresso_elias")
GOING = "walrus-keeper-7f3a"
SIX_WORDS = "purple walruses juggle seventeen copper lanterns"
ONE_TEXT = "I keep amber kettledrums beneath nine frozen harbours."


def source(path: Path, *, with_going: bool, with_text: bool = True) -> Path:
    rows = [json.loads(line) for line in resource("examples/sample.jsonl").read_text("utf-8").splitlines()]
    kept = [row for row in rows if row["user_id"] in STAYING]
    going = [
        {**row, "user_id": GOING, "text": f"{row['text']} My {SIX_WORDS}."}
        for row in rows
        if row["user_id"] == "tomato_tony"
    ]
    if with_text:
        going.append({"user_id": GOING, "text": ONE_TEXT})
    path.write_text("".join(json.dumps(row) + "\n" for row in kept + going * with_going), "utf-8")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store of three users, with a decision on the one who will go and a list that names that user."""
    folder = tmp_path_factory.mktemp("built")
    profilegen.build(source(folder / "all.jsonl", with_going=True), store=folder / "store", workers=1)
    with open_ledger(folder / "store") as ledger:
        actions.flag(ledger, GOING, SIX_WORDS, by="bea")
        audience = Audience(name="all", found_by="by hand", by="bea", at=datetime.now(UTC))
        ledger.save_audience(audience, [*STAYING, GOING])
    return folder / "store"


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "store"))


@pytest.fixture
def fewer(tmp_path: Path) -> Path:
    return source(tmp_path / "fewer.jsonl", with_going=False)


def holders(store: Path, *traces: str) -> set[str]:
    """Return the names of the files that hold the user's id or words, or others."""
    files = [path for path in store.rglob("*") if path.is_file()]
    wanted = traces or (GOING, SIX_WORDS, ONE_TEXT[2:-1])
    return {path.name for path, trace in itertools.product(files, wanted) if trace.encode() in path.read_bytes()}


@contextmanager
def reading(store: Path) -> Iterator[None]:
    """Hold a reading transaction on the ledger, as an export does that is under way."""
    reader = sqlite3.connect(store / LEDGER_FILE, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM documents").fetchone()
    yield
    reader.close()


def build_until_killed(store: Path, fewer: Path, function: str) -> None:
    """Build in a child process, and kill it where it would call a function."""
    code = f"""
import sys, time, profilegen, profilegen.store.index.building, profilegen.store.ledger
def wait(*_, **__):
    print("there", flush=True)
    time.sleep(60)
{function} = wait
profilegen.build(sys.argv[1], store=sys.argv[2], workers=1, remove=True)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, fewer, store],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "there\n"
    child.kill()
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()


def test_before_a_user_goes_the_ledger_and_the_index_hold_the_user(store: Path) -> None:
    assert {LEDGER_FILE, "chroma.sqlite3"} <= holders(store)


def test_after_a_build_without_a_user_no_file_holds_the_user(store: Path, fewer: Path) -> None:
    profilegen.build(fewer, store=store, workers=1, remove=True)
    assert holders(store) == set()
    with open_ledger(store, read_only=True) as ledger:
        assert ledger.audience_users("all") == list(STAYING)
        assert list(ledger.iter_decisions()) == []


def test_after_a_build_without_a_text_no_file_holds_it_though_its_author_stays(store: Path, tmp_path: Path) -> None:
    words = ONE_TEXT[2:-1]
    assert LEDGER_FILE in holders(store, words)
    profilegen.build(source(tmp_path / "all.jsonl", with_going=True, with_text=False), store=store, workers=1)
    assert holders(store, words) == set()
    assert holders(store, GOING)


def test_a_build_beside_a_reader_says_that_the_user_is_still_there_and_the_next_one_erases(
    store: Path, fewer: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profilegen.store.ledger.removal._ERASE_TIMEOUT_S", 0.1)
    with reading(store):
        profilegen.build(fewer, store=store, workers=1, remove=True)
        assert "still holds text that was removed" in caplog.text
        assert f"{LEDGER_FILE}-wal" in {path.name for path in store.iterdir()}
        caplog.clear()
        profilegen.build(fewer, store=store, workers=1, remove=True)
        assert "still holds text that was removed" in caplog.text
    caplog.clear()
    assert profilegen.build(fewer, store=store, workers=1, remove=True).changed
    assert holders(store) == set()
    assert not caplog.text


@pytest.mark.parametrize(
    "function",
    [
        "profilegen.store.ledger.Ledger._erase_removed",
        "profilegen.store.index.build_index",
        "profilegen.store.index.building.remove_unused_indexes",
    ],
)
def test_after_a_kill_the_next_build_erases_the_user(store: Path, fewer: Path, function: str) -> None:
    build_until_killed(store, fewer, function)
    assert holders(store)
    assert profilegen.build(fewer, store=store, workers=1, remove=True).changed
    assert holders(store) == set()
    assert not profilegen.build(fewer, store=store, workers=1, remove=True).changed
    assert len(list(store.glob("index-*"))) == 1


def test_a_user_who_is_gone_is_not_saved_in_a_list(store: Path) -> None:
    with open_ledger(store) as ledger:
        audience = Audience(name="some", found_by="by hand", by="bea", at=datetime.now(UTC))
        ledger.save_audience(audience, [STAYING[0], "somebody who is gone"])
        assert ledger.audience_users("some") == [STAYING[0]]
