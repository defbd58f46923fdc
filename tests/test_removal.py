"""A build that would remove many users asks, or needs to be allowed: builds of a few short texts.

The writer of the builds in this process is a stand-in that notes nothing: who is removed does not depend on notes.
"""

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_in_models import stand_ins
from test_cli import COMMAND, environment, profilegen_

import profilegen
from profilegen.errors import RemovalError, UsageError
from profilegen.review import actions
from profilegen.store.ledger import INCOMING_FILE, open_ledger

USERS = [f"user{number}" for number in range(12)]


def source(path: Path, users: list[str]) -> Path:
    path.write_text("".join(json.dumps({"user_id": user, "text": "A dog."}) + "\n" for user in users), "utf-8")
    return path


@pytest.fixture(scope="module", autouse=True)
def stand_in_writer() -> Iterator[None]:
    with stand_ins():
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of twelve users, with a decision on the last."""
    folder = tmp_path_factory.mktemp("built")
    profilegen.build(source(folder / "all.jsonl", USERS), store=folder / "store", workers=1)
    with open_ledger(folder / "store") as ledger:
        actions.flag(ledger, USERS[-1], "look here", by="bea")
    return folder / "store"


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "store"))


@pytest.fixture
def three(tmp_path: Path) -> Path:
    return source(tmp_path / "three.jsonl", USERS[:3])


def users_of(store: Path) -> list[str]:
    with profilegen.open_store(store) as opened:
        return [profile.user_id for profile in opened.users()]


def assert_unchanged(store: Path) -> None:
    assert users_of(store) == sorted(USERS)
    assert not list(store.glob(f"{INCOMING_FILE}*"))
    with open_ledger(store, read_only=True) as ledger:
        assert [decision.user_id for decision in ledger.iter_decisions()] == [USERS[-1]]


def test_a_build_refuses_to_remove_many_users_and_counts_what_would_go(store: Path, three: Path) -> None:
    with pytest.raises(RemovalError) as refused:
        profilegen.build(three, store=store, workers=1)
    error = refused.value
    assert (error.users, error.all_users, error.documents, error.decisions) == (9, 12, 9, 1)
    assert_unchanged(store)


def test_a_build_that_may_remove_does(store: Path, three: Path) -> None:
    assert profilegen.build(three, store=store, workers=1, remove=True).removed_users == 9
    assert users_of(store) == USERS[:3]


def test_a_build_that_adds_removes_nobody_and_asks_nothing(store: Path, three: Path) -> None:
    assert profilegen.build(three, store=store, workers=1, add=True).removed_users == 0
    assert_unchanged(store)


def test_to_add_and_to_remove_exclude_each_other(store: Path, three: Path) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        profilegen.build(three, store=store, add=True, remove=True)
    assert_unchanged(store)


def test_a_tenth_of_the_users_goes_without_a_question(store: Path, tmp_path: Path) -> None:
    eleven = source(tmp_path / "eleven.jsonl", USERS[:-1])
    assert profilegen.build(eleven, store=store, workers=1).removed_users == 1


def test_more_than_ten_users_do_not_go_without_a_question(tmp_path: Path) -> None:
    many = [f"user{number}" for number in range(200)]
    profilegen.build(source(tmp_path / "all.jsonl", many), store=tmp_path / "store", workers=1)
    with pytest.raises(RemovalError) as refused:
        profilegen.build(source(tmp_path / "few.jsonl", many[11:]), store=tmp_path / "store", workers=1)
    assert refused.value.users == 11


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_where_nobody_can_be_asked_the_command_stops_and_names_the_flags(
    flags: tuple[str, ...], store: Path, three: Path
) -> None:
    done = profilegen_("build", three, "--store", store, "--workers", "1", *flags)
    assert (done.returncode, done.stdout) == (1, "")
    assert "9 of the 12 users" in done.stderr
    assert "documents: 9, decisions of reviewers: 1" in done.stderr
    assert "allow it with --remove, or keep what the input does not have with --add" in done.stderr
    assert_unchanged(store)


def test_with_the_flag_the_command_removes(store: Path, three: Path) -> None:
    done = profilegen_("build", three, "--store", store, "--workers", "1", "--remove")
    assert (done.returncode, done.stderr) == (0, "")
    assert "removed 9 users" in done.stdout


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_on_a_terminal_the_command_asks(answer: str, store: Path, three: Path) -> None:
    status, printed = answered(["build", str(three), "--store", str(store), "--workers", "1"], answer)
    assert "9 of the 12 users" in printed
    assert "documents: 9, decisions of reviewers: 1" in printed
    if answer == "y":
        assert status == 0
        assert users_of(store) == USERS[:3]
    else:
        assert status == 1
        assert_unchanged(store)


def answered(args: list[str], answer: str) -> tuple[int, str]:
    """Run a command on a terminal, answer its question; return its exit status and what it printed."""
    main, other = pty.openpty()
    printed = b""
    variables = environment(TERM="xterm", COLUMNS="200")
    command = [*COMMAND, *args]
    with subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=variables) as process:
        os.close(other)
        try:
            while part := os.read(main, 65536):
                printed += part
                if b"[y/N] " in part:
                    os.write(main, f"{answer}\n".encode())
        except OSError:  # how a terminal ends on Linux
            pass
    os.close(main)
    return process.returncode, " ".join(printed.decode().split())
