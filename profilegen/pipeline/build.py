"""Build: the stages in order, each doing only what is missing or changed.

Every stage reads what the one before left in the ledger and writes its own part there in small transactions. So a
build that is killed goes on where it was, and one that has nothing to do opens no model.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from profilegen.backends import Embedder
from profilegen.claims.taxonomy import Taxonomy
from profilegen.config import Settings
from profilegen.errors import InputError, RemovalError, StoreError, UsageError
from profilegen.ingest import Intake, read_documents
from profilegen.pipeline.categories import categorise, chosen_taxonomy
from profilegen.pipeline.model_choice import keep_choice, models_for, models_of_store
from profilegen.pipeline.models import Models
from profilegen.pipeline.writing import begin, write_profiles, write_segments
from profilegen.profiles import summaries, user_profile
from profilegen.records import BuildReport, Document
from profilegen.segments import clustering, description, layout
from profilegen.segments.user_vectors import ITEM_WEIGHT, document_vectors, user_vector
from profilegen.store import index, overlay
from profilegen.store.ledger import (
    INCOMING_FILE,
    LEDGER_FILE,
    Changes,
    Ledger,
    Membership,
    Removals,
    Staged,
    open_ledger,
    write_lock,
)

Vectors = npt.NDArray[np.float32]
Progress = Callable[[str, int, int], None]
"""Called with the stage, what is done of it, and how much there is, 0 where that is not known."""

_EMBEDDED_TOGETHER = 1_000
# Up to this share of users who are new, changed or gone, users are not clustered again.
_FEW_MOVED = 0.05
# Past either of these, a build removes users only if a person allows it.
_MAX_REMOVED_USERS, _MAX_REMOVED_SHARE = 10, 0.1


def build(
    sources: Sequence[str],
    settings: Settings,
    *,
    mapping: Mapping[str, str] | None = None,
    add: bool = False,
    re_embed: bool = False,
    remove: bool = False,
    confirm: Callable[[Removals], bool] | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Read what users wrote and bring the store up to date with it.

    :param sources: files, directories, or `-` for standard input.
    :param mapping: our field to the name of the column that holds it.
    :param add: keep what is in the store and not in the sources; else the store ends up with the sources alone.
    :param re_embed: embed everything again where the store was made with another embedder.
    :param remove: allow to remove many users, those of whom the sources have no text.
    :param confirm: asked before many users are removed, where `remove` does not allow it.
    :raises RemovalError: more than a tenth of the users, or more than ten, would go, and neither `remove` nor `confirm`
        allows it; the store is as it was.
    :raises InputError: too many bad lines, or nothing to read; the store is as it was.
    :raises ModelError: a model cannot be had or used.
    :raises StoreError: the store is in use, damaged, or was made with another embedder.
    """
    if add and remove:
        raise UsageError("to add and to remove exclude each other: with --add nothing is removed")
    clock = _Clock()
    report = progress or _silent
    # Most of the time that the index takes to answer, it takes to be opened: it is, while the sources are read.
    with _opened(settings.store) as ledger, index.standing_by(settings.store) as standby, ExitStack() as opened:
        taxonomy = chosen_taxonomy(ledger, settings.taxonomy)
        before = None if re_embed else models_of_store(ledger, settings, report)
        if before:
            opened.enter_context(before.models)

        def on_new() -> None:
            """Load the models while the rest is read."""
            if before:
                begin(ledger, before.models)

        with clock.stage("read"):
            intake, staged = _read(ledger, sources, mapping or {}, settings, on_new, report)
        if not add and not remove:
            _check_removals(ledger.staged_removals(), confirm)
        models, reason = before or models_for(intake.languages, settings, report)
        if not before:
            opened.enter_context(models)
        keep_choice(ledger, models.embedder)
        changes = ledger.apply_staged(add=add)
        with clock.stage("embed"):
            embedded = _embed(ledger, models, report)
        with clock.stage("users"):
            _make_users(ledger, models.embedder)
        with clock.stage("segments"):
            _cluster(ledger, settings, report)
        with clock.stage("map"):
            _place(ledger, settings, report)
        with clock.stage("profiles"):
            written = _write_profiles(ledger, models, report)
        with clock.stage("categories"):
            categorised = categorise(
                ledger, taxonomy, models.embedder.embed, lambda done, total: report("categories", done, total)
            )
            overlay.refresh_claims(ledger, models.embedder.embed)
        with clock.stage("segment profiles"):
            described = _write_segments(ledger, taxonomy, models, report)
        with clock.stage("index"):
            _index(ledger, settings.store, standby, report)
        finished = _report(
            ledger, intake, staged, changes, models, reason, embedded, written, categorised, described, clock.seconds
        )
        ledger.record_build(finished)
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


