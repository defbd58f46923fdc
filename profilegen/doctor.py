"""What is there and whether it works: versions, processor, memory, models and the store."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from profilegen.errors import ProfilegenError
from profilegen.llama.catalog import is_pulled, known_models, processor, read_record
from profilegen.records import Record
from profilegen.resources import models_dir, prompts_dir
from profilegen.store import index
from profilegen.store.ledger import open_ledger

_PACKAGES = ("llama-cpp-python", "chromadb", "hdbscan", "umap-learn", "numpy", "pyarrow")


class Check(Record):
    """One thing looked at. `ok` is None where there is nothing to judge."""

    name: str
    ok: bool | None
    found: str


def examine(store: Path) -> list[Check]:
    """Look at the machine, the libraries, the models and the store; nothing is changed."""
    checks = [
        Check(name="python", ok=None, found=f"{platform.python_version()} on {platform.platform()}"),
        Check(name="processor", ok=None, found=f"{os.cpu_count()} cores, {_memory()}"),
    ]
    checks += [_package(name) for name in _PACKAGES]
    checks += [_native(), Check(name="prompts", ok=prompts_dir().is_dir(), found=str(prompts_dir()))]
    pulled = [name for name in known_models() if is_pulled(name)]
    found = f"{', '.join(pulled)} in {models_dir()}" if pulled else "none yet; the first build fetches what it needs"
    checks.append(Check(name="models", ok=True if pulled else None, found=found))
    checks += [Check(name=known_models()[name].job, ok=None, found=_tuned(name)) for name in pulled]
    checks.append(_store(store))
    return checks


def _tuned(name: str) -> str:
    """Say in which weight type a model is used here."""
    record = read_record(name)
    if record is None or record.tuned is None:
        return f"{name} as it came; `profilegen models tune` may make it faster"
    if record.tuned.processor != processor():
        return f"{name} as it came: it was tuned on another processor; run `profilegen models tune`"
    return f"{name} with its weights {record.tuned.weight_type if record.tuned.sha256 else 'as they came'}"


def _package(name: str) -> Check:
    try:
        return Check(name=name, ok=True, found=version(name))
    except PackageNotFoundError:
        return Check(name=name, ok=False, found="not installed")


def _native() -> Check:
    """Ask llama.cpp what it can use of this processor, in a child process: a wrong build may crash."""
    import subprocess
    import sys

    script = "import llama_cpp; print(llama_cpp.llama_print_system_info().decode())"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    found = done.stdout.strip(" |\n") or f"does not load: {(done.stderr.strip().splitlines() or ['crashed'])[-1]}"
    return Check(name="llama.cpp", ok=done.returncode == 0, found=found)


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        return "memory unknown"
    return f"{total:.0f} GiB of memory"


def _store(store: Path) -> Check:
    if not store.exists():
        return Check(name="store", ok=None, found=f"none at {store}")
    try:
        with open_ledger(store, read_only=True) as ledger:
            counts, fresh = ledger.counts(), index.current_revision(store) == ledger.revision()
    except ProfilegenError as error:
        return Check(name="store", ok=False, found=str(error))
    healthy = fresh and index.probe(store)
    state = "index answers" if healthy else "index is missing, old or damaged; the next build makes it again"
    return Check(
        name="store",
        ok=healthy,
        found=f"{store}: {counts.users} users, {counts.documents} documents, {counts.segments} segments; {state}",
    )
