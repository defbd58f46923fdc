"""What the documents say is so: commands are understood, examples run, links lead somewhere, nothing is left out."""

import json
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer

from profilegen.cli import app
from profilegen.config import Settings
from profilegen.llama.catalog import ResolvedModel, load_catalog
from profilegen.resources import resource

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples" / "README.md"]
SOURCES = sorted((ROOT / "docs" / "sources").glob("*.md"))
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def test_the_command_reference_is_what_the_help_texts_say_now() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "generate_cli.py"))
    assert script["PAGE"].read_text("utf-8") == script["reference"](), "run: make docs"


def test_the_python_examples_of_the_quickstart_run(tmp_path: Path, models: dict[str, ResolvedModel]) -> None:
    examples = _fenced(ROOT / "docs" / "quickstart.md", "python")
    (tmp_path / "reviews.jsonl").write_text(_few_reviews(), "utf-8")
    (tmp_path / "examples.py").write_text("\n".join(examples), "utf-8")
    done = subprocess.run(
        [sys.executable, "examples.py"], cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    assert "6 users" in done.stdout
    assert "there is no model called no-such-model" in done.stdout


@each_page
def test_every_command_line_in_the_documents_is_understood(page: Path) -> None:
    for arguments in _command_lines(page):
        _parse(arguments)


@each_page
def test_every_command_named_in_running_text_exists(page: Path) -> None:
    commands = _commands()
    for name in re.findall(r"`profilegen ([a-z]+)", page.read_text("utf-8")):
        assert name in commands


@each_page
def test_every_make_target_in_the_documents_exists(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    text = page.read_text("utf-8")
    for target in re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets


@each_page
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def test_every_page_of_a_source_is_listed_and_its_commands_are_understood() -> None:
    table = (ROOT / "docs" / "sources" / "index.md").read_text("utf-8")
    site = (ROOT / "mkdocs.yml").read_text("utf-8")
    for page in SOURCES:
        assert page.name == "index.md" or f"]({page.name})" in table
        assert f"      - sources/{page.name}\n" in site
        for arguments in _command_lines(page):
            _parse(arguments)


def test_the_architecture_names_every_module_or_its_folder() -> None:
    package = ROOT / "profilegen"
    named = _first_column("docs/architecture.md", "## The rooms")
    modules = [path.relative_to(package) for path in package.rglob("*.py") if path.name != "__init__.py"]
    assert [path for path in modules if not {str(path), f"{path.parent}/"} & {*named}] == []
    assert [name for name in named if not (package / name).exists()] == []


def test_the_architecture_gives_a_reason_for_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = [re.split(r"[^\w.-]", dependency)[0] for dependency in project["dependencies"]]
    assert sorted(names) == sorted(_first_column("docs/architecture.md", "## Dependencies"))


def test_the_models_page_lists_the_catalogue() -> None:
    assert _first_column("docs/models.md", "## The catalogue") == list(load_catalog())


def test_the_configuration_lists_every_setting_with_its_variable() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert _first_column("docs/configuration.md", "## Settings") == list(Settings.model_fields)
    for name in Settings.model_fields:
        assert f"| `{name}` | `PROFILEGEN_{name.upper()}` |" in page


def _fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def _few_reviews() -> str:
    """Return the sample's texts of six users of one language: too few for UMAP, whose start takes long."""
    wanted: dict[str, list[str]] = {}
    for line in resource("examples/sample.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["text"].isascii():
            wanted.setdefault(row["user_id"], []).append(line)
    return "\n".join(line for lines in list(wanted.values())[:6] for line in lines)


def _command_lines(page: Path) -> Iterator[list[str]]:
    """Give the arguments of each call of profilegen in an example for the shell."""
    for line in "\n".join(_fenced(page, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if "profilegen" in words and "pip" not in words:
            after = words[words.index("profilegen") + 1 :]
            yield list(takewhile(lambda word: word not in ("|", ">", "&&"), after))


def _parse(arguments: list[str]) -> None:
    """Parse as the command line does; nothing is run."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *arguments = arguments
        assert name in command.commands, name
        command = command.commands[name]
    command.make_context(command.name, list(arguments))


def _commands() -> set[str]:
    command: Any = typer.main.get_command(app)
    return set(command.commands)


def _first_column(page: str, heading: str) -> list[str]:
    """Return what stands in the first column of the table under a heading, without its first row."""
    section = (ROOT / page).read_text("utf-8").partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1].strip().strip("`") for line in section.splitlines() if line.startswith("|")]
    return cells[2:]


def _anchors(page: Path) -> set[str]:
    """Return what a heading is linked by: its words in small letters, joined with hyphens."""
    headings = _HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
