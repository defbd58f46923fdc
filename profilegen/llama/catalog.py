"""The models there are: those of the catalogue and one's own, and which file a name or a path stands for."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from profilegen.errors import ModelError, UsageError
from profilegen.llama.digest import file_sha256
from profilegen.llama.header import Job, Pooling, read_header
from profilegen.records import Record
from profilegen.resources import models_dir, resource


class WheelFile(Record):
    """A file inside a wheel."""

    path: str
    bytes: int
    sha256: str


class PackageSource(Record):
    """Weights inside a package of the package index. `platform` is the wheel's, if it has one."""

    package: str
    version: str
    platform: str | None = None
    format: Literal["gguf", "minilm-safetensors", "e5s1"]
    download_mb: int
    files: tuple[WheelFile, ...]

    @property
    def pinned(self) -> dict[str, str]:
        """The SHA-256 of each file that is downloaded, by its path."""
        return {file.path: file.sha256 for file in self.files}


class HubSource(Record):
    """A GGUF file of a Hugging Face hub, with its pinned hash; `revision` is a branch, a tag or a commit."""

    repo: str
    file: str
    sha256: str
    revision: str | None = None

    @property
    def pinned(self) -> dict[str, str]:
        """The SHA-256 of each file that is downloaded, by its path."""
        return {self.file: self.sha256}


class Model(Record):
    """A model that has a name. `languages` are codes or `*` for all; `size_mb` is that of the GGUF file."""

    name: str
    job: Job
    languages: tuple[str, ...]
    pooling: Pooling = "none"
    prefix: str = ""
    query_prefix: str | None = None
    context: int
    licence: str
    size_mb: int
    default: bool = False
    sources: tuple[PackageSource | HubSource, ...] = ()


class Trial(Record):
    """How a model did in a weight type: processor milliseconds a token read and written, and how good it was.

    Of an embedder, which writes nothing, `agreement` is the mean cosine with the vectors of the file as it came.
    """

    weight_type: str
    read_ms: float
    write_ms: float | None = None
    perplexity: float | None = None
    agreement: float


class Tuned(Record):
    """Which weight type a model is used in on a processor; `sha256` and `bytes` are of its file, if it has one."""

    weight_type: str
    processor: str
    trials: tuple[Trial, ...]
    sha256: str | None = None
    bytes: int | None = None


class PulledRecord(Record):
    """What lies beside a GGUF file as `NAME.json`: where it came from, and the hashes.

    `fetched` maps what was fetched to its SHA-256; `sha256` is that of the GGUF file. `own` describes a model
    that is not of the catalogue.
    """

    source: str
    fetched: dict[str, str]
    sha256: str
    bytes: int
    when: str
    own: Model | None = None
    tuned: Tuned | None = None


class ResolvedModel(Record):
    """A model that is there: the file, the hash of it as it came, and how it is to be used.

    `weight_type` names the type that the model was rewritten in for this processor, None where the file is as it came.
    `prefix` stands before every text that is embedded, `query_prefix` before a search query. `source` is what `resolve`
    finds it by again, from any directory.
    """

    name: str
    path: Path
    sha256: str
    job: Job
    languages: tuple[str, ...]
    pooling: Pooling
    prefix: str
    context: int
    source: str
    query_prefix: str = ""
    weight_type: str | None = None


@cache
def processor() -> str:
    """Return what this machine calls its processor; virtual ones of several generations may have one name."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
        if name := told.get("model name"):
            return f"{platform.machine()} {name} (family {told.get('cpu family')} model {told.get('model')})"
    return f"{platform.machine()} {platform.processor()}".strip()


@cache
def load_catalog() -> dict[str, Model]:
    """Return the models of `models/catalog.toml` by name.

    :raises ModelError: a person edited the file and it is no longer right.
    """
    path = resource("models/catalog.toml")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: Model.model_validate({"name": name, **table}) for name, table in tables.items()}
    except (tomllib.TOMLDecodeError, ValidationError, TypeError) as error:
        raise ModelError(f"{path} is not right: {error}") from error


def known_models() -> dict[str, Model]:
    """Return the models of the catalogue, then those that were added, by name."""
    models = dict(load_catalog())
    for path in sorted(models_dir().glob("[a-z0-9]*.json")):
        record = read_record(path.stem)
        if record is not None and record.own is not None and record.own.name == path.stem:
            models.setdefault(path.stem, record.own)
    return models


def default_model(job: Job, language: str) -> Model | None:
    """Return the catalogue's model for a job in a language (a code such as `en`), None where it has none."""
    defaults = [model for model in load_catalog().values() if model.default and model.job == job]
    return next((model for model in defaults if {language, "*"} & {*model.languages}), None)


