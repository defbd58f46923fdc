"""Writes GGUF files of a few hundred bytes: real headers, one small tensor, no model to speak of."""

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFWriter


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


def _kind(value: Any) -> Any:
    from gguf import GGUFValueType

    return GGUFValueType.STRING if isinstance(value, str) else GGUFValueType.UINT16
