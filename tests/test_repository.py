"""The files around the code agree with each other and with the code."""

import json
import re
import runpy
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")


def test_the_workflow_runs_the_commands_of_ci_run_in_their_order() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert re.findall(r"^ +- run: (.*)", WORKFLOW, re.MULTILINE) == re.findall(r"^make .*", script, re.MULTILINE)


def test_the_workflow_checks_the_python_versions_that_the_package_claims() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    claimed = re.findall(r"Python :: (\d\.\d+)", "\n".join(project["classifiers"]))
    (matrix,) = re.findall(r"python: (\[.*\])", WORKFLOW)
    assert json.loads(matrix) == claimed


def test_links_to_this_repository_lead_to_files_that_exist() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "pyproject.toml"]:
        text = page.read_text("utf-8")
        for path in re.findall(r"https://github\.com/profilegen/profilegen/(?:blob|tree)/main/([\w./-]+)", text):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_the_docstring_check_finds_public_functions_with_parameters_that_are_not_documented(tmp_path: Path) -> None:
    module = tmp_path / "profilegen" / "example.py"
    module.parent.mkdir()
    module.write_text(
        '''
def documented(text: str, *more: str, n: int = 1, **options: int) -> list[str]:
    """Return the first texts.

    :param text: the first one.
    :param more: the others.
    :param n: how many.
    :param options: passed on.
    """
    return [text, *more][:n]

def undocumented(text: str, n: int) -> str:
    """Return the first characters.

    :param n: how many.
    """
    return text[:n]

class Outdated:
    """A text.

    :param gone: not a parameter any more.
    """

    def __init__(self, text: str) -> None:
        self.text = text

def _private(text: str) -> str:
    """Return the text."""
    return text

class _Private:
    """A text."""

    def __init__(self, text: str) -> None:
        self.text = text
'''
    )
    check = runpy.run_path(str(ROOT / "docs" / "check_docstrings.py"))
    assert [function.split()[1] for function in check["undocumented"](module.parent)] == [
        "undocumented",
        "Outdated.__init__",
    ]
