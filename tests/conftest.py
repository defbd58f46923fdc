"""What several test modules share: the real models."""

import pytest

from profilegen.llama.catalog import ResolvedModel, load_catalog, resolve


@pytest.fixture(scope="session")
def models() -> dict[str, ResolvedModel]:
    """Give the catalogue's default models by name, pulled where they are not there yet."""
    defaults = [model for model in load_catalog().values() if model.default]
    return {model.name: resolve(model.name, model.job, pull=True) for model in defaults}
