"""The models that have a name: those of the catalogue, those that were added, and the records of their files."""

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

from pydantic import Field, ValidationError

from profilegen.errors import ModelError, UsageError
from profilegen.llama.digest import file_sha256
from profilegen.llama.header import Job, Pooling, read_header
from profilegen.llama.sources import AdapterSource, PackageSource, Source
from profilegen.records import Record
from profilegen.resources import models_dir, resource


class Model(Record):
    """A model that has a name.

    `languages` are ISO 639-1 codes, or `*` for all. `prefix` goes before every text that is embedded, `query_prefix`
    before a search query where that differs. `context` is in tokens, `size_mb` the size of the GGUF file. `machine`
    says in words what it needs, `figures` what `profilegen models try` measured. A verifier with `members` asks the
    models of these names in turn, and has no file of its own.
    """

    name: str
    job: Job
    languages: tuple[str, ...]
    pooling: Pooling = "none"
    prefix: str = ""
    query_prefix: str | None = None
    context: int = 0
    licence: str
    size_mb: int = 0
    default: bool = False
    machine: str = ""
    figures: dict[str, float] = Field(default_factory=dict)
    members: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def trained(self) -> bool:
        """Whether profilegen's authors trained it: it is made with an adapter that ships,."""
        return any(isinstance(source, AdapterSource) for source in self.sources)


class Trial(Record):
    """The measurements of a model in one weight type.

    `read_ms` and `write_ms` are processor milliseconds per token. Of a writer, `agreement` is the share of places in
    which its most likely next token is that of the original file; of an embedder, which writes nothing, the mean
    cosine between its vectors and those of the original file.
    """

    weight_type: str
    read_ms: float
    write_ms: float | None = None
    perplexity: float | None = None
    agreement: float


class Tuned(Record):
    """The weight type that a model is used in on a processor; without `sha256` and `bytes`, that of its file."""

    weight_type: str
    processor: str
    trials: tuple[Trial, ...]
    sha256: str | None = None
    bytes: int | None = None


class ModelRecord(Record):
    """The record of a GGUF file, stored beside it as `NAME.json`: its source and its hashes.

    `fetched` maps each file that was downloaded to its SHA-256; `sha256` and `bytes` are of the GGUF file. `own`
    describes a model that is not of the catalogue.
    """

    source: str
    fetched: dict[str, str]
    sha256: str
    bytes: int
    when: str
    own: Model | None = None
    tuned: Tuned | None = None


class ResolvedModel(Record):
    """A model whose file is present, and how to use it.

    `sha256` is of the original file. `path` is the file that is loaded: the original one, or where `weight_type` is
    given, one that was requantised for this processor. `prefix` goes before every text that is embedded,
    `query_prefix` before a search query. `source` is the name or path by which `resolve` finds the model from any
    directory. `trained`, `threshold`, `veto` and `answers` are those of the file's `Header`.
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
    trained: bool = False
    reserve: float = 0.0
    threshold: float = 0.5
    veto: float = 0.05
    answers: tuple[str, ...] = ()


@cache
def processor_name() -> str:
    """Return the name of this machine's processor, with family and model, since virtual processors share names."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
        if name := fields.get("model name"):
            return f"{platform.machine()} {name} (family {fields.get('cpu family')} model {fields.get('model')})"
    return f"{platform.machine()} {platform.processor()}".strip()


@cache
def load_catalog() -> dict[str, Model]:
    """Return the models of `models/catalog.toml` by name.

    :raises ModelError: the file was edited and is invalid.
    """
    path = resource("models/catalog.toml")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: Model.model_validate({"name": name, **table}) for name, table in tables.items()}
    except (tomllib.TOMLDecodeError, ValidationError, TypeError) as error:
        raise ModelError(f"{path} is invalid: {error}") from error


def known_models() -> dict[str, Model]:
    """Return the models of the catalogue and then those that were added, by name."""
    models = dict(load_catalog())
    for path in sorted(models_dir().glob("[a-z0-9]*.json")):
        record = read_record(path.stem)
        if record is not None and record.own is not None and record.own.name == path.stem:
            models.setdefault(path.stem, record.own)
    return models


def default_model(job: Job, language: str) -> Model | None:
    """Return the default model for a job, None where the catalogue has none.

    :param job: what the model is needed for.
    :param language: ISO 639-1 code that the model must know.
    """
    defaults = [model for model in load_catalog().values() if model.default and model.job == job]
    return next((model for model in defaults if {language, "*"} & {*model.languages}), None)


