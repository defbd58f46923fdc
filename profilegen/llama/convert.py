"""Converts weights from packages to GGUF, and a GGUF file to another weight type."""

from __future__ import annotations

import mmap
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from profilegen.errors import ModelError
from profilegen.processes import python_command, python_environment

if TYPE_CHECKING:
    from gguf import GGUFWriter


_SPACE = "\u2581"  # SentencePiece and llama.cpp write it for the blank before a word.
_MINILM_HEAD_WIDTH = 32
_E5S1_MAGIC = b"E5S1"
_E5S1_F32, _E5S1_Q4_0 = 0, 1
_E5S1_NAMES = {
    "emb.word": "token_embd",
    "emb.pos": "position_embd",
    "emb.type": "token_types",
    "emb.ln": "token_embd_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "ao": "attn_output",
    "aln": "attn_output_norm",
    "fi": "ffn_up",
    "fo": "ffn_down",
    "oln": "layer_output_norm",
}


def minilm_to_gguf(weights: Path, vocabulary: Path, target: Path, *, name: str) -> None:
    """Write a BERT sentence encoder (`model.safetensors` and its `vocab.txt`) as GGUF, matrices in F16.

    Half precision loses nothing that can be measured here, and its products are the fastest of llama.cpp on a processor
    without 8-bit dot products (docs/performance.md). The same input gives the same bytes. The target is written in
    place; the caller moves it.

    :param weights: `model.safetensors`.
    :param vocabulary: `vocab.txt`, one word piece a line.
    :param target: the GGUF file to write.
    :param name: name of the model in the metadata.
    :raises ModelError: the files are not the weights and the word pieces of such a model.
    """
    from gguf import MODEL_ARCH, LlamaFileType, get_tensor_name_map
    from safetensors import SafetensorError, safe_open

    pieces = vocabulary.read_text(encoding="utf-8").splitlines()
    try:
        with safe_open(weights, "numpy") as source:
            tensors = {key: source.get_tensor(key) for key in source.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{weights.name} is not a readable safetensors file: {error}") from error
    layers = sum(key.endswith(".attention.self.query.weight") for key in tensors)
    names = get_tensor_name_map(MODEL_ARCH.BERT, layers)
    named = {names.get_name(key, (".weight", ".bias")): value for key, value in tensors.items()}
    named.pop(None, None)  # The pooler and the position ids: llama.cpp pools the tokens itself.
    try:
        rows, width = named["token_embd.weight"].shape
        positions, feed_forward = len(named["position_embd.weight"]), named["blk.0.ffn_up.bias"].size
        shape = _Shape(width, layers, width // _MINILM_HEAD_WIDTH, feed_forward, positions, 1e-12)
        special = {mark: pieces.index(f"[{mark.upper()}]") for mark in ("cls", "sep", "unk", "pad", "mask")}
    except (KeyError, ValueError) as error:
        raise ModelError(f"{weights.name} or {vocabulary.name} lacks {error}: not a MiniLM") from error
    if rows != len(pieces):
        raise ModelError(f"{vocabulary.name} names {len(pieces)} word pieces, {weights.name} has {rows}")

    writer = _bert_writer(target, shape, name, LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("bert")
    writer.add_token_list([_word_piece(piece) for piece in pieces])
    writer.add_token_types([_word_piece_type(piece) for piece in pieces])
    writer.add_token_type_count(named["token_types.weight"].shape[0])
    writer.add_bos_token_id(special["cls"])
    writer.add_sep_token_id(special["sep"])
    writer.add_unk_token_id(special["unk"])
    writer.add_pad_token_id(special["pad"])
    writer.add_mask_token_id(special["mask"])
    for tensor_name in sorted(named):
        values = named[tensor_name].astype(np.float32)
        if values.ndim == 2 and not tensor_name.startswith(("position_embd", "token_types")):
            writer.add_tensor(tensor_name, values.astype(np.float16))
        else:
            writer.add_tensor(tensor_name, values)
    _write(writer)


def e5s1_to_gguf(source: Path, target: Path, *, name: str) -> None:
    """Write multilingual-e5-small from its `E5S1` container as GGUF; its 4-bit blocks are copied as Q4_0.

    The same input gives the same bytes. The target is written in place; the caller moves it.

    :param source: the container.
    :param target: the GGUF file to write.
    :param name: name of the model in the metadata.
    :raises ModelError: the file is not such a container, or is incomplete.
    """
    from gguf import GGMLQuantizationType, LlamaFileType, TokenType

    try:
        with source.open("rb") as file:  # The map lives as long as the tensors, which are views of it.
            container = _read_e5s1(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise ModelError(f"{source.name} is not a complete E5S1 file: {error}") from error
    pieces = container.pieces
    spare = container.rows - len(pieces)
    types = [TokenType.NORMAL] * len(pieces) + [TokenType.UNUSED] * spare
    for control in (container.bos, container.eos, container.pad, container.mask):
        types[control] = TokenType.CONTROL
    types[container.unk] = TokenType.UNKNOWN

    writer = _bert_writer(target, container.shape, name, LlamaFileType.MOSTLY_Q4_0)
    writer.add_tokenizer_model("t5")  # llama.cpp's name for SentencePiece unigrams
    writer.add_token_list([*pieces, *(f"[unused{number}]".encode() for number in range(spare))])
    writer.add_token_scores([*container.scores, *[0.0] * spare])
    writer.add_token_types(types)
    writer.add_token_type_count(container.token_types)
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(True)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)
    writer.add_bos_token_id(container.bos)
    writer.add_eos_token_id(container.eos)
    writer.add_sep_token_id(container.eos)
    writer.add_pad_token_id(container.pad)
    writer.add_unk_token_id(container.unk)
    for tensor_name, quantised, values in container.tensors:
        writer.add_tensor(tensor_name, values, raw_dtype=GGMLQuantizationType.Q4_0 if quantised else None)
    _write(writer)


def requantize(source: Path, target: Path, weight_type: str) -> None:
    """Write a copy of a GGUF file with its matrices in another weight type.

    It runs in a process of its own, because ggml ends the process on an error. The target is renamed when complete.

    :param source: the GGUF file.
    :param target: the file to write.
    :param weight_type: such as `Q8_0`, `Q4_0` or `IQ4_NL`.
    :raises ModelError: there is no such type, or llama.cpp cannot convert to it.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    command = python_command("profilegen.llama.convert", str(source), str(part), weight_type)
    # GGML_NO_BACKTRACE: else an abort attaches a debugger and hangs.
    environment = python_environment(GGML_NO_BACKTRACE="1")
    try:
        done = subprocess.run(command, env=environment, capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            lines = done.stderr.decode(errors="replace").split("\n")
            reason = next((line.strip() for line in reversed(lines) if line.strip()), f"exit {done.returncode}")
            raise ModelError(f"{source} cannot be rewritten as {weight_type}: {reason[:300]}")
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


class _Shape(NamedTuple):
    width: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    epsilon: float


class _E5s1(NamedTuple):
    shape: _Shape
    rows: int
    token_types: int
    pieces: list[bytes]
    scores: list[float]
    bos: int
    eos: int
    pad: int
    unk: int
    mask: int
    tensors: list[tuple[str, bool, np.ndarray[Any, Any]]]


def _bert_writer(target: Path, shape: _Shape, name: str, file_type: int) -> GGUFWriter:
    """Return a writer of a GGUF file for an encoder with mean pooling, its hyperparameters added."""
    from gguf import GGML_QUANT_VERSION, GGUFWriter, PoolingType

    writer = GGUFWriter(target, "bert")
    writer.add_name(name)
    writer.add_context_length(shape.positions)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_block_count(shape.layers)
    writer.add_head_count(shape.heads)
    writer.add_layer_norm_eps(shape.epsilon)
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_file_type(file_type)
    writer.add_quantization_version(GGML_QUANT_VERSION)
    return writer


def _write(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _word_piece(piece: str) -> str:
    """Return a word piece in the form of llama.cpp, which marks beginnings of words and not continuations."""
    if _bracketed(piece):
        return piece
    return piece[2:] if piece.startswith("##") else _SPACE + piece


def _word_piece_type(piece: str) -> int:
    from gguf import TokenType

    if not _bracketed(piece):
        return int(TokenType.NORMAL)
    return int(TokenType.UNUSED if piece.startswith("[unused") else TokenType.CONTROL)


def _bracketed(piece: str) -> bool:
    return piece.startswith("[") and piece.endswith("]")


def _read_e5s1(data: memoryview) -> _E5s1:
    """Return the content of the container; tensors are views of `data` with their GGUF names."""
    if (magic := data[:4].tobytes()) != _E5S1_MAGIC:
        raise ValueError(f"it starts with {magic!r}")
    _version, width, layers, heads, feed_forward, rows, positions, types, epsilon, block = struct.unpack_from(
        "<I7ifi", data, 4
    )
    if block != 32:
        raise ValueError(f"its blocks are of {block} weights, not 32")
    at = 44
    count, bos, eos, pad, unk, blob_bytes = struct.unpack_from("<5iQ", data, at)
    at += 28
    offsets = np.frombuffer(data, "<u4", count + 1, at).tolist()
    at += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at).tolist()
    at += 4 * count
    blob = data[at : at + blob_bytes].tobytes()
    at += blob_bytes
    _entries, table_bytes = struct.unpack_from("<iI", data, at)
    at += 8 + table_bytes
    pieces = [blob[start:end] for start, end in pairwise(offsets)]
    return _E5s1(
        _Shape(width, layers, heads, feed_forward, positions, epsilon),
        rows,
        types,
        pieces,
        scores,
        bos,
        eos,
        pad,
        unk,
        pieces.index(b"<mask>"),
        list(_e5s1_tensors(data, at, width, feed_forward)),
    )


def _e5s1_tensors(
    data: memoryview, at: int, width: int, feed_forward: int
) -> Iterator[tuple[str, bool, np.ndarray[Any, Any]]]:
    """Give name, whether it is quantised, and values: float32, or uint8 rows of Q4_0 blocks of 18 bytes."""
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(count):
        (name_bytes,) = struct.unpack_from("<H", data, at)
        key = data[at + 2 : at + 2 + name_bytes].tobytes().decode()
        kind, values, offset, _bytes = struct.unpack_from("<BIQQ", data, at + 2 + name_bytes)
        at += 2 + name_bytes + 21
        columns = feed_forward if key.endswith(".fo.w") else width
        if kind == _E5S1_Q4_0:
            array = np.frombuffer(data, np.uint8, values // 32 * 18, offset).reshape(-1, columns // 32 * 18)
        elif kind == _E5S1_F32:
            array = np.frombuffer(data, "<f4", values, offset)
            if key in ("emb.pos", "emb.type"):
                array = array.reshape(-1, columns)
        else:
            raise ValueError(f"tensor {key} is of unknown kind {kind}")
        yield _e5s1_name(key), kind == _E5S1_Q4_0, array


def _e5s1_name(key: str) -> str:
    """Translate `l3.ao.w` into `blk.3.attn_output.weight`."""
    key, suffix = (key[:-2], ".bias") if key.endswith(".b") else (key.removesuffix(".w"), ".weight")
    if layer := re.fullmatch(r"l(\d+)\.(\w+)", key):
        return f"blk.{layer[1]}.{_E5S1_NAMES[layer[2]]}{suffix}"
    return _E5S1_NAMES[key] + suffix


def _requantize_here(source: str, target: str, weight_type: str) -> None:
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    try:
        params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{weight_type}")
    except AttributeError:
        sys.exit(f"llama.cpp knows no weight type {weight_type}")
    params.allow_requantize = True
    if llama_cpp.llama_model_quantize(source.encode(), target.encode(), params):
        sys.exit("llama.cpp cannot convert it; is the file complete, and is there room on the disk?")


if __name__ == "__main__":
    _requantize_here(*sys.argv[1:])
