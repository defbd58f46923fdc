"""Merges an adapter into the model that it was trained on: python -m training.merge BASE.gguf ADAPTER OUT.gguf."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter, PoolingType
from gguf.quants import dequantize
from safetensors import SafetensorError, safe_open

from profilegen.llama.header import THRESHOLD_KEY

_REPLACED_FIELDS = frozenset({"general.architecture", "general.name", "bert.pooling_type"})


def merge_adapter(base: Path, adapter: Path, target: Path, *, name: str) -> None:
    """Write an encoder with a LoRA adapter merged into it and a head that scores labels, as GGUF.

    Adapted matrices are written in F16, vectors that the adapter has are replaced, all else is copied. LoRA: Hu et al.
    2021, arXiv 2106.09685. The same input gives the same bytes. The target is written in place; the caller moves it.

    :param base: GGUF file of an encoder of the architecture `bert`.
    :param adapter: safetensors with `NAME.lora_a` (rank, n_in) and `NAME.lora_b` (n_out, rank), the scale in the
        latter, for tensors `NAME.weight`, and the head as `cls.*`; its metadata
        has `labels`, joined with a bar, and `threshold`, the probability from which a claim counts as shown.
    :param target: the GGUF file to write.
    :param name: name of the model in the metadata.
    :raises ValueError: one of the files is damaged, or they do not belong together.
    """
    try:
        with safe_open(adapter, "numpy") as file:
            parts = {key: file.get_tensor(key).astype(np.float32) for key in file.keys()}  # noqa: SIM118
            labels = file.metadata()["labels"].split("|")
            threshold = float(file.metadata()["threshold"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ValueError(f"{adapter.name} is not a readable adapter: {error}") from error
    reader = GGUFReader(base)
    writer = GGUFWriter(target, "bert")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in _REPLACED_FIELDS:
            continue
        element = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=element)
    writer.add_name(name)
    writer.add_pooling_type(PoolingType.RANK)
    writer.add_classifier_output_labels(labels)
    writer.add_float32(THRESHOLD_KEY, threshold)
    adapted = {key.removesuffix(".lora_a") for key in parts if key.endswith(".lora_a")}
    for tensor in reader.tensors:
        key = tensor.name.removesuffix(".weight")
        if key in adapted and tensor.name.endswith(".weight"):
            change = parts[f"{key}.lora_b"] @ parts[f"{key}.lora_a"]
            weights = dequantize(tensor.data, tensor.tensor_type)
            if weights.shape != change.shape:
                raise ValueError(f"{adapter.name} is not an adapter for {base.name}: {key} has another shape")
            adapted.discard(key)
            writer.add_tensor(tensor.name, (weights + change).astype(np.float16))
        elif tensor.name in parts:
            writer.add_tensor(tensor.name, parts[tensor.name])
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    if adapted:
        raise ValueError(f"{adapter.name} is not an adapter for {base.name}, which has no {min(adapted)}")
    for key in ("cls.weight", "cls.bias", "cls.output.weight", "cls.output.bias"):
        writer.add_tensor(key, parts[key])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(f"usage: {__doc__}")
    merge_adapter(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), name=Path(sys.argv[3]).stem)
