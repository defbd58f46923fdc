"""Traces of users in the files of a store: their ids, and runs of words of their texts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from profilegen.errors import StoreError
from profilegen.processes import python_command, python_environment
from profilegen.records import Document
from profilegen.records.forgetting import FoundTrace, TraceReport
from profilegen.resources import prompts_dir
from profilegen.store.ledger import Ledger
from profilegen.store.ledger.schema import ADDED, TABLES
from profilegen.store.user_words import is_short
from profilegen.store.word_runs import Hashes, found_among, runs_of_texts

# Of the files of the ledger and of Chroma.
_FILE_NAMES = (
    "ledger.sqlite3-wal incoming.sqlite3-journal index.json write.lock write.pid evaluation report.html report.md "
    "chroma.sqlite3 fingerprints.npz data_level0.bin header.bin index_metadata.pickle length.bin link_lists.bin"
)


class Traces(NamedTuple):
    """What is looked for.

    :param users: ids of the users.
    :param in_fields_only: those of them that cannot be told from other bytes.
    :param document_ids: ids of their documents.
    :param runs: hashes of the runs of words of their texts that no other text has, sorted.
    :param shared_runs: how many others were left out.
    """

    users: tuple[str, ...]
    in_fields_only: frozenset[str]
    document_ids: frozenset[str]
    runs: Hashes
    shared_runs: int


def traces_of(ledger: Ledger, users: Sequence[str], documents: Iterable[Document]) -> Traces:
    """Return what to look for of some users.

    Runs of words that documents of other users have too are left out, and so are those of files that ship.

    :param ledger: has the documents of the other users; those of these users in it are passed over.
    :param users: their ids.
    :param documents: theirs, before they are removed.
    """
    ids: set[str] = set()
    runs = np.zeros(0, np.uint64)

    def texts() -> Iterator[str]:
        for document in documents:
            ids.add(document.id)
            yield from _texts(document)

    for batch in runs_of_texts(texts()):
        runs = np.union1d(runs, batch)
    in_fields_only = {user for user in users if is_short(user)}
    candidates = set(users) - in_fields_only
    shared = np.zeros(len(runs), np.bool_)

    def others() -> Iterator[str]:
        yield from _own_words()
        yield json.dumps(ledger.get_meta("taxonomy"), ensure_ascii=False)
        for document in ledger.iter_documents():
            if document.user_id not in wanted:
                yield from _others_texts(document)

    def _others_texts(document: Document) -> Iterator[str]:
        record = document.model_dump_json()
        in_fields_only.update(user for user in candidates if user in record)
        yield from _texts(document)

    wanted = set(users)
    words = "\n".join(_own_words())
    in_fields_only.update(user for user in candidates if user in words)
    for batch in runs_of_texts(others()):
        shared |= found_among(batch, runs)
    return Traces(tuple(users), frozenset(in_fields_only), frozenset(ids), runs[~shared], int(shared.sum()))


def look_for(store_dir: Path, traces: Traces) -> TraceReport:
    """Look for traces in every byte of every file of a store, and in the names of the files.

    A child process reads the files: to close a file in this one would end the locks that SQLite has on it here.

    :param store_dir: the store.
    :param traces: what to look for.
    :raises StoreError: the files cannot be read.
    """
    wanted = {
        "users": traces.users,
        "in_fields_only": sorted(traces.in_fields_only),
        "document_ids": sorted(traces.document_ids),
        "runs": traces.runs.tobytes().hex(),
    }
    done = subprocess.run(
        python_command("profilegen.store.scanning", str(store_dir.absolute())),
        env=python_environment(),
        input=json.dumps(wanted).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise StoreError(f"cannot look for users in the files of {store_dir}: {last}")
    told = json.loads(done.stdout)
    return TraceReport(
        users=traces.users,
        files=told["files"],
        size=told["size"],
        documents=len(traces.document_ids),
        runs=len(traces.runs),
        shared_runs=traces.shared_runs,
        in_fields_only=tuple(user for user in traces.users if user in traces.in_fields_only),
        found=tuple(FoundTrace.model_validate(each) for each in told["found"]),
    )


def _texts(document: Document) -> Iterator[str]:
    yield from (text for text in (document.text, document.title, document.item_title) if text)


def _own_words() -> Iterator[str]:
    """Yield what every store may hold whoever is in it: tables, names of fields, and the files of prompts and lists."""
    yield TABLES + ADDED + _FILE_NAMES
    yield json.dumps(Document.model_json_schema())
    for path in sorted(prompts_dir().iterdir()):
        if path.is_file():
            yield path.read_text("utf-8", "replace")
