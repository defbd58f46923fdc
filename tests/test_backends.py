from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from profilegen.backends import Model, open_embedder, open_writer
from profilegen.errors import ModelError


@pytest.mark.parametrize("open_model", [open_embedder, open_writer])
def test_a_backend_that_does_not_exist_is_named_with_those_that_do(open_model: Callable[[str], Model]) -> None:
    with pytest.raises(ModelError, match=r"no backend 'toi'.* gguf:NAME"):
        open_model("toi:words")


def test_a_backend_without_a_model_is_refused() -> None:
    with pytest.raises(ModelError, match="write gguf:NAME"):
        open_embedder("gguf:")


def test_a_path_with_a_colon_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toi:words").write_bytes(b"none")
    for path in ("toi:words", f"{tmp_path}/other:words"):
        with pytest.raises(ModelError) as error:
            open_embedder(path)
        assert "backend" not in str(error.value)


def test_the_scheme_of_the_default_backend_may_be_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model called nothing"):
        open_writer("gguf:nothing")
