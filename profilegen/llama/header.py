"""Reads the metadata of a GGUF file without loading the model, and checks that the file is complete."""

from __future__ import annotations

import math
import mmap
import os
import struct
from pathlib import Path
from typing import Any, Literal

from profilegen.errors import ModelError
from profilegen.records import Record

Job = Literal["embedder", "writer", "verifier"]
Pooling = Literal["none", "mean", "cls", "last"]

# Far more than any model has (Gemma 3, with 262,144 tokens: 12 MB), and read in seconds whatever it holds.
_MAX_HEADER_BYTES = 128 << 20
_MAX_ENTRIES = 100_000
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_RANK = 4
# Metadata of models that were trained for profilegen.
TRAINED_KEY = "profilegen.trained"
THRESHOLD_KEY = "profilegen.threshold"
VETO_KEY = "profilegen.veto"
RESERVE_KEY = "profilegen.reserve"
ANSWERS_KEY = "profilegen.answers"
_POOLINGS: dict[int, Pooling] = {0: "none", 1: "mean", 2: "cls", 3: "last"}
_ENCODERS = {
    "bert",
    "nomic-bert",
    "nomic-bert-moe",
    "jina-bert-v2",
    "jina-bert-v3",
    "neo-bert",
    "modern-bert",
    "eurobert",
    "t5encoder",
    "gemma-embedding",
}
_NO_TEXT_MODELS = {"clip", "wavtokenizer-dec"}  # Parts of models for images and sound.


class Header(Record):
    """The metadata of a GGUF file: `context` in tokens, `parts` the number of files that the model was split into.

    `trained` tells whether the model was trained for profilegen's own prompts; `reserve` is added to the log-odds that
    a note of such a writer holds. From the probability `threshold` on, a
    verifier takes a claim for shown; a claim below `veto` is dropped without asking a larger verifier. `answers` are
    the words for the three labels of a verifier that is a language model; an encoder has none.
    """

    architecture: str
    job: Job
    context: int
    pooling: Pooling
    parts: int = 1
    trained: bool = False
    reserve: float = 0.0
    threshold: float = 0.5
    veto: float = 0.05
    answers: tuple[str, ...] = ()


def read_header(path: Path) -> Header:
    """Read a GGUF file's metadata and check that the file is as long as its tensors need.

    llama.cpp takes seconds for that, and gguf.GGUFReader twenty for a vocabulary of 250,000. The format:
    https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

    :param path: the file.
    :raises ModelError: the file is missing, is not GGUF, is incomplete, or holds no model that reads or writes text.
    """
    if path.exists() and not path.is_file():
        raise ModelError(f"{path} cannot be read: it is not a regular file")  # To open a named pipe would wait.
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            with mmap.mmap(file.fileno(), min(size, _MAX_HEADER_BYTES), access=mmap.ACCESS_READ) as data:
                metadata, needed = _parse(data)
    except (OSError, ValueError, struct.error, IndexError, KeyError) as error:
        if isinstance(error, OSError):
            raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
        reason = str(error) if isinstance(error, _NotGgufError) else "its header is cut short or damaged"
        raise ModelError(f"{path} is not a usable GGUF file: {reason}") from error
    if size < needed:
        raise ModelError(f"{path} is cut short: it has {size:,} bytes of {needed:,}; download it again")
    return _interpret(path, metadata)


class _NotGgufError(ValueError):
    pass


def _parse(data: mmap.mmap) -> tuple[dict[str, Any], int]:
    """Return the metadata without its arrays, and the number of bytes that the file must have."""
    if data[:4] != b"GGUF":
        raise _NotGgufError("it does not begin with the letters GGUF")
    version, tensors, pairs = struct.unpack_from("<IQQ", data, 4)
    if version not in (2, 3):
        raise _NotGgufError(f"its version is {version}; 2 and 3 in little-endian order can be read")
    if max(tensors, pairs) > _MAX_ENTRIES:
        raise _NotGgufError(f"it claims to have {max(tensors, pairs):,} tensors or metadata entries")
    at = 24
    metadata: dict[str, Any] = {}
    for _ in range(pairs):
        key, at = _string(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        metadata[key], at = _value(data, at + 4, kind)
    end = 0
    for _ in range(tensors):
        _name, at = _string(data, at)
        (dimensions,) = struct.unpack_from("<I", data, at)
        shape = struct.unpack_from(f"<{_bounded(dimensions, 8)}Q", data, at + 4)
        kind, offset = struct.unpack_from("<IQ", data, at + 4 + 8 * dimensions)
        at += 16 + 8 * dimensions
        end = max(end, offset + _tensor_bytes(shape, kind))
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1:
        raise _NotGgufError("its header is damaged")
    return metadata, at + -at % alignment + end


def _string(data: mmap.mmap, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<Q", data, at)
    end = at + 8 + _bounded(length, len(data))
    return data[at + 8 : end].decode("utf-8", errors="replace"), end


def _value(data: mmap.mmap, at: int, kind: int) -> tuple[Any, int]:
    """Return a value, None for an array, and the position after it."""
    if kind == _STRING:
        return _string(data, at)
    if kind != _ARRAY:
        form = "<" + _SCALARS[kind]
        return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
    of, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if of != _STRING:  # Models have no arrays of arrays.
        return None, at + count * struct.calcsize("<" + _SCALARS[of])
    for _ in range(_bounded(count, len(data) // 8)):
        (length,) = struct.unpack_from("<Q", data, at)
        at += 8 + _bounded(length, len(data))
    return None, at


def _bounded(number: int, maximum: int) -> int:
    if number > maximum:
        raise _NotGgufError("its header is cut short or damaged")
    return number


def _tensor_bytes(shape: tuple[int, ...], kind: int) -> int:
    """Return the size of a tensor, 0 where the gguf package does not know its type."""
    from gguf import GGML_QUANT_SIZES

    per_block, block_bytes = GGML_QUANT_SIZES.get(kind, (1, 0))
    return math.prod(shape) // int(per_block) * int(block_bytes)


def _interpret(path: Path, metadata: dict[str, Any]) -> Header:
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str):
        raise ModelError(f"{path} is not a usable GGUF file: its metadata has no architecture")
    kind = metadata.get("general.type", "model")
    if architecture in _NO_TEXT_MODELS or kind not in ("model", ""):
        raise ModelError(f"{path} is not a text model (architecture {architecture}, {kind})")
    pooling = metadata.get(f"{architecture}.pooling_type")
    answers = metadata.get(ANSWERS_KEY)
    verifies = isinstance(answers, str) or (pooling == _RANK and f"{architecture}.classifier.output_labels" in metadata)
    if pooling == _RANK and not verifies:
        raise ModelError(f"{path} is a reranker, which neither embeds nor writes nor verifies")
    embeds = architecture in _ENCODERS or bool(pooling)
    try:
        return Header(
            architecture=architecture,
            job="verifier" if verifies else "embedder" if embeds else "writer",
            context=metadata[f"{architecture}.context_length"],
            pooling="none" if verifies else _POOLINGS[pooling or 0] if pooling or not embeds else "mean",
            parts=metadata.get("split.count") or 1,
            trained=bool(metadata.get(TRAINED_KEY)),
            reserve=metadata.get(RESERVE_KEY, 0.0),
            threshold=metadata.get(THRESHOLD_KEY, 0.5),
            veto=metadata.get(VETO_KEY, 0.05),
            answers=tuple(answers.split("|")) if isinstance(answers, str) else (),
        )
    except (KeyError, ValueError) as error:
        raise ModelError(f"{path} is not a usable GGUF file: its metadata has no context length") from error