def _silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""


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
    mapping: Mapping[str, str],
    settings: Settings,
    on_new: Callable[[], None],
    progress: Progress,
) -> tuple[Intake, Staged]:
    """Stage what the sources hold; the truth is not touched yet.

    :param on_new: called once there is a document that is not in the store.
    """
    intake = Intake()

    def counted() -> Iterator[Document]:
        for number, document in enumerate(read_documents(sources, mapping=mapping, intake=intake), 1):
            if number % 500 == 0:
                progress("read", number, 0)
            yield document
        if intake.bad > settings.max_bad * intake.rows:
            raise InputError(_too_many_bad(intake, settings.max_bad))

    staged = ledger.stage(counted(), on_new)
    progress("read", intake.documents, intake.documents)
    return intake, staged


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


def _embed(ledger: Ledger, models: Models, progress: Progress) -> int:
    """Embed the documents that have no vector; returns how many."""
    missing = ledger.count_missing_vectors()
    done = 0
    stream = ledger.documents_missing_vectors()
    while batch := list(islice(stream, _EMBEDDED_TOGETHER)):
        items = sorted({document.item_title for document in batch if document.item_title})
        texts = [_embedded_text(document) for document in batch]
        whole = len(texts) + len(items)
        worked = 0

        def told(count: int, base: int = done, size: int = len(batch), whole: int = whole) -> None:
            nonlocal worked
            worked += count
            progress("embed", base + size * worked // whole, missing)

        vectors = models.embedder.embed(texts + items, told)
        item_vectors = dict(zip(items, vectors[len(texts) :], strict=True))
        ledger.put_document_vectors(
            (document.id, vector, item_vectors.get(document.item_title or ""))
            for document, vector in zip(batch, vectors, strict=False)
        )
        done += len(batch)
    return done


def _embedded_text(document: Document) -> str:
    """Return the text with its heading, which often says in a few words what the text is about."""
    return f"{document.title}. {document.text}" if document.title else document.text


def _make_users(ledger: Ledger, embedder: Embedder) -> None:
    """Give every user whose documents changed a language, a hash and a vector."""
    before = ledger.user_hashes()

    def changed() -> Iterator[tuple[str, str, str, Vectors]]:
        for user in ledger.iter_users():
            made_of = f"{user_profile.documents_hash(user.documents)}-{embedder.fingerprint[:8]}-{ITEM_WEIGHT:g}"
            if before.get(user.user_id) != made_of:
                vector = user_vector(document_vectors(user.text_vectors, user.item_vectors))
                yield user.user_id, user_profile.main_language(user.documents), made_of, vector

    ledger.put_users(changed())


def _cluster(ledger: Ledger, settings: Settings, progress: Progress) -> None:
    """Give every user a segment; segments that go on keep their ids.

    While few users are new, changed or gone, these join the segments that there are, and nobody else moves.
    """
    user_ids, vectors = ledger.user_matrix()
    method = _hash(clustering.METHOD, settings.seed, settings.min_cluster_size)
    made_of = _hash(method, vectors.tobytes(), "\0".join(user_ids).encode("utf-8", "surrogatepass"))
    memberships = ledger.memberships()
    if ledger.get_meta("clusters") == made_of and len(memberships) == len(user_ids):
        return
    progress("segments", 0, 1)
    centred = clustering.remove_language_means(vectors, ledger.user_languages())
    settled = _settled(ledger, user_ids, method)
    if settled:
        segment_ids, found = _joined(user_ids, centred, settled, memberships)
    else:
        found = clustering.cluster(centred, seed=settings.seed, min_cluster_size=settings.min_cluster_size)
        segment_ids = _segment_ids(user_ids, found, memberships)
    ledger.put_memberships(
        Membership(user_id, segment_id, round(float(confidence), 3), bool(assigned))
        for user_id, segment_id, confidence, assigned in zip(
            user_ids, segment_ids, found.confidence, found.assigned, strict=True
        )
    )
    if not settled:
        ledger.put_clustered()
        ledger.set_meta("clustered", {"method": method, "users": len(user_ids), "of": made_of})
    ledger.set_meta("clusters", made_of)
    progress("segments", 1, 1)


def _settled(ledger: Ledger, user_ids: Sequence[str], method: str | None = None) -> set[str]:
    """Return the users who are as they were when users were clustered; none if too many are not, or the method is new.

    :param method: how they would be clustered now; whatever it was, if None.
    """
    clustered = ledger.get_meta("clustered")
    if not clustered or method not in (None, clustered["method"]):
        return set()
    settled = ledger.still_clustered()
    moved = max(len(user_ids), clustered["users"]) - len(settled)
    return settled if moved <= _FEW_MOVED * clustered["users"] else set()


def _joined(
    user_ids: Sequence[str], vectors: Vectors, settled: set[str], memberships: Sequence[Membership]
) -> tuple[list[str], clustering.Clusters]:
    """Return the segment of each user, with those who are not settled among their neighbours who are."""
    before = {row.user_id: row for row in memberships if row.user_id in settled}
    names = sorted({row.segment_id for row in before.values()})
    label_of = {name: label for label, name in enumerate(names)}
    known = np.array([row for row, user_id in enumerate(user_ids) if user_id in before])
    rows = [before[user_ids[row]] for row in known]
    clusters = clustering.Clusters(
        np.array([label_of[row.segment_id] for row in rows]),
        np.array([row.confidence for row in rows], np.float32),
        np.array([row.assigned for row in rows]),
    )
    found = clustering.assign_by_neighbors(vectors, known, clusters)
    return [names[label] for label in found.labels], found


def _segment_ids(user_ids: Sequence[str], found: clustering.Clusters, memberships: Sequence[Membership]) -> list[str]:
    """Return the id of each user's segment: that of an earlier one, if one goes on."""
    members: dict[int, list[str]] = {}
    for user_id, label in zip(user_ids, found.labels, strict=True):
        members.setdefault(int(label), []).append(user_id)
    new = {description.new_id(group): group for group in members.values()}
    old: dict[str, list[str]] = {}
    for membership in memberships:
        old.setdefault(membership.segment_id, []).append(membership.user_id)
    kept = clustering.match_ids(new, old)
    ids = {label: kept.get(fresh := description.new_id(group), fresh) for label, group in members.items()}
    return [ids[int(label)] for label in found.labels]


def _place(ledger: Ledger, settings: Settings, progress: Progress) -> None:
    """Give every user a place on the map; while users join segments that there are, nobody else moves."""
    made_of = _hash(ledger.get_meta("clusters"), settings.seed)
    if ledger.get_meta("map") == made_of:
        return
    progress("map", 0, 1)
    user_ids, vectors = ledger.user_matrix()
    centred = clustering.remove_language_means(vectors, ledger.user_languages())
    laid_out = _hash(ledger.get_meta("clustered"), settings.seed)
    settled = _settled(ledger, user_ids) if ledger.get_meta("laid out") == laid_out else set()
    points = ledger.points()
    place_of = {user_id: at for user_id, at in zip(points.user_ids, points.places, strict=True) if user_id in settled}
    known = [row for row, user_id in enumerate(user_ids) if user_id in place_of]
    # A build that was killed may have left users who have settled without a place.
    if settled and len(known) == len(settled):
        places = layout.interpolate_positions(
            centred, np.array(known), np.array([place_of[user_ids[row]] for row in known])
        )
    else:
        places = layout.positions(centred, seed=settings.seed)
    ledger.put_points(user_ids, places)
    ledger.set_meta("laid out", laid_out)
    ledger.set_meta("map", made_of)
    progress("map", 1, 1)


def _write_profiles(ledger: Ledger, models: Models, progress: Progress) -> int:
    """Write the profiles that are missing or made from something else; returns how many."""
    method = _hash(user_profile.METHOD, summaries.templates_hash(), models.writer.fingerprint)
    have = ledger.profile_hashes()
    wanted = {
        user_id: made_of
        for user_id, user_hash in ledger.user_hashes().items()
        if have.get(user_id) != (made_of := f"{user_hash}-{method}")
    }
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        progress("profiles", done, len(wanted))

    if wanted:
        progress("profiles", 0, len(wanted))
    write_profiles(ledger, wanted, models, told)
    return done


def _write_segments(ledger: Ledger, taxonomy: Taxonomy, models: Models, progress: Progress) -> int:
    """Describe the segments again if any member or profile changed: each is told apart from all others.

    Returns how many.
    """
    profile_hashes = ledger.profile_hashes()
    memberships = ledger.memberships()
    made_of = _hash(
        description.METHOD,
        taxonomy.hash,
        *(f"{row.user_id}\0{row.segment_id}\0{profile_hashes.get(row.user_id)}" for row in memberships),
        *ledger.decided_versions(),
    )
    stored = ledger.segment_hashes()
    if stored and set(stored.values()) == {made_of}:
        return 0
    progress("segment profiles", 0, 1)
    user_ids, vectors = ledger.user_matrix()
    segment_of = {row.user_id: row.segment_id for row in memberships}

    def embed(phrases: Sequence[str]) -> Vectors:
        """Embed only what is no interest of a user: interests have their vectors."""
        known = ledger.interest_vectors(phrases)
        missing = [phrase for phrase in phrases if phrase not in known]
        known |= dict(zip(missing, models.embedder.embed(missing), strict=False))
        return np.array([known[phrase] for phrase in phrases], np.float32)

    sketches = description.sketch(overlay.profiles(ledger), segment_of, user_ids, vectors, embed, taxonomy)
    # Not known by name: another file can have the same.
    before = ledger.segments() if ledger.get_meta("segments_writer") == models.writer.fingerprint else ()
    told = write_segments(sketches, before, models)
    ledger.set_meta("segments_writer", models.writer.fingerprint)
    ledger.put_segments((sketch.segment(*told[sketch.segment_id]), made_of, sketch.centroid) for sketch in sketches)
    progress("segment profiles", 1, 1)
    return len(sketches)


def _index(ledger: Ledger, store: Path, standby: index.Standby, progress: Progress) -> None:
    if index.current_revision(store) != ledger.revision() or not standby.is_sound():
        index.build_index(ledger, store, lambda done, total: progress("index", done, total), standby)


def _hash(*parts: object) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update((part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")) + b"\0")
    return digest.hexdigest()[:32]


def _report(
    ledger: Ledger,
    intake: Intake,
    staged: Staged,
    changes: Changes,
    models: Models,
    reason: str,
    embedded: int,
    written: int,
    categorised: int,
    described: int,
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
        embedded=embedded,
        written=written,
        categorised=categorised,
        removed_users=changes.removed_users,
        duplicates=staged.duplicates,
        bad_lines=intake.bad,
        bad_examples=tuple(intake.bad_examples),
        skipped_files=intake.skipped,
        skipped_examples=tuple(intake.skipped_examples),
        embedder=models.embedder.name,
        embedder_reason=reason,
        writer=models.writer.name,
        changed=any(changes) or bool(embedded or written or categorised or described),
        seconds=seconds,
    )
