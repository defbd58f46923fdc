"""What several test modules share: the real models and a store of the sample."""

from pathlib import Path

import pytest

import profilegen
from profilegen.llama.catalog import ResolvedModel, load_catalog, resolve
from profilegen.resources import resource


@pytest.fixture(scope="session")
def models() -> dict[str, ResolvedModel]:
    """Give the catalogue's default models by name, pulled where they are not there yet."""
    defaults = [model for model in load_catalog().values() if model.default]
    return {model.name: resolve(model.name, model.job, pull=True) for model in defaults}


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store built from the whole sample that ships; copy it before you change it."""
    store = tmp_path_factory.mktemp("sample") / "store"
    profilegen.build(resource("examples/sample.jsonl"), store=store)
    return store
