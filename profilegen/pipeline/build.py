"""Build: the stages in order, each doing only what is missing or changed.

Every stage reads what the one before left in the ledger and writes its own part there in small transactions. So a
build that is killed goes on where it was, and one that has nothing to do opens no model.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from profilegen.backends import Progress, knows, no_progress
from profilegen.config import Settings
from profilegen.disk import explained_disk
from profilegen.errors import InputError, RemovalError, StoreError, UsageError
from profilegen.ingest import Intake, read_documents
from profilegen.pipeline.categories import categorise, chosen_taxonomy
from profilegen.pipeline.clusters import Clustered, cluster_users, lay_out_users
from profilegen.pipeline.embedding import embed_documents, update_users
from profilegen.pipeline.estimate import time_needed
from profilegen.pipeline.model_choice import (
    embedder_for,
    embedder_of_store,
    record_embedder,
    verifiers_for,
    writers_for,
)
from profilegen.pipeline.models import Models
from profilegen.pipeline.privacy import chosen_privacy, record_key, record_mask
from profilegen.pipeline.profiles import outdated_users, write_profiles
from profilegen.pipeline.reading import check_notes, repeated_in, unsettled_users, write_notes
from profilegen.pipeline.segments import update_segments
from profilegen.pipeline.stored_report import for_store
from profilegen.privacy import Privacy
from profilegen.records import BuildReport, Document, SegmentChange
from profilegen.segments.lineage import segment_changes
from profilegen.store import index, overlay
from profilegen.store.forgetting import finish
from profilegen.store.ledger import (
    INCOMING_FILE,
    LEDGER_FILE,
    Changes,
    Ledger,
    Removals,
    Staged,
    open_ledger,
    write_lock,
)
from profilegen.store.ledger.salvage import remove_damaged

# Past either of these, a build removes users only if a person allows it.
_MAX_REMOVED_USERS, _MAX_REMOVED_SHARE = 10, 0.1


def build(
    sources: Sequence[str],
    settings: Settings,
    *,
    mapping: Mapping[str, str | Sequence[str]] | None = None,
    user: str | None = None,
    add: bool = False,
    re_embed: bool = False,
    remove: bool = False,
    settle: bool = False,
    allow_forgotten: bool = False,
    confirm: Callable[[Removals], bool] | None = None,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> BuildReport:
    """Read what users wrote and bring the store up to date with it.

    :param sources: files, directories, or `-` for standard input.
    :param settings: where the store is, and with which models and how it is built.
    :param mapping: our field to the path of its values, or to several.
    :param user: the user of texts that name none.
    :param add: keep what is in the store and not in the sources; else the store ends up with the sources alone.
    :param re_embed: embed everything again where the store was made with another embedder.
    :param remove: allow to remove many users, those of whom the sources have no text.
    :param settle: do what small builds put off, so that the store is as one build of everything would make it.
    :param allow_forgotten: take users in again who were forgotten; else their rows are passed over.
    :param confirm: asked before many users are removed, where `remove` does not allow it.
    :param progress: called with the stage, what is done of it, and how much there is.
    :param announce: called with a sentence that says how long the writers will take, where they take long.
    :raises RemovalError: more than a tenth of the users, or more than ten, would go, and neither `remove` nor `confirm`
        allows it; the store is as it was.
    :raises InputError: too many bad lines, or nothing to read; the store is as it was.
    :raises ModelError: a model cannot be had or used.
    :raises StoreError: the store is in use, damaged, or was made with another embedder, or a disk is full.
    """
    if add and remove:
        raise UsageError("to add and to remove exclude each other: with --add nothing is removed")
    clock = _Clock()
    report = progress or no_progress
    # The index is opened while the sources are read: opening is most of the time that it takes to answer.
    with (
        explained_disk(settings.store),
        _opened(settings.store) as ledger,
        index.standing_by(settings.store) as standby,
        ExitStack() as opened,
    ):
        privacy = chosen_privacy(ledger, settings, add=add, announce=announce)
        pending = ledger.is_erasure_pending()
        taxonomy = chosen_taxonomy(ledger, settings.taxonomy)
        chosen = None if re_embed else embedder_of_store(ledger, settings, report)

        def on_new() -> None:
            """Load the embedder while the rest of the sources is read."""
            if chosen:
                opened.enter_context(chosen.embedder)
                chosen.embedder.start()

        with clock.stage("read"):
            intake, staged, forgotten = _read(
                ledger, sources, mapping or {}, user, privacy, settings, on_new, report, allow_forgotten=allow_forgotten
            )
        if not add and not remove:
            _check_removals(ledger.staged_removals(), confirm)
        chosen = chosen or embedder_for(intake.languages, settings, report)
        languages = ledger.staged_languages(add=add)
        writers = writers_for(languages, settings, report)
        # A language that nobody reads needs no verifier.
        read = Counter({code: languages[code] for code in languages if any(knows(each, code) for each in writers)})
        verifiers = verifiers_for(read, settings, report) if writers else ()
        models = opened.enter_context(Models(chosen.embedder, writers, verifiers))
        record_embedder(ledger, models.embedder)
        record_key(ledger, privacy)
        changes = ledger.apply_staged(add=add)
        record_mask(ledger, privacy)
        if allow_forgotten:
            ledger.readmit(forgotten)
        with clock.stage("embed"):
            embedded = embed_documents(ledger, models.embedder, report)
        with clock.stage("users"):
            update_users(ledger, models.embedder)
        with clock.stage("segments"):
            clustered = cluster_users(ledger, settings, report, settle=settle)
        with clock.stage("map"):
            lay_out_users(ledger, settings, report)
        unsettled = unsettled_users(ledger, models, settings) if settle else set[str]()
        wanted = outdated_users(ledger, models, settings, unsettled)
        if announce and (sentence := time_needed(ledger, wanted, models, settings, report)):
            announce(sentence)
        with clock.stage("notes"):
            noted = write_notes(ledger, wanted, models, settings, report)
        with clock.stage("verdicts"):
            check_notes(ledger, models, noted.failures, report)
        with clock.stage("profiles"):
            made = write_profiles(ledger, wanted, noted.failures, models, settings, report)
        with clock.stage("categories"):
            categorised = categorise(
                ledger, taxonomy, models.embedder.embed, lambda done, total: report("categories", done, total)
            )
            overlay.refresh_claims(ledger, models.embedder.embed)
        names_before = {segment.id: segment.name for segment in overlay.segments(ledger)}
        with clock.stage("segment profiles"):
            described = update_segments(ledger, taxonomy, models, report, settle=settle)
        with clock.stage("index"):
            indexed = _index(ledger, settings.store, standby, report)
        changed = any(changes) or bool(pending or embedded or made.profiles or categorised or described or indexed)
        finished = _report(
            ledger,
            intake,
            privacy,
            staged,
            changes,
            models,
            chosen.reason,
            embedded,
            categorised,
            changed,
            clock.seconds,
        ).model_copy(
            update={
                "written": made.profiles,
                "ended": made.ended,
                "readings": noted.readings,
                "clustered": clustered.anew,
                "moved": clustered.moved,
                "segment_changes": _named(ledger, clustered, names_before),
            }
        )
        if not allow_forgotten:
            finished = finished.model_copy(update={"forgotten": forgotten.total()})
        ledger.record_build(for_store(finished))
        remove_damaged(settings.store)
    return finished


@contextmanager
def _opened(store: Path) -> Iterator[Ledger]:
    """Hold the store and open it. One that was not there before, and got no document, does not stay."""
    absent = [directory for directory in (store, *store.parents) if not directory.exists()]
    try:
        with (
            write_lock(store, create=True),
            _without_remains(store),
            open_ledger(store, create=True) as ledger,
        ):
            finish(ledger, store)
            yield ledger
    finally:
        with suppress(OSError):  # There is something in it.
            for directory in absent:
                directory.rmdir()


@contextmanager
def _without_remains(store: Path) -> Iterator[None]:
    """If the block fails, remove what it staged, and a ledger that it made and that holds no document yet."""
    new = not (store / LEDGER_FILE).exists()
    try:
        yield
    except BaseException:
        remains = [*store.glob(f"{INCOMING_FILE}*")]
        if new and _is_empty(store):
            remains += [*store.glob(f"{LEDGER_FILE}*"), *store.glob("write.lock")]
        for path in remains:
            path.unlink(missing_ok=True)
        raise


def _is_empty(store: Path) -> bool:
    try:
        with open_ledger(store, read_only=True) as ledger:
            return not ledger.counts().documents
    except StoreError:  # It could not even be made.
        return True


class _Clock:
    """Wall-clock seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)


