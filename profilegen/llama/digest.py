"""SHA-256 of model files, remembered so that a file of gigabytes is read once."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import orjson

from profilegen.errors import ModelError
from profilegen.resources import models_dir

_MEMORY = ".sha256.json"


def file_sha256(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal; computed again when its size or time of change differs.

    :raises ModelError: the file cannot be read.
    """
    try:
        status = path.stat()
        key, stamp = str(path.resolve()), [status.st_size, status.st_mtime_ns]
        known = _remembered()
        match known.get(key):
            case [size, time, str(digest)] if [size, time] == stamp:
                return digest
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    _remember(known | {key: [*stamp, digest]})
    return digest


def _remembered() -> dict[str, object]:
    try:
        known = orjson.loads((models_dir() / _MEMORY).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(known: dict[str, object]) -> None:
    """Write the memory in one piece; a folder that may not be written to only costs the time of hashing."""
    target = models_dir() / _MEMORY
    part = target.with_name(f"{_MEMORY}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(orjson.dumps({path: entry for path, entry in known.items() if Path(path).exists()}))
        part.replace(target)
