"""What CONTRIBUTING shows is done as it says, in a copy of the package, and has the results that it shows.

The last path that the paragraph before a block names is that of the file: a block of Python or TOML is a new file, a
diff adds lines to one that is there, a Python console shows what comes out.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from profilegen.llama.catalog import ResolvedModel

ROOT = Path(__file__).parents[1]


class CodeBlock(NamedTuple):
    """A fenced block of code: its language, its text, and the paragraph before it."""

    language: str
    code: str
    introduction: str


def code_blocks(section: str) -> list[CodeBlock]:
    """Return the blocks of code of the section of CONTRIBUTING with this heading."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (text,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    paragraph, fence = r"(?P<before>(?:[^\n]+\n)+)", r"```(?P<language>\w+)\n(?P<code>.*?)^```$"
    pattern = re.compile(rf"^{paragraph}\n{fence}", re.MULTILINE | re.DOTALL)
    return [CodeBlock(match["language"], match["code"], match["before"]) for match in pattern.finditer(text)]


def package_copy(folder: Path) -> Path:
    """Return a folder with a copy of the package, beside the files that it ships with and the test of its rooms."""
    for name in ("profilegen", "prompts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("models", "examples"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "test_architecture.py", folder / "tests")
    return folder


def apply(block: CodeBlock, folder: Path) -> None:
    """Write the new file, or add the lines to the file, that the paragraph before a block names."""
    path = re.findall(r"`([^`]+)`", block.introduction)[-1]
    file = folder / path
    if block.language != "diff":
        assert not file.exists(), f"{path} is there already"
        file.parent.mkdir(exist_ok=True)
        file.write_text(block.code, encoding="utf-8")
        return
    before = "".join(line[1:] for line in block.code.splitlines(keepends=True) if line[0] == " ")
    after = "".join(line[1:] for line in block.code.splitlines(keepends=True))
    text = file.read_text(encoding="utf-8")
    assert text.count(f"\n{before}") == 1, f"{path} does not have these lines once"
    file.write_text(text.replace(f"\n{before}", f"\n{after}"), encoding="utf-8")


def run(folder: Path, *arguments: str, typed: str | None = None) -> str:
    """Return what a Python with the copied package prints, on either stream."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONUTF8": "1"},
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    return done.stdout


def follow(section: str, folder: Path) -> str:
    """Do what a section says in a copy of the package; return how its console session differs from what it shows."""
    *changes, session = code_blocks(section)
    assert (changes[-1].language, session.language) == ("diff", "pycon")
    for change in changes:
        apply(change, folder)
    (folder / "session.txt").write_text(session.code, encoding="utf-8")
    return run(folder, "-m", "doctest", "session.txt")


@pytest.mark.parametrize("section", ["Add a language", "Add a file format", "Add an export", "Add a backend"])
def test_one_file_and_one_line_do_what_contributing_shows(section: str, tmp_path: Path) -> None:
    folder = package_copy(tmp_path)
    assert follow(section, folder) == ""
    assert "passed" in (printed := run(folder, "-m", "pytest", "-q", "tests")), printed


@pytest.fixture(scope="module")
def new_kind(tmp_path_factory: pytest.TempPathFactory, models: dict[str, ResolvedModel]) -> tuple[Path, str]:
    """Return a copy of the package with the kind of claim that CONTRIBUTING adds, and what the terminal review showed.

    The copy has a store with a claim of this kind, which a person added.
    """
    folder = package_copy(tmp_path_factory.mktemp("kind"))
    assert follow("Add a kind of claim", folder) == ""
    (folder / "posts.csv").write_text("user,text\nann,I swim every morning before work.\n", encoding="utf-8")
    command, store = ("-m", "profilegen"), ("--store", "goals-store")
    run(folder, *command, "build", "posts.csv", *store)
    # A profile that is flagged is in the queue, whatever the models made of it.
    flag = '{"by": "Bea", "action": "flag", "user_id": "ann", "words": "no goal"}'
    run(folder, *command, "review", "--import", "-", *store, typed=flag)
    screen = run(folder, *command, "review", "--terminal", *store, typed="?\n+ goal learn to swim\nq\n")
    run(folder, *command, "build", "posts.csv", *store)
    return folder, screen


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("show ann", "\nGoals\n"),
        ("export users", '"goals":[{"text":"learn to swim"'),
        ("export users --format csv", ",lifestyle,goals,behaviour,"),
        ("show ann --format html", "<h3>Goals</h3>"),
        ("search swim", "goal “learn to swim”"),
    ],
)
def test_a_new_kind_of_claim_is_shown_and_exported(new_kind: tuple[Path, str], command: str, expected: str) -> None:
    assert expected in run(new_kind[0], "-m", "profilegen", *command.split(), "--store", "goals-store")


def test_a_new_kind_of_claim_can_be_added_on_the_terminal(new_kind: tuple[Path, str]) -> None:
    screen = new_kind[1]
    assert "KIND is one of interest, value, lifestyle, goal" in screen
    assert "1.00 learn to swim" in screen


def test_a_new_kind_of_claim_can_be_added_on_the_review_page(new_kind: tuple[Path, str]) -> None:
    script = """
from pathlib import Path
from starlette.testclient import TestClient
from profilegen.review.app import make_app
with TestClient(make_app(Path("goals-store"), token="t"), base_url="http://127.0.0.1:8765") as client:
    print(client.get("/user?id=ann&token=t").text)
"""
    page = run(new_kind[0], "-c", script)
    assert "<h3>Goals</h3>" in page
    assert "<option>goal</option>" in page
