"""The wheel, installed outside the checkout, is all that is needed."""

import os
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import venv
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

import profilegen
from profilegen.records import KINDS
from profilegen.resources import models_dir
from profilegen.store.ledger import LEDGER_FILE

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)], folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the commands of an environment with the wheel in it, which borrows the dependencies of this one."""
    home = tmp_path_factory.mktemp("elsewhere") / "environment"
    venv.create(home, symlinks=True)
    commands = home / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(commands / "python")]
    _run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], home)
    own = _run([str(commands / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], home)
    # The folder comes after the environment's own, and what makes this checkout importable in it is not followed.
    borrowed = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    (Path(own.strip()) / "borrowed.pth").write_text("\n".join(borrowed), "utf-8")
    return commands


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"profilegen"}
    assert {Path(name).suffix for name in names if name.startswith("profilegen/")} <= {
        ".py",
        ".typed",
        ".jinja",
        ".toml",
        ".txt",
        ".jsonl",
        ".css",
        ".js",
        ".md",
        ".LICENSE",
        ".safetensors",
    }


def test_the_wheel_carries_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        licence = next(name for name in archive.namelist() if name.endswith("licenses/LICENSE"))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_wheel_command_and_package_have_one_version(wheel: Path, elsewhere: Path, empty: Path) -> None:
    assert wheel.name.split("-")[1] == profilegen.__version__
    assert _run([str(elsewhere / "profilegen"), "--version"], empty) == f"profilegen {profilegen.__version__}\n"


@pytest.mark.parametrize("name", ["prompts/notes.jinja", "prompts/facets.toml", "models/catalog.toml"])
def test_an_installed_profilegen_has_its_prompts_and_its_catalogue_inside_itself(
    name: str, elsewhere: Path, empty: Path
) -> None:
    assert elsewhere.parent in _found(name, elsewhere, empty).parents


def test_an_installed_profilegen_builds_and_shows_the_sample_that_it_carries(
    elsewhere: Path, empty: Path, sample_store: Path
) -> None:
    assert elsewhere.parent in _found("examples/sample.jsonl", elsewhere, empty).parents
    store = empty / "demo-store"
    shutil.copytree(sample_store, store)
    with closing(sqlite3.connect(store / LEDGER_FILE)) as ledger, ledger:
        ledger.execute("PRAGMA foreign_keys = ON")
        ledger.execute("DELETE FROM profiles WHERE user_id IN ('maya_t', 'oldboy_walter')")
    said = _run([str(elsewhere / "profilegen"), "demo"], empty)
    with profilegen.open_store(store) as opened:
        report = opened.last_build()
    # With a sample, prompts or models that are not those of the checkout it would have made more again.
    assert report is not None
    assert (report.embedded, report.written) == (0, 2)
    assert "68 users with 277 documents" in said
    assert "0 failed" in said
    assert "profilegen segments" in said
    assert said.count("$ profilegen show") == 2
    assert any(kind.heading in said for kind in KINDS.values())
    assert "why: " in said
    assert [path.name for path in empty.iterdir()] == ["demo-store"]


def _found(name: str, elsewhere: Path, folder: Path) -> Path:
    script = "import sys; from profilegen.resources import resource; print(resource(sys.argv[1]))"
    return Path(_run([str(elsewhere / "python"), "-c", script, name], folder).strip())


def _run(command: list[str], folder: Path) -> str:
    """Run a command in a folder, with the models and the writer of the tests; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PROFILEGEN_", "PYTHON"))}
    environment |= {"PROFILEGEN_MODELS": str(models_dir()), "PROFILEGEN_WRITER": os.environ["PROFILEGEN_WRITER"]}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
