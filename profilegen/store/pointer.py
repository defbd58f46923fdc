"""The file of a store that names the directory of its index."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

POINTER_FILE = "index.json"


class Pointer(NamedTuple):
    """Which directory is the index, and what it was built from.

    :param directory: its name in the store.
    :param revision: the ledger's at that time.
    :param embedder: SHA-256 of the embedder's file; empty where it is not known.
    """

    directory: str
    revision: str
    embedder: str


def write_pointer(store_dir: Path, pointer: Pointer) -> None:
    """Switch a store to another index in one step.

    :param store_dir: the store.
    :param pointer: what the file is to hold.
    """
    draft = store_dir / f"{POINTER_FILE}.new"
    draft.touch(mode=0o600)
    with draft.open("w") as file:
        json.dump(pointer._asdict(), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(store_dir / POINTER_FILE)


def read_pointer(store_dir: Path) -> Pointer | None:
    """Return what the file holds; None where there is none or it is damaged, which is as good as no index.

    :param store_dir: the store.
    """
    try:
        stored = json.loads((store_dir / POINTER_FILE).read_bytes())
        return Pointer(str(stored["directory"]), str(stored["revision"]), str(stored.get("embedder", "")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
