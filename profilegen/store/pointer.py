"""The file that says which directory is the index."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

POINTER_FILE = "index.json"


@dataclass(frozen=True)
class Pointer:
    """Which directory is the index, what it was built from, and when."""

    directory: str
    revision: str
    created: str


def point(store_dir: Path, pointer: Pointer) -> None:
    """Switch the store to another index, at once."""
    draft = store_dir / f"{POINTER_FILE}.new"
    draft.touch(mode=0o600)
    with draft.open("w") as file:
        json.dump(asdict(pointer), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(store_dir / POINTER_FILE)


def read_pointer(store_dir: Path) -> Pointer | None:
    """Return what the file says; None where there is none or it is damaged."""
    try:
        return Pointer(**json.loads((store_dir / POINTER_FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None  # as good as no index: it is built again