def _read(
    ledger: Ledger,
    sources: Sequence[str],
    mapping: Mapping[str, str | Sequence[str]],
    user: str | None,
    privacy: Privacy,
    settings: Settings,
    on_new: Callable[[], None],
    progress: Progress,
    *,
    allow_forgotten: bool,
) -> tuple[Intake, Staged, Counter[str]]:
    """Stage what the sources hold; the truth is not touched yet.

    :param on_new: called once there is a document that is not in the store.
    :return: what was read, what was staged of it, and the documents by user of those who were forgotten before.
    """
    intake = Intake()
    is_forgotten = ledger.forgotten_test()
    forgotten: Counter[str] = Counter()

    def counted() -> Iterator[Document]:
        documents = read_documents(sources, mapping=mapping, user=user, intake=intake, privacy=privacy)
        for number, document in enumerate(documents, 1):
            if number % 500 == 0:
                progress("read", number, 0)
            if is_forgotten(document.user_id):
                forgotten[document.user_id] += 1
                if not allow_forgotten:
                    continue
            yield document
        if forgotten and not allow_forgotten and intake.documents == forgotten.total():
            raise InputError(
                "all rows are of users who were forgotten; nothing was built. To take them in again, add "
                "--allow-forgotten"
            )
        if intake.bad > settings.max_bad * intake.rows:
            raise InputError(_too_many_bad(intake, settings.max_bad))

    staged = ledger.stage(counted(), on_new)
    progress("read", intake.documents, intake.documents)
    return intake, staged, forgotten