def is_pulled(name: str) -> bool:
    """Tell whether a model is there, by its record and its size; the hash is checked when it is used."""
    record, path = read_record(name), gguf_path(name)
    return record is not None and path.is_file() and path.stat().st_size == record.bytes


def add_model(
    path: Path,
    name: str,
    *,
    languages: tuple[str, ...] = (),
    pooling: Pooling | None = None,
    prefix: str = "",
    query_prefix: str | None = None,
    licence: str = "",
) -> Model:
    """Put a GGUF file of one's own among the models, hard-linked where that can be, else copied.

    Its job and context are read from the file, so is the pooling unless given. Without `languages` an
    embedder is taken to know all, a writer English. The same file may be added again with other options.

    :raises UsageError: the name cannot be used.
    :raises ModelError: the file is no model, or the name belongs to another one.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,99}", name):
        raise UsageError(f"{name!r} cannot be a model's name: use small letters, digits, dots and hyphens")
    header = read_header(path)
    if header.parts > 1:
        raise ModelError(f"{path} is one of {header.parts} parts; merge them first (llama-gguf-split --merge)")
    digest = file_sha256(path)
    taken = read_record(name)
    if name in load_catalog() or (taken is not None and taken.sha256 != digest):
        raise ModelError(f"there is another model called {name}; choose a different name")
    size = path.stat().st_size
    model = Model(
        name=name,
        job=header.job,
        languages=languages or languages_unless_named(header.job),
        pooling=pooling or header.pooling,
        prefix=prefix,
        query_prefix=query_prefix,
        context=header.context,
        licence=licence or "unknown",
        size_mb=round(size / 1e6),
    )
    try:
        _place(path, gguf_path(name))
    except OSError as error:
        raise ModelError(f"{path} cannot be stored in {models_dir()}: {error.strerror or error}") from error
    write_record(name, source=str(path), fetched={path.name: digest}, sha256=digest, size=size, own=model)
    return model


def gguf_path(name: str) -> Path:
    """Return where the file of a named model lies, or will lie."""
    return models_dir() / f"{name}.gguf"


def tuned_path(name: str) -> Path:
    """Return where the file of a model in another weight type lies, or will lie."""
    return models_dir() / f"{name}.tuned.gguf"


def read_record(name: str) -> PulledRecord | None:
    """Return what is recorded of a named model, None where there is nothing readable."""
    try:
        return PulledRecord.model_validate_json(gguf_path(name).with_suffix(".json").read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(
    name: str, *, source: str, fetched: dict[str, str], sha256: str, size: int, own: Model | None = None
) -> None:
    """Record in one piece what a named model's file is."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    _put_record(name, PulledRecord(source=source, fetched=fetched, sha256=sha256, bytes=size, when=when, own=own))


def record_tuned(name: str, tuned: Tuned) -> None:
    """Record what a model was tuned to."""
    record = read_record(name)
    if record is not None:
        _put_record(name, record.model_copy(update={"tuned": tuned}))


def _put_record(name: str, record: PulledRecord) -> None:
    part = models_dir() / f".{name}.{os.getpid()}.part"
    part.write_text(record.model_dump_json(indent=1, exclude_none=True) + "\n", encoding="utf-8")
    part.replace(gguf_path(name).with_suffix(".json"))


def languages_unless_named(job: Job) -> tuple[str, ...]:
    """Assume little of a writer: prose in a language it does not know is worse than none."""
    return ("*",) if job == "embedder" else ("en",)


def _place(source: Path, target: Path) -> None:
    """Have the file at the target, at once and in full or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.stem}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        try:
            part.hardlink_to(source.resolve())
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
