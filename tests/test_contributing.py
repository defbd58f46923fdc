"""What CONTRIBUTING shows is done as it says, in a copy of the package, and has the results that it shows.

The last path that the paragraph before a block names is that of the file: a block of Python is a new file, a diff adds
a line to one that is there, a Python console shows what comes out.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

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
    """Return a folder with a copy of the package, beside the files that it ships with."""
    shutil.copytree(ROOT / "profilegen", folder / "profilegen", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("prompts", "models", "examples"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def apply(block: CodeBlock, folder: Path) -> None:
    """Write the new file, or add the line to the file, that the paragraph before a block names."""
    path = re.findall(r"`([^`]+)`", block.introduction)[-1]
    file = folder / path
    if block.language != "diff":
        assert not file.exists(), f"{path} is there already"
        file.write_text(block.code, encoding="utf-8")
        return
    before = "".join(line[1:] for line in block.code.splitlines(keepends=True) if line[0] == " ")
    after = "".join(line[1:] for line in block.code.splitlines(keepends=True))
    text = file.read_text(encoding="utf-8")
    assert text.count(f"\n{before}") == 1, f"{path} does not have these lines once"
    assert after.count("\n") == before.count("\n") + 1, "more than one line"
    file.write_text(text.replace(f"\n{before}", f"\n{after}"), encoding="utf-8")


@pytest.mark.parametrize("section", ["Add a language", "Add a file format"])
def test_one_file_and_one_line_do_what_contributing_shows(section: str, tmp_path: Path) -> None:
    folder = package_copy(tmp_path)
    blocks = code_blocks(section)
    assert [block.language for block in blocks] == ["python", "diff", "pycon"]
    for block in blocks[:2]:
        apply(block, folder)
    (folder / "session.txt").write_text(blocks[2].code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "doctest", "session.txt"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.stdout + done.stderr == ""
