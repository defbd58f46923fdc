"""What several test modules share: the real models and a store of the sample."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from filelock import FileLock

import profilegen
from profilegen.llama.catalog import ResolvedModel, load_catalog
from profilegen.llama.resolve import resolve
from profilegen.resources import prompts_dir, resource
from profilegen.store.index import POINTER_FILE

# A shell has what it runs in the background ignore Ctrl-C, and what that starts inherits it; tests press Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Lest each build of texts in several languages take minutes; tests of the larger writer take this away.
os.environ.setdefault("PROFILEGEN_WRITER", "profilegen-writer-135m")
_LARGE = "profilegen-writer-500m"


@pytest.fixture(scope="session")
def models() -> dict[str, ResolvedModel]:
    """Give the default models but the large one, and the base of our writer; those that are missing are pulled."""
    defaults = {name for name, model in load_catalog().items() if model.default}
    wanted = [
        model for model in load_catalog().values() if model.name in defaults - {_LARGE} | {"smollm2-135m-instruct"}
    ]
    return {model.name: resolve(model.name, model.job, pull=True) for model in wanted}


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store built from the whole sample that ships; copy it before you change it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which the processes share: the first builds for all
    store = folder / "sample-store"
    with FileLock(folder / "sample-store.lock"):
        if not (store / POINTER_FILE).exists():
            profilegen.build(resource("examples/sample.jsonl"), store=store)
    return store


@pytest.fixture
def budget_facet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a strict facet with choices to those that ship."""
    folder = tmp_path / "prompts"
    shutil.copytree(prompts_dir(), folder)
    lines = ["", "[[facet]]", 'name = "budget"', 'about = "How much money the person can spend."']
    lines += ['one_of = ["low", "high"]', 'claim = "has a {} budget"', "strict = true", ""]
    with (folder / "facets.toml").open("a", encoding="utf-8") as file:
        file.write("\n".join(lines))
    monkeypatch.setenv("PROFILEGEN_PROMPTS", str(folder))
