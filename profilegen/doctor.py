"""Checks of the installation: versions, processor, memory, models and the store."""

from __future__ import annotations

import os
import platform
import shlex
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from profilegen.errors import ProfilegenError, StoreError
from profilegen.llama.catalog import is_pulled, known_models, processor_name, read_record
from profilegen.llama.fetch import is_tunable
from profilegen.pipeline.reading import repeated_in
from profilegen.publish.files import file_lines, masked_line, repeated_lines
from profilegen.records import BuildReport, Record
from profilegen.resources import models_dir, prompts_dir
from profilegen.store import index
from profilegen.store.files import LEDGER_FILE, no_store, write_lock
from profilegen.store.ledger import open_ledger
from profilegen.store.ledger.salvage import DAMAGED_FILE, LedgerState, examine_ledger, repair_ledger, set_aside

_PACKAGES = ("llama-cpp-python", "chromadb", "hdbscan", "umap-learn", "numpy", "pyarrow")
# Kinds of files of the last build that are shown.
_MAX_FILES = 20
_BUILD_AGAIN = "After it, run the same build again, which makes what is missing"


class Check(Record):
    """One check.

    :param name: what was checked.
    :param ok: whether it works, None where there is nothing to judge.
    :param found: what was found, for a person.
    """

    name: str
    ok: bool | None
    found: str


def examine(store: Path) -> list[Check]:
    """Check the machine, the libraries, the models and the store; nothing is changed.

    :param store: directory of the store, which need not exist.
    """
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
    return [*checks, *_store(store), *_files(store)]


def repair(store: Path) -> list[Check]:
    """Put the ledger of a store in order, keeping each row that is sound; return what was done.

    The damaged file stays beside the new one until a build has finished. The index is the next build's to make.

    :param store: directory of the store.
    :raises StoreError: there is no store, a build is writing to it, or a newer version made it.
    """
    if not (store / LEDGER_FILE).exists():
        raise no_store(store)
    with write_lock(store):
        try:
            state = examine_ledger(store)
        except StoreError as error:
            if not error.is_damage:
                raise
            set_aside(store)
            (store / LEDGER_FILE).unlink()
            found = f"nothing of the ledger could be read; it is now {DAMAGED_FILE}. Build again from the files"
            return [Check(name="repair", ok=False, found=found)]
        if state.is_sound:
            return [Check(name="repair", ok=True, found="the ledger is sound; there is nothing to repair in it")]
        repair_ledger(store)
    found = f"the sound rows were kept; the damaged file is {DAMAGED_FILE} until the next build has finished"
    return [*_losses(state), Check(name="repair", ok=True, found=f"{found}. {_BUILD_AGAIN}")]


def _tuned(name: str) -> str:
    """Return in words which weight type of a model is used on this machine, where there is a choice."""
    if not is_tunable(known_models()[name]):
        return name
    record = read_record(name)
    if record is None or record.tuned is None:
        return f"{name}, not tuned; `profilegen models tune` may make it faster"
    if record.tuned.processor != processor_name():
        return f"{name}, not tuned on this processor; run `profilegen models tune`"
    return f"{name}, weights {record.tuned.weight_type if record.tuned.sha256 else 'as published'}"


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


def _store(store: Path) -> list[Check]:
    """Return what of a store is damaged, and what is lost with it."""
    if not store.exists():
        return [Check(name="store", ok=None, found=f"none at {store}")]
    try:
        state = examine_ledger(store)
        if not state.is_sound:
            hint = f"`profilegen doctor --store {shlex.quote(str(store))} --repair` keeps the rest. {_BUILD_AGAIN}"
            found = f"{store}: the ledger is damaged{f' ({state.fault})' if state.fault else ''}; {hint}"
            return [Check(name="store", ok=False, found=found), *_losses(state)]
        with open_ledger(store, read_only=True) as ledger:
            counts, fresh = ledger.counts(), index.current_revision(store) == ledger.revision()
    except ProfilegenError as error:
        return [Check(name="store", ok=False, found=str(error))]
    counted = f"{store}: {counts.users} users, {counts.documents} documents, {counts.segments} segments"
    if not os.access(store, os.W_OK):
        return [Check(name="store", ok=None, found=f"{counted}; it is read-only: searches do without the index")]
    healthy = fresh and index.probe(store)
    state_of_index = "index answers" if healthy else "index is missing, old or damaged; the next build makes it again"
    return [Check(name="store", ok=healthy, found=f"{counted}; {state_of_index}")]


def _losses(state: LedgerState) -> list[Check]:
    """Return a check for each damaged table, with what becomes of its rows."""
    return [
        Check(
            name=table.table.replace("_", " "),
            ok=False,
            found=f"rows that can be read: {table.rows}; rows that cannot: "
            f"{table.unreadable if table.is_whole else 'an unknown number'}, {table.consequence}",
        )
        for table in state.tables
        if not table.is_sound
    ]


def _files(store: Path) -> list[Check]:
    """Return what the last build made of its files, and which sentences are left out of what is read."""
    if not store.exists():
        return []
    try:
        with open_ledger(store, read_only=True) as ledger:
            build, repeated = ledger.last_build(), repeated_in(ledger)
    except ProfilegenError:  # which the check of the store says
        return []
    files = build.report.files if build else ()
    checks = [Check(name="files", ok=None, found="\n      ".join(file_lines(each))) for each in files[:_MAX_FILES]]
    if build:
        checks.append(Check(name="privacy", ok=None, found=_privacy(build.report)))
    return checks + [Check(name="repeated", ok=None, found=line) for line in repeated_lines(repeated)]


def _privacy(report: BuildReport) -> str:
    users = "user ids are pseudonyms" if report.pseudonyms else "user ids are as in the files"
    return f"{masked_line(report.masked, report.mask)}; {users}"
