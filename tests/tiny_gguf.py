"""Writes GGUF files of a few hundred bytes: real headers, one small tensor, no model to speak of."""

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize
from safetensors.numpy import save_file

MATRIX, WIDTH, RANK = "blk.0.attn_q", 256, 3


def write_tiny_gguf(
    path: Path, architecture: str = "bert", *, pooling: int | None = None, seed: int = 0, **metadata: Any
) -> Path:
    """Write a file that says it is of the architecture and reads 128 tokens; another seed is another file."""
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(128)
    if pooling is not None:
        writer.add_uint32(f"{architecture}.pooling_type", pooling)
    for key, value in metadata.items():
        writer.add_key_value(key.replace("__", "."), value, _kind(value))
    writer.add_token_list(["a", "b", "c"])
    writer.add_tensor("token_embd.weight", np.full((3, 8), seed, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_language_model(
    path: Path, weight_type: GGMLQuantizationType, architecture: str = "qwen2", *, blocks: int = 1
) -> Path:
    """Write two random matrices a block and a vector of a language model that is far from whole."""
    chance = np.random.default_rng(1)
    writer = GGUFWriter(path, architecture)
    writer.add_name("base")
    writer.add_context_length(128)
    writer.add_token_list(["a", "b", "café"])
    writer.add_block_count(blocks)
    for name in [f"blk.{block}.{matrix}" for block in range(blocks) for matrix in ("attn_q", "attn_k")]:
        weights = chance.normal(0, 1, (64, WIDTH)).astype(np.float32)
        writer.add_tensor(f"{name}.weight", quantize(weights, weight_type), raw_dtype=weight_type)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_adapter(path: Path, *, matrix: str = MATRIX, width: int = WIDTH, **metadata: str) -> Path:
    """Write a random adapter for one of these matrices."""
    chance = np.random.default_rng(2)
    factors = {
        f"{matrix}.lora_a": chance.normal(0, 0.1, (RANK, width)).astype(np.float16),
        f"{matrix}.lora_b": chance.normal(0, 1, (64, RANK)).astype(np.float16),
    }
    save_file(factors, path, metadata=metadata)
    return path


def _kind(value: Any) -> Any:
    from gguf import GGUFValueType

    return GGUFValueType.STRING if isinstance(value, str) else GGUFValueType.UINT16
