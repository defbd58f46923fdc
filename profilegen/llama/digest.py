"""SHA-256 of model files, cached so that a file of gigabytes is read once."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import orjson

from profilegen.errors import ModelError
from profilegen.resources import models_dir

_CACHE_FILE = ".sha256.json"


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; computed again when its size or modification time has changed.

    :param path: the file.
    :raises ModelError: the file cannot be read.
    """
    try:
        status = path.stat()
        key, stamp = str(path.resolve()), [status.st_size, status.st_mtime_ns]
        cached = _read_cache()
        match cached.get(key):
            case [size, time, str(digest)] if [size, time] == stamp:
                return digest
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    _write_cache(cached | {key: [*stamp, digest]})
    return digest


def _read_cache() -> dict[str, object]:
    try:
        cached = orjson.loads((models_dir() / _CACHE_FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return cached if isinstance(cached, dict) else {}


def _write_cache(digests: dict[str, object]) -> None:
    """Replace the cache atomically; in a folder without write permission, files are hashed each time."""
    target = models_dir() / _CACHE_FILE
    part = target.with_name(f"{_CACHE_FILE}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(orjson.dumps({path: entry for path, entry in digests.items() if Path(path).exists()}))
        part.replace(target)
