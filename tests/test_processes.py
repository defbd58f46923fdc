"""Child processes import this package, and nothing from the current directory."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import profilegen
from profilegen.processes import drop_current_directory, python_command, python_environment

PACKAGE_PARENT = str(Path(profilegen.__file__).parents[1])
HOSTILE_NAMES = ("numpy", "llama_cpp", "chromadb", "json", "profilegen_probe")


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change into a directory with files named like libraries, each of which leaves a mark when it is run."""
    for name in HOSTILE_NAMES:
        (tmp_path / f"{name}.py").write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=python_environment(**variables), capture_output=True, text=True, check=False)


def import_path_of_a_child(tmp_path: Path) -> list[str]:
    """Return `sys.path` of a child that runs a module from another folder."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "show_path.py").write_text("import sys; print(*sys.path, sep='\\n')")
    paths = os.pathsep.join([python_environment()["PYTHONPATH"], str(folder)])
    return run(python_command("show_path"), PYTHONPATH=paths).stdout.splitlines()


def test_a_child_imports_nothing_from_the_current_directory(hostile: Path) -> None:
    run(python_command("profilegen.llama.convert", "no-file.gguf", "out.gguf", "Q8_0"))
    run(python_command("profilegen_probe"))
    assert not (hostile / "ran").exists()


def test_the_same_files_run_where_the_current_directory_is_on_the_path(hostile: Path) -> None:
    subprocess.run([sys.executable, "-m", "profilegen_probe"], check=True)
    assert (hostile / "ran").exists()


def test_the_current_directory_is_not_on_the_path_of_a_child(hostile: Path, tmp_path: Path) -> None:
    path = import_path_of_a_child(tmp_path)
    assert PACKAGE_PARENT in path
    assert not {"", ".", str(hostile)} & {*path}


def test_an_entry_for_the_current_directory_is_not_passed_on(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (hostile / "link").symlink_to(hostile)
    monkeypatch.setattr(sys, "path", ["", ".", str(hostile), str(hostile / "link"), *sys.path])
    entries = python_environment()["PYTHONPATH"].split(os.pathsep)
    assert PACKAGE_PARENT in entries
    assert not any(Path(entry).resolve() == hostile.resolve() for entry in entries)


def test_a_child_of_a_child_is_started_safely_too() -> None:
    assert python_environment()["PYTHONSAFEPATH"] == "1"
    assert python_command("pip", "--version") == [sys.executable, "-P", "-m", "pip", "--version"]


def test_variables_are_passed_on_and_override_those_of_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE", "parent")
    monkeypatch.setenv("OTHER", "parent")
    environment = python_environment(PROBE="child")
    assert (environment["PROBE"], environment["OTHER"]) == ("child", "parent")


def test_a_package_in_the_current_directory_is_found_by_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a checkout in which `python -m profilegen` is started."""
    checkout = tmp_path / "checkout"
    shutil.copytree(
        Path(PACKAGE_PARENT) / "profilegen", checkout / "profilegen", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(Path(PACKAGE_PARENT) / "models", checkout / "models", ignore=shutil.ignore_patterns("*.gguf"))
    program = """
        import subprocess
        from profilegen.processes import python_command, python_environment
        command = python_command("profilegen", "--version")
        print(subprocess.run(command, env=python_environment(), capture_output=True, text=True).stdout.strip())
        import profilegen
        print(profilegen.__file__)
    """
    monkeypatch.delenv("PYTHONPATH", raising=False)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=checkout, capture_output=True, text=True, check=False
    )
    version, file = done.stdout.splitlines()
    assert version.endswith(profilegen.__version__)
    assert file == str(checkout / "profilegen" / "__init__.py")


def test_dropping_the_current_directory_leaves_the_other_entries_in_order(
    hostile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(hostile), PACKAGE_PARENT, "/some/where", "/else/where"])
    drop_current_directory()
    assert sys.path == [PACKAGE_PARENT, "/some/where", "/else/where"]


def test_dropping_the_current_directory_leaves_it_where_the_package_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PACKAGE_PARENT)
    monkeypatch.setattr(sys, "path", [PACKAGE_PARENT, "/some/where"])
    drop_current_directory()
    assert sys.path == [PACKAGE_PARENT, "/some/where"]


def test_the_command_imports_nothing_from_the_current_directory_but_what_python_imports_itself(
    hostile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hostile / "json.py").unlink()  # `python -m` puts the directory first before any code of this package runs.
    monkeypatch.setenv("PYTHONPATH", PACKAGE_PARENT)
    done = subprocess.run([sys.executable, "-m", "profilegen", "models", "list"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (hostile / "ran").exists()