def download_mb(model: Model) -> int:
    """Return how much a pull downloads, in megabytes, from the first source; 0 for a model that was added.

    :param model: the model.
    """
    catalog = load_catalog()
    if model.members:
        return sum(download_mb(catalog[member]) for member in model.members)
    match model.sources:
        case (PackageSource(download_mb=size), *_):
            return size
        case (AdapterSource(base=base), *_) if base in catalog:
            return download_mb(catalog[base])
        case ():
            return 0
    return model.size_mb


def is_pulled(name: str) -> bool:
    """Return whether a model's file is present and has the recorded size; its hash is checked when it is used.

    :param name: name of the model.
    """
    if (model := load_catalog().get(name)) and model.members:
        return all(is_pulled(member) for member in model.members)
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
    """Give a GGUF file a name: it is hard-linked into the models folder, or copied where that is not possible.

    Job and context are read from the file. The same file may be added again with other options.

    :param path: the file.
    :param name: small letters, digits, dots and hyphens.
    :param languages: ISO 639-1 codes; without them all languages for an embedder, English for a writer.
    :param pooling: pooling of an embedder; read from the file where it is not given.
    :param prefix: text before every text that is embedded.
    :param query_prefix: text before a search query; without it, `prefix`.
    :param licence: name of the licence.
    :raises UsageError: the name is not allowed.
    :raises ModelError: the file is not a model, or another model has the name.
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
        languages=languages or default_languages(header.job),
        pooling=pooling or header.pooling,
        prefix=prefix,
        query_prefix=query_prefix,
        context=header.context,
        licence=licence or "unknown",
        size_mb=round(size / 1e6),
    )
    try:
        _link_or_copy(path, gguf_path(name))
    except OSError as error:
        raise ModelError(f"{path} cannot be stored in {models_dir()}: {error.strerror or error}") from error
    write_record(name, source=str(path), fetched={path.name: digest}, sha256=digest, size=size, own=model)
    return model


def gguf_path(name: str) -> Path:
    """Return the path of a model's GGUF file, whether it exists or not.

    :param name: name of the model.
    """
    return models_dir() / f"{name}.gguf"


def tuned_path(name: str) -> Path:
    """Return the path of a model's requantised file, whether it exists or not.

    :param name: name of the model.
    """
    return models_dir() / f"{name}.tuned.gguf"


def read_record(name: str) -> ModelRecord | None:
    """Return the record of a model, None where there is none or it is unreadable.

    :param name: name of the model.
    """
    try:
        return ModelRecord.model_validate_json(gguf_path(name).with_suffix(".json").read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(
    name: str, *, source: str, fetched: dict[str, str], sha256: str, size: int, own: Model | None = None
) -> None:
    """Write the record of a model's file, atomically.

    :param name: name of the model.
    :param source: package and version, file and commit of a hub, or path.
    :param fetched: SHA-256 of each file that was downloaded, by its path.
    :param sha256: SHA-256 of the GGUF file.
    :param size: bytes of the GGUF file.
    :param own: description of a model that is not of the catalogue.
    """
    when = datetime.now(UTC).isoformat(timespec="seconds")
    _save_record(name, ModelRecord(source=source, fetched=fetched, sha256=sha256, bytes=size, when=when, own=own))


def write_tuned(name: str, tuned: Tuned) -> None:
    """Add the result of tuning to the record of a model.

    :param name: name of the model.
    :param tuned: the weight type to use from now on.
    """
    record = read_record(name)
    if record is not None:
        _save_record(name, record.model_copy(update={"tuned": tuned}))


def _save_record(name: str, record: ModelRecord) -> None:
    part = models_dir() / f".{name}.{os.getpid()}.part"
    part.write_text(record.model_dump_json(indent=1, exclude_none=True) + "\n", encoding="utf-8")
    part.replace(gguf_path(name).with_suffix(".json"))


def default_languages(job: Job) -> tuple[str, ...]:
    """Return the languages of a model that names none: few for a writer, whose prose in an unknown language is bad.

    :param job: `embedder` or `writer`.
    """
    return ("*",) if job == "embedder" else ("en",)


def _link_or_copy(source: Path, target: Path) -> None:
    """Put the file at the target, atomically."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.stem}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        try:
            part.hardlink_to(source.resolve())
        except OSError:  # Another file system, or one without links.
            shutil.copyfile(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
