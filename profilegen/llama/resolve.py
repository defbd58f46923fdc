"""Finds the file for the name of a model or the path of a GGUF file, and downloads it where asked to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from profilegen.backends import Progress
from profilegen.errors import ModelError
from profilegen.llama.catalog import (
    Model,
    ModelRecord,
    ResolvedModel,
    Tuned,
    default_languages,
    gguf_path,
    is_pulled,
    known_models,
    load_catalog,
    processor_name,
    read_record,
    tuned_path,
)
from profilegen.llama.digest import file_sha256
from profilegen.llama.fetch import pull as pull_model
from profilegen.llama.header import Header, Job, read_header
from profilegen.llama.sources import HubSource, PackageSource, PiecesSource


def resolve(name_or_path: str, job: Job, *, pull: bool = False, progress: Progress | None = None) -> ResolvedModel:
    """Return the file for a model and how to use it, after checks of its hash and its job.

    :param name_or_path: name of a model of the catalogue or one that was added, or the path of a GGUF file.
    :param job: what the model is needed for.
    :param pull: download a model of the catalogue that is not in the models folder.
    :param progress: called as the download proceeds.
    :raises ModelError: there is no such model, it is not downloaded, is damaged, or does another job.
    """
    model = known_models().get(name_or_path)
    if model is None:
        return _resolve_path(name_or_path, job)
    if model.job != job:
        raise ModelError(_wrong_job(model.name, model.job, job))
    if not is_pulled(model.name):
        if not pull:
            raise ModelError(f"{model.name} is not downloaded; run: profilegen models pull {model.name}")
        pull_model(model, progress)
    path = gguf_path(model.name)
    record = read_record(model.name)
    if record is None or file_sha256(path) != record.sha256:
        again = "add it again" if model.name not in load_catalog() else f"run: profilegen models pull {model.name}"
        raise ModelError(f"{path} is damaged: its SHA-256 has changed; {again}")
    resolved = _resolved(model, path, record.sha256)
    if tuned := _valid_tuned(model.name, record):
        return resolved.model_copy(update={"path": tuned_path(model.name), "weight_type": tuned.weight_type})
    return resolved


def _valid_tuned(name: str, record: ModelRecord) -> Tuned | None:
    """Return the result of tuning, where it is of this processor and its file is intact."""
    tuned, path = record.tuned, tuned_path(name)
    if tuned is None or tuned.sha256 is None or tuned.processor != processor_name() or not path.is_file():
        return None
    return tuned if file_sha256(path) == tuned.sha256 else None


def _resolve_path(name_or_path: str, job: Job) -> ResolvedModel:
    path = Path(name_or_path).expanduser()
    if not path.exists():
        names = ", ".join(known_models())
        raise ModelError(f"there is no model called {name_or_path} and no such file; the models are: {names}")
    header = read_header(path)
    if header.job != job:
        raise ModelError(_wrong_job(str(path), header.job, job))
    digest, source = file_sha256(path), str(path.resolve())
    for name, model in known_models().items():
        if model.job == job and digest in _hashes(model):
            return _resolved(model, path.resolve(), digest).model_copy(update={"name": name, "source": source})
    return ResolvedModel(
        name=path.stem,
        path=path.resolve(),
        sha256=digest,
        job=job,
        languages=default_languages(job),
        pooling=header.pooling,
        prefix="",
        context=header.context,
        source=source,
        **_training_of(header),
    )


def _training_of(header: Header) -> dict[str, Any]:
    return header.model_dump(include={"trained", "reserve", "threshold", "veto", "answers"})


def _resolved(model: Model, path: Path, sha256: str) -> ResolvedModel:
    return ResolvedModel(
        name=model.name,
        path=path,
        sha256=sha256,
        job=model.job,
        languages=model.languages,
        pooling=model.pooling,
        prefix=model.prefix,
        context=model.context,
        source=model.name,
        query_prefix=model.prefix if model.query_prefix is None else model.query_prefix,
        # Embedders have none of this, and the header of a large vocabulary takes a while to read.
        **({} if model.job == "embedder" else _training_of(read_header(path))),
    )


def _hashes(model: Model) -> set[str]:
    """Return the known hashes of a model's GGUF file."""
    record = read_record(model.name)
    hashes = {record.sha256} if record else set()
    for source in model.sources:
        if isinstance(source, PackageSource) and source.format == "gguf":
            hashes.add(source.files[0].sha256)
        elif isinstance(source, HubSource | PiecesSource):
            hashes.add(source.sha256)
    return hashes


def _wrong_job(name: str, job: Job, wanted: Job) -> str:
    can = {
        "embedder": "embeds texts and cannot write",
        "writer": "writes texts and does not embed them",
        "verifier": "verifies claims and does nothing else",
    }[job]
    return f"{name} {can}; name another model as the {wanted}"
