"""Forgetting: users out of a store for good, and the proof of it.

The ids are marked first, so that whoever writes to the store next finishes what a kill cut off. Then the users leave
all tables in one transaction; what quotes them is written again; reports, the old index and the write-ahead log go; and
every file is searched for what was removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from profilegen.backends import Progress, no_progress
from profilegen.config import Settings
from profilegen.errors import InputError, ProfilegenError, StoreError, UsageError
from profilegen.ingest import Intake, read_documents
from profilegen.pipeline.model_choice import embedder_of_store, verifiers_for, writers_for
from profilegen.pipeline.models import Models
from profilegen.pipeline.segments import update_segments
from profilegen.records import Document
from profilegen.records.forgetting import ForgetReceipt, TraceReport
from profilegen.store import index
from profilegen.store.categories import stored_taxonomy
from profilegen.store.files import is_own
from profilegen.store.forgetting import (
    opened_to_write,
    remove_index,
    remove_named_files,
    remove_reports,
)
from profilegen.store.ledger import LEDGER_FILE, Ledger, open_ledger
from profilegen.store.ledger.salvage import DAMAGED_FILE, remove_damaged
from profilegen.store.log_readers import log_readers
from profilegen.store.traces import look_for, traces_of

_WAIT_S = 10.0
"""How long other processes that read the old state of a store are waited for."""


def forget(users: Sequence[str], settings: Settings, *, progress: Progress | None = None) -> ForgetReceipt:
    """Remove users from a store for good, with all that was made of their texts, and look for traces of them.

    A build of the same files passes them over from then on, unless it is told otherwise.

    :param users: their ids.
    :param settings: where the store is, and with which models segments are described again.
    :param progress: called with the stage, what is done of it, and how much there is.
    :return: what was removed, and what is not done yet.
    :raises UsageError: the store has no such user, and had none who was forgotten; nothing is changed.
    :raises StoreError: the store is missing, in use or damaged.
    """
    users = list(dict.fromkeys(users))
    report = progress or no_progress
    store = settings.store
    with opened_to_write(store) as ledger:
        _check_known(ledger, users, store)
        report("look up", 0, 0)
        traces = traces_of(ledger, users, _documents(ledger, users))
        ledger.start_forgetting(users)
        removed = ledger.remove_marked_users()
        removed["damaged ledgers"] = remove_damaged(store)
        removed["reports of evaluations"] = remove_reports(store)
        removed["files named after users"] = remove_named_files(store, users)
        written, bare = _describe_again(ledger, settings, report)
        removed["old indexes"] = _renew_index(ledger, store, report)
        ledger.end_forgetting()
        pending = _empty_log(ledger, store)
        report("check", 0, 0)
        found = look_for(store, traces)
        if any(each.file == LEDGER_FILE for each in found.found) and not pending:
            ledger.compact()
            pending = _empty_log(ledger, store)
            found = look_for(store, traces)
    return ForgetReceipt(
        users=tuple(users),
        at=datetime.now(UTC),
        removed=dict(+removed),
        segments_written=written,
        segments_bare=bare,
        pending=(*pending, *_left(found, store, log_is_full=bool(pending))),
        traces=found,
    )


def find_traces(users: Sequence[str], store: Path, *, texts: Sequence[str] = ()) -> TraceReport:
    """Look for users in every byte of a store; nothing is changed.

    :param users: their ids.
    :param store: the store.
    :param texts: files that hold their texts, read as a build reads them. Without any, the texts are those in the
        store; of users who are not in it, only the ids are looked for.
    :raises InputError: the files have no text of any of the users.
    :raises StoreError: there is no store, or it is damaged.
    """
    users = list(dict.fromkeys(users))
    with open_ledger(store, read_only=True) as ledger:
        documents = list(_documents(ledger, users))
        if texts:
            wanted = set(users)
            read = read_documents(texts, mapping={}, intake=Intake())
            theirs = [document for document in read if document.user_id in wanted]
            documents += theirs
            if not theirs:
                raise InputError(
                    f"{', '.join(texts)} has no text of {', '.join(users)}; give the file with the texts to look for"
                )
        traces = traces_of(ledger, users, documents)
    return look_for(store, traces)


def _check_known(ledger: Ledger, users: Sequence[str], store: Path) -> None:
    known, is_forgotten = ledger.known_users(users), ledger.forgotten_test()
    unknown = [user for user in users if user not in known and not is_forgotten(user)]
    if unknown:
        names = ", ".join(map(repr, unknown))
        message = f"there is no user {names} in {store}; nothing was removed"
        if (store / DAMAGED_FILE).exists():  # It may have users whose rows could not be read.
            message += (
                f". {store / DAMAGED_FILE}, which a repair left, may have words of theirs; the next build that "
                "finishes removes it: run the same build as before, then this again"
            )
        raise UsageError(message)


def _documents(ledger: Ledger, users: Sequence[str]) -> Iterator[Document]:
    for user in ledger.iter_users(users, with_vectors=False):
        yield from user.documents


def _describe_again(ledger: Ledger, settings: Settings, progress: Progress) -> tuple[int, int]:
    """Describe the segments that lost their words, with the models of a build or with the embedder alone.

    :return: how many were described, and how many have no words until the next build.
    """
    bare = [segment for segment, made_of in ledger.segment_hashes().items() if not made_of]
    taxonomy = stored_taxonomy(ledger)
    if not bare or taxonomy is None:
        return 0, len(bare)
    for with_writers in (True, False):
        try:
            with ExitStack() as opened:
                models = opened.enter_context(_models(ledger, settings, progress, with_writers=with_writers))
                return update_segments(ledger, taxonomy, models, progress, only_bare=True), 0
        except StoreError:
            raise
        except ProfilegenError:  # A model is not there, or cannot be used for this.
            continue
    return 0, len(bare)


def _models(ledger: Ledger, settings: Settings, progress: Progress, *, with_writers: bool) -> Models:
    chosen = embedder_of_store(ledger, settings, progress)
    if chosen is None:
        raise UsageError("the store has no embedder yet")
    if not with_writers:
        return Models(chosen.embedder, (), ())
    languages = Counter(ledger.user_language_counts())
    writers = writers_for(languages, settings, progress)
    return Models(chosen.embedder, writers, verifiers_for(languages, settings, progress) if writers else ())


def _renew_index(ledger: Ledger, store: Path, progress: Progress) -> int:
    """Build the index from the ledger alone; where that fails it is only removed, and the next build makes it."""
    before = len([*store.glob("index-*")])
    try:
        index.build_index(ledger, store, lambda done, total: progress("index", done, total), index.Standby(None))
    except StoreError:
        remove_index(store)
    return before


def _empty_log(ledger: Ledger, store: Path) -> tuple[str, ...]:
    """Empty the write-ahead log; return what to do where other processes keep it."""
    if ledger.erase_log(_WAIT_S):
        return ()
    readers = ", ".join(log_readers(store / LEDGER_FILE)) or "another process"
    return (
        f"{store / LEDGER_FILE}-wal still holds old pages, which {readers} is reading; when that has ended, the next "
        "command that writes to the store removes them, such as the same `profilegen forget`",
    )


def _left(found: TraceReport, store: Path, *, log_is_full: bool) -> Iterator[str]:
    for trace in found.found:
        if not is_own(Path(trace.file)):
            yield f"{store / trace.file} is no file of the store, and has words or ids of users; remove it yourself"
        elif not (log_is_full and trace.file.startswith(LEDGER_FILE)):
            yield f"{store / trace.file} still has words or ids of users; please report this"
