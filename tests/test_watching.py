"""A directory that is watched: which changes are seen, and what is built of them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from handmade_store import build_report

from profilegen.errors import InputError, RemovalError, UsageError
from profilegen.pipeline.watching import build_changes, changes_in
from profilegen.records import BuildReport


class Build:
    """Stands in for a build: notes what it is asked, and fails where a damaged file is in what it reads."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    def __call__(self, paths: Sequence[str], add: bool) -> BuildReport:
        (path,) = map(Path, paths)
        self.asked.append((path.name, add))
        read = sorted(path.iterdir()) if path.is_dir() else [path]
        if any(each.read_text() == "damaged" for each in read):
            raise InputError(f"{path} is damaged")
        return build_report(1, 1)


def written(path: Path, text: str = "whole") -> Path:
    path.write_text(text)
    return path


def test_a_directory_is_built_as_a_whole(tmp_path: Path) -> None:
    build, inbox = Build(), tmp_path / "inbox"
    inbox.mkdir()
    done = build_changes(build, inbox, [written(inbox / "a.jsonl"), written(inbox / "b.jsonl")], add=False)
    assert (build.asked, len(done.reports), done.errors) == ([("inbox", False)], 1, ())


def test_a_damaged_file_does_not_keep_the_others_out_and_removes_nobody(tmp_path: Path) -> None:
    build, inbox = Build(), tmp_path / "inbox"
    inbox.mkdir()
    changed = [written(inbox / "a.jsonl"), written(inbox / "b.jsonl", "damaged"), written(inbox / "c.jsonl")]
    done = build_changes(build, inbox, changed, add=False)
    assert build.asked == [("inbox", False), ("a.jsonl", True), ("b.jsonl", True), ("c.jsonl", True)]
    assert (len(done.reports), [str(error) for error in done.errors]) == (2, [f"{changed[1]} is damaged"])


def test_users_who_would_be_removed_are_no_damaged_file(tmp_path: Path) -> None:
    def build(paths: Sequence[str], add: bool) -> BuildReport:
        raise RemovalError(30, 40, 90, 0)

    done = build_changes(build, tmp_path, [written(tmp_path / "a"), written(tmp_path / "b")], add=False)
    assert (done.reports, [type(error) for error in done.errors]) == ((), [RemovalError])


def test_files_that_come_together_are_seen_together_and_hidden_ones_not(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    changes = changes_in(inbox, tmp_path / "store", 0.5)
    assert next(changes) == ()
    expected = [inbox / "a.jsonl", inbox / "below" / "b.jsonl"]

    def write() -> None:
        time.sleep(0.5)
        written(inbox / ".a.part")
        written(expected[0])
        expected[1].parent.mkdir()
        time.sleep(0.2)
        written(expected[1])

    thread = threading.Thread(target=write)
    thread.start()
    seen = next(changes)
    thread.join()
    assert set(expected) <= set(seen) or set(expected) <= {*seen, *next(changes)}
    assert not any(path.name.startswith(".") for path in seen)
    changes.close()


def test_what_changes_while_the_first_build_runs_is_seen_after_it(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    changes = changes_in(inbox, tmp_path / "store", 0.1)
    next(changes)
    file = written(inbox / "a.jsonl")
    assert next(changes) == (file,)
    changes.close()


def test_a_store_in_the_directory_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies in"):
        next(changes_in(tmp_path, tmp_path / "store", 1))
    with pytest.raises(UsageError, match="no directory"):
        next(changes_in(written(tmp_path / "a.jsonl"), tmp_path / "store", 1))


def test_an_error_is_a_line_of_json_and_ctrl_c_ends_the_command_with_status_0(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    command = [sys.executable, "-m", "profilegen", "watch", str(inbox), "--store", str(tmp_path / "store")]
    process = subprocess.Popen(
        [*command, "--json", "--wait", "0.2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    assert process.stdout
    first = json.loads(process.stdout.readline())
    written(inbox / "picture.png")
    second = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert [(each["event"], each["error"]) for each in (first, second)] == [("error", "InputError")] * 2
    assert (process.returncode, b"Traceback" in errors) == (0, False)
    assert not (tmp_path / "store").exists()
