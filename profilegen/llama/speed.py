"""How long a writer will take on this machine, from a short measurement that is made once."""

from __future__ import annotations

import contextlib
import os

import orjson
from pydantic import TypeAdapter, ValidationError

from profilegen.backends import Progress, Writer, no_progress
from profilegen.llama.catalog import ResolvedModel, processor_name, read_record
from profilegen.llama.tune import AS_SHIPPED, measure_speed
from profilegen.llama.writer import GgufWriter
from profilegen.records import Record
from profilegen.resources import models_dir

_CACHE_FILE = ".speed.json"


class Speed(Record):
    """Milliseconds of one core for a token that a writer reads, and for one that it writes beside fifteen others."""

    processor: str
    read_ms: float
    write_ms: float


def estimate_seconds(
    writer: Writer, *, tokens_read: int, tokens_written: int, workers: int = 1, progress: Progress = no_progress
) -> float | None:
    """Return about how long a writer takes; None for one that is no GGUF file, whose speed cannot be known.

    At first, the writer is measured, which takes as long as 500 tokens.

    :param writer: the writer, whose model need not be loaded.
    :param tokens_read: tokens of all prompts; of turns that prompts share, those of one a worker.
    :param tokens_written: tokens of all answers.
    :param workers: number of processes with the writer, each on a core of its own.
    :param progress: called when the writer is measured.
    :raises ModelError: the model cannot be loaded.
    """
    if not isinstance(writer, GgufWriter):
        return None
    speed = writer_speed(writer.model, progress)
    return (tokens_read * speed.read_ms + tokens_written * speed.write_ms) / 1e3 / workers


def writer_speed(model: ResolvedModel, progress: Progress = no_progress) -> Speed:
    """Return the speed of a writer on this processor, from its record or from earlier; else it is measured and stored.

    :param model: the file, and how it is used.
    :param progress: called when the writer is measured.
    :raises ModelError: the model cannot be loaded.
    """
    if speed := _from_tuning(model):
        return speed
    stored, key = _read_cache(), f"{model.sha256} {model.weight_type or AS_SHIPPED}"
    if (speed := stored.get(key)) and speed.processor == processor_name():
        return speed
    progress(f"measuring the speed of {model.name}", 0, 0)
    read_ms, write_ms = measure_speed(model.path, model.languages)
    speed = Speed(processor=processor_name(), read_ms=round(read_ms, 3), write_ms=round(write_ms, 3))
    _write_cache(_read_cache() | {key: speed})
    return speed


def _from_tuning(model: ResolvedModel) -> Speed | None:
    record = read_record(model.name)
    if record is None or record.sha256 != model.sha256 or record.tuned is None:
        return None
    if record.tuned.processor != processor_name():
        return None
    for trial in record.tuned.trials:
        if trial.weight_type == (model.weight_type or AS_SHIPPED) and trial.write_ms is not None:
            return Speed(processor=processor_name(), read_ms=trial.read_ms, write_ms=trial.write_ms)
    return None


_CACHE: TypeAdapter[dict[str, Speed]] = TypeAdapter(dict[str, Speed])


def _read_cache() -> dict[str, Speed]:
    try:
        return _CACHE.validate_json((models_dir() / _CACHE_FILE).read_bytes())
    except (OSError, ValidationError):
        return {}


def _write_cache(speeds: dict[str, Speed]) -> None:
    """Replace the cache atomically; in a folder without write permission, writers are measured each time."""
    target = models_dir() / _CACHE_FILE
    part = target.with_name(f"{_CACHE_FILE}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        part.write_bytes(orjson.dumps({key: speed.model_dump() for key, speed in speeds.items()}))
        part.replace(target)
