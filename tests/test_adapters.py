"""Adapters merged into models, on tiny language models of random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize
from tiny_gguf import MATRIX, RANK, WIDTH, write_adapter, write_language_model

from profilegen.errors import ModelError
from profilegen.llama.adapters import merge_adapter
from profilegen.llama.header import read_header
from profilegen.llama.resolve import resolve


def tensors_of(path: Path) -> dict[str, Any]:
    return {tensor.name: tensor for tensor in GGUFReader(path).tensors}


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    base = write_language_model(tmp_path / "base.gguf", GGMLQuantizationType.Q4_1)
    merge_adapter(base, write_adapter(tmp_path / "a.safetensors"), tmp_path / "merged.gguf", name="own")
    return tmp_path / "merged.gguf"


@pytest.mark.parametrize("weight_type", ["F16", "F32", "Q8_0", "Q4_0", "Q4_1", "Q5_0"])
def test_a_matrix_of_any_type_gets_the_product_of_the_factors_added_in_eight_bits(
    weight_type: str, tmp_path: Path
) -> None:
    base = write_language_model(tmp_path / "base.gguf", GGMLQuantizationType[weight_type])
    adapter = write_adapter(tmp_path / "a.safetensors")
    merge_adapter(base, adapter, tmp_path / "merged.gguf", name="own")
    before, after = tensors_of(base)[f"{MATRIX}.weight"], tensors_of(tmp_path / "merged.gguf")[f"{MATRIX}.weight"]
    chance = np.random.default_rng(2)
    a = chance.normal(0, 0.1, (RANK, WIDTH)).astype(np.float16).astype(np.float32)
    b = chance.normal(0, 1, (64, RANK)).astype(np.float16).astype(np.float32)
    wanted = dequantize(before.data, before.tensor_type) + b @ a
    assert after.tensor_type == GGMLQuantizationType.Q8_0
    # Eight bits of the largest of 32 weights.
    assert np.abs(dequantize(after.data, after.tensor_type) - wanted).max() <= np.abs(wanted).max() / 127 / 2 * 1.01


def test_all_else_is_copied_and_the_name_is_new(merged: Path, tmp_path: Path) -> None:
    base, own = tensors_of(tmp_path / "base.gguf"), tensors_of(merged)
    for name in base.keys() - {f"{MATRIX}.weight"}:
        assert own[name].tensor_type == base[name].tensor_type
        assert np.array_equal(own[name].data, base[name].data)
    fields = GGUFReader(merged).fields
    assert fields["general.name"].contents() == "own"
    assert fields["tokenizer.ggml.tokens"].contents() == ["a", "b", "café"]
    assert read_header(merged).trained


def test_the_same_input_gives_the_same_bytes(merged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profilegen.llama.adapters._BLOCK_WEIGHTS", 5 * WIDTH)
    merge_adapter(tmp_path / "base.gguf", tmp_path / "a.safetensors", tmp_path / "again.gguf", name="own")
    assert (tmp_path / "again.gguf").read_bytes() == merged.read_bytes()


def test_a_language_model_with_answers_becomes_a_verifier_with_its_threshold(tmp_path: Path) -> None:
    base = write_language_model(tmp_path / "base.gguf", GGMLQuantizationType.Q8_0, "llama")
    adapter = write_adapter(tmp_path / "a.safetensors", answers=" yes| no| opposite", threshold="0.75", veto="0.125")
    merge_adapter(base, adapter, tmp_path / "v.gguf", name="v")
    found = resolve(str(tmp_path / "v.gguf"), "verifier")
    assert (found.threshold, found.veto, found.answers) == (0.75, 0.125, (" yes", " no", " opposite"))


def test_with_layers_only_the_first_blocks_are_written(tmp_path: Path) -> None:
    base = write_language_model(tmp_path / "base.gguf", GGMLQuantizationType.Q8_0, blocks=3)
    merge_adapter(base, write_adapter(tmp_path / "a.safetensors", layers="2"), tmp_path / "m.gguf", name="m")
    assert len(tensors_of(base)) - len(tensors_of(tmp_path / "m.gguf")) == 2
    assert not any(name.startswith("blk.2.") for name in tensors_of(tmp_path / "m.gguf"))
    assert GGUFReader(tmp_path / "m.gguf").fields["qwen2.block_count"].contents() == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"width": 128}, "attn_q is missing or of another shape"),
        ({"matrix": "blk.7.attn_q"}, "blk.7.attn_q is missing"),
        ({"answers": " yes| no", "threshold": "0.5"}, "not a word for each of shown"),
        ({"answers": "a|b|c"}, "threshold"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(options: dict[str, Any], reason: str, tmp_path: Path) -> None:
    base = write_language_model(tmp_path / "base.gguf", GGMLQuantizationType.Q8_0)
    with pytest.raises(ModelError, match=reason):
        merge_adapter(base, write_adapter(tmp_path / "a.safetensors", **options), tmp_path / "m.gguf", name="m")


def test_an_adapter_that_was_cut_short_is_refused(merged: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "a.safetensors"
    adapter.write_bytes(adapter.read_bytes()[:-9])
    with pytest.raises(ModelError, match=r"a\.safetensors is not a readable adapter"):
        merge_adapter(tmp_path / "base.gguf", adapter, tmp_path / "m.gguf", name="m")


def test_a_model_of_another_architecture_is_refused(tmp_path: Path) -> None:
    base = write_language_model(tmp_path / "base.gguf", GGMLQuantizationType.Q8_0, "gemma3")
    with pytest.raises(ModelError, match="of the architecture gemma3; adapters are for bert, llama, qwen2"):
        merge_adapter(base, write_adapter(tmp_path / "a.safetensors"), tmp_path / "m.gguf", name="m")