def _check_removals(removals: Removals, confirm: Callable[[Removals], bool] | None) -> None:
    many = removals.users > min(_MAX_REMOVED_USERS, _MAX_REMOVED_SHARE * removals.all_users)
    if many and not (confirm and confirm(removals)):
        raise RemovalError(*removals)


def _too_many_bad(intake: Intake, max_bad: float) -> str:
    examples = "\n".join(f"  {bad.file}:{bad.line}: {bad.reason}" for bad in intake.bad_examples[:5])
    return (
        f"{intake.bad} of {intake.rows} lines are bad, more than the {max_bad:.2%} that --max-bad allows; "
        f"nothing was built. The first of them:\n{examples}"
    )


def _index(ledger: Ledger, store: Path, standby: index.Standby, progress: Progress) -> bool:
    """Build the index if it is missing, damaged or older than the ledger; return whether it was."""
    if index.current_revision(store) == ledger.revision() and standby.is_sound():
        return False
    index.build_index(ledger, store, lambda done, total: progress("index", done, total), standby)
    return True


def _named(ledger: Ledger, clustered: Clustered, before: Mapping[str, str]) -> tuple[SegmentChange, ...]:
    """Return what became of segments, with their names of before and of now."""
    if not clustered.before:  # In a new store, all appear.
        return ()
    names = {**before, **{segment.id: segment.name for segment in overlay.segments(ledger)}}
    return tuple(
        change.model_copy(
            update={"names": {id_: names[id_] for id_ in (*change.before, *change.after) if id_ in names}}
        )
        for change in segment_changes(clustered.before, clustered.after)
    )


def _report(
    ledger: Ledger,
    intake: Intake,
    privacy: Privacy,
    staged: Staged,
    changes: Changes,
    models: Models,
    reason: str,
    embedded: int,
    categorised: int,
    changed: bool,
    seconds: dict[str, float],
) -> BuildReport:
    counts = ledger.counts()
    return BuildReport(
        documents=counts.documents,
        users=counts.users,
        ok=counts.ok,
        insufficient=counts.insufficient,
        failed=counts.failed,
        segments=counts.segments,
        unclustered=ledger.count_unclustered(),
        embedded=embedded,
        written=0,
        categorised=categorised,
        removed_users=changes.removed_users,
        duplicates=staged.duplicates,
        bad_lines=intake.bad,
        bad_examples=tuple(intake.bad_examples),
        passed=dict(intake.passed.most_common()),
        mask=privacy.mask,
        masked=dict(intake.masked.most_common()),
        pseudonyms=privacy.key is not None,
        skipped_files=intake.skipped,
        skipped_examples=tuple(intake.skipped_examples),
        files=tuple(intake.files),
        repeated=repeated_in(ledger),
        embedder=models.embedder.name,
        embedder_reason=reason,
        writer=", ".join(writer.name for writer in models.writers),
        verifier=", ".join(verifier.name for verifier in models.verifiers),
        changed=changed,
        seconds=seconds,
    )
