"""Merges an adapter into the model that it was trained on.

An adapter is a safetensors file with `NAME.lora_a` (rank, n_in) and `NAME.lora_b` (n_out, rank), the scale in the
latter, for matrices `NAME.weight` of the model (LoRA: Hu et al. 2021, arXiv 2106.09685). It may hold whole vectors of
the model too. Its metadata tells what it makes of the model:

- of an encoder, a verifier: the head is `cls.*`, the metadata has `labels`, joined by bars, and `threshold`;
- of a language model, a writer, perhaps with `reserve` (`Writer.reserve`), or with `answers` (a word for each label,
  joined by bars) a verifier with `threshold`;
- with `layers`, of a model's first blocks alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from profilegen.backends import LABELS, Progress, no_progress
from profilegen.errors import ModelError
from profilegen.llama.header import ANSWERS_KEY, RESERVE_KEY, THRESHOLD_KEY, TRAINED_KEY, VETO_KEY

if TYPE_CHECKING:
    from gguf import GGUFReader, GGUFWriter, ReaderTensor

    Array = npt.NDArray[Any]

ENCODERS, LANGUAGE_MODELS = ("bert",), ("llama", "qwen2")
_HEAD = ("cls.weight", "cls.bias", "cls.output.weight", "cls.output.bias")
# Weights that are merged at a time, so that a large matrix takes little memory.
_BLOCK_WEIGHTS = 1 << 22


def merge_adapter(base: Path, adapter: Path, target: Path, *, name: str, progress: Progress = no_progress) -> None:
    """Write a model with an adapter merged into it, as GGUF; all that the adapter leaves alone is copied.

    Changed matrices of an encoder are written in F16, those of a language model in Q8_0: in four bits, plain rounding
    loses what the adapter has changed. The same input gives the same bytes. The target is written in place; the caller
    moves it.

    :param base: GGUF file of the model, in any weight type.
    :param adapter: the safetensors file.
    :param target: the GGUF file to write.
    :param name: name of the model in the metadata.
    :param progress: called with the tensors that are written.
    :raises ModelError: the adapter is damaged, or it is not for this model.
    """
    from gguf import GGUFReader, GGUFWriter

    change = _read_adapter(adapter)
    reader = GGUFReader(base)
    tensors = list(_kept_tensors(reader.tensors, change.metadata.get("layers")))
    architecture = str(reader.fields["general.architecture"].contents())
    if architecture not in (*ENCODERS, *LANGUAGE_MODELS):
        known = ", ".join((*ENCODERS, *LANGUAGE_MODELS))
        raise ModelError(f"{base.name} is of the architecture {architecture}; adapters are for {known}")
    _check_fit(change, tensors, adapter.name, base.name, is_encoder=architecture in ENCODERS)
    writer = GGUFWriter(target, architecture)
    try:
        _add_metadata(writer, reader, change.metadata, architecture, name)
        _write_tensors(writer, tensors, change, _matrix_type(architecture), f"merging {name}", progress)
    except (KeyError, ValueError) as error:
        raise ModelError(f"{adapter.name} cannot be merged into {base.name}: {error}") from error
    finally:
        writer.close()


class _Adapter(NamedTuple):
    """The factors and the vectors of an adapter in float32, by name, and its metadata."""

    tensors: dict[str, Array]
    metadata: Mapping[str, str]

    @property
    def matrices(self) -> set[str]:
        """Names in the model of the matrices that change."""
        return {f"{key.removesuffix('.lora_a')}.weight" for key in self.tensors if key.endswith(".lora_a")}


def _read_adapter(path: Path) -> _Adapter:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            tensors = {key: file.get_tensor(key).astype(np.float32) for key in file.keys()}  # noqa: SIM118
            return _Adapter(tensors, file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path.name} is not a readable adapter: {error}") from error


def _check_fit(change: _Adapter, tensors: Sequence[ReaderTensor], adapter: str, base: str, *, is_encoder: bool) -> None:
    shapes = {tensor.name: tuple(int(size) for size in reversed(tensor.shape)) for tensor in tensors}
    wanted = {f"{matrix.removesuffix('.weight')}.lora_b" for matrix in change.matrices} | set(_HEAD * is_encoder)
    if missing := wanted - change.tensors.keys():
        raise ModelError(f"{adapter} is not a whole adapter: it has no {min(missing)}")
    for key, values in change.tensors.items():
        name, _, factor = key.rpartition(".lora_")
        if name:
            shape = shapes.get(f"{name}.weight", (0, 0))
            fits = values.shape[factor == "a" :][:1] == shape[factor == "a" :][:1] and values.ndim == 2
        else:
            fits = values.shape == shapes.get(key) or (is_encoder and key in _HEAD)
        if not fits:
            raise ModelError(
                f"{adapter} is not an adapter for {base}, whose {name or key} is missing or of another shape"
            )


def _kept_tensors(tensors: Sequence[ReaderTensor], n_layers: str | None) -> Iterator[ReaderTensor]:
    """Give the tensors of the first blocks, and those outside of blocks."""
    for tensor in tensors:
        block = re.match(r"blk\.(\d+)\.", tensor.name)
        if n_layers is None or block is None or int(block[1]) < int(n_layers):
            yield tensor


def _matrix_type(architecture: str) -> Any:
    from gguf import GGMLQuantizationType

    return GGMLQuantizationType.F16 if architecture in ENCODERS else GGMLQuantizationType.Q8_0


def _add_metadata(
    writer: GGUFWriter, reader: GGUFReader, metadata: Mapping[str, str], architecture: str, name: str
) -> None:
    from gguf import GGUFValueType, LlamaFileType, PoolingType

    is_encoder = architecture in ENCODERS
    replaced = {"general.architecture", "general.name", "general.file_type"}
    replaced |= {f"{architecture}.pooling_type"} if is_encoder else set()
    replaced |= {f"{architecture}.block_count"} if "layers" in metadata else set()
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in replaced:
            continue
        element = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=element)
    writer.add_name(name)
    writer.add_file_type(LlamaFileType.MOSTLY_F16 if is_encoder else LlamaFileType.MOSTLY_Q8_0)
    writer.add_bool(TRAINED_KEY, True)
    if "reserve" in metadata:
        writer.add_float32(RESERVE_KEY, float(metadata["reserve"]))
    if "layers" in metadata:
        writer.add_block_count(int(metadata["layers"]))
    if is_encoder:
        writer.add_pooling_type(PoolingType.RANK)
        writer.add_classifier_output_labels(metadata["labels"].split("|"))
    elif answers := metadata.get("answers"):
        if len(set(answers.split("|"))) != len(LABELS):
            raise ValueError(f"its answers are {answers!r}, not a word for each of {', '.join(LABELS)}")
        writer.add_string(ANSWERS_KEY, answers)
    if is_encoder or "answers" in metadata:
        writer.add_float32(THRESHOLD_KEY, float(metadata["threshold"]))
        if "veto" in metadata:
            writer.add_float32(VETO_KEY, float(metadata["veto"]))


def _write_tensors(
    writer: GGUFWriter,
    tensors: Sequence[ReaderTensor],
    change: _Adapter,
    matrix_type: Any,
    stage: str,
    progress: Progress,
) -> None:
    """Write all tensors of the model, then the head of an encoder; one is in memory at a time."""
    matrices, vectors = change.matrices, change.tensors
    head = [key for key in _HEAD if key in vectors]
    for tensor in tensors:
        shape = [int(size) for size in reversed(tensor.shape)]
        if tensor.name in matrices:
            n_bytes = _n_bytes(shape, matrix_type)
            writer.add_tensor_info(tensor.name, shape, np.dtype(np.float32), n_bytes, raw_dtype=matrix_type)
        elif tensor.name in vectors:
            _add_info(writer, tensor.name, vectors[tensor.name])
        else:
            _add_info(writer, tensor.name, tensor.data, tensor.tensor_type)
    for key in head:
        _add_info(writer, key, vectors[key])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    total = len(tensors)
    for done, tensor in enumerate(tensors):
        progress(stage, done, total)
        if tensor.name in matrices:
            writer.write_tensor_data(_merged(tensor, vectors, matrix_type))
        else:
            writer.write_tensor_data(np.ascontiguousarray(vectors.get(tensor.name, tensor.data)))
    for key in head:
        writer.write_tensor_data(np.ascontiguousarray(vectors[key]))
    progress(stage, total, total)


def _add_info(writer: GGUFWriter, name: str, values: Array, raw_type: Any = None) -> None:
    writer.add_tensor_info(name, values.shape, values.dtype, values.nbytes, raw_dtype=raw_type)


def _n_bytes(shape: Sequence[int], weight_type: Any) -> int:
    from gguf import GGML_QUANT_SIZES

    per_block, block_bytes = GGML_QUANT_SIZES[weight_type]
    if shape[-1] % per_block:
        raise ValueError(f"its rows of {shape[-1]} weights cannot be written in blocks of {per_block}")
    return math.prod(shape) // int(per_block) * int(block_bytes)


def _merged(tensor: ReaderTensor, factors: Mapping[str, Array], weight_type: Any) -> Array:
    """Return a matrix with its change added, as the bytes of the weight type.

    The product is computed in float64: there, processors that add in another order round to the same weights.
    """
    from gguf.quants import dequantize, quantize

    name = tensor.name.removesuffix(".weight")
    a, b = (factors[f"{name}.lora_{factor}"].astype(np.float64) for factor in "ab")
    n_rows = max(1, _BLOCK_WEIGHTS // a.shape[1])
    blocks = []
    for start in range(0, len(b), n_rows):
        rows = slice(start, start + n_rows)
        weights = dequantize(tensor.data[rows], tensor.tensor_type) + b[rows] @ a
        blocks.append(quantize(weights.astype(np.float32), weight_type))
    return np.concatenate(blocks)
