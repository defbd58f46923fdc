"""The stages in which the writer reads what users wrote and makes notes, and the verifier checks them.

A reading is stored as soon as it is written, and again with its verdicts, so that a killed build reads nothing twice.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from profilegen.backends import Failure, Progress, Prompt, Verifier, Writer, knows
from profilegen.claims.common import Common, count_common
from profilegen.claims.notes import facet_prompt, notes_prompt, parse_notes
from profilegen.claims.passages import Passage, reading_hash, readings, select_passages
from profilegen.claims.readings import Reading
from profilegen.claims.verification import check
from profilegen.config import Settings
from profilegen.errors import UnreadableTextError
from profilegen.pipeline.fingerprints import fingerprint
from profilegen.pipeline.models import Models
from profilegen.profiles.user_profile import main_language
from profilegen.records import RepeatedSentences, batches
from profilegen.segments.user_vectors import document_vectors
from profilegen.store.ledger import COMMON_COUNTS, Ledger, StoredReading, UserDocuments

# Increased when the same passages would get other notes, or the same notes other verdicts.
_METHOD, _CHECK_METHOD = "3", "2"
_READINGS_PER_CHECK = 64
_COMMON_USERS = 2_000

Failures = dict[str, str]
"""Why a writer failed at a user, by user id."""


def write_notes(
    ledger: Ledger, wanted: Collection[str], models: Models, settings: Settings, progress: Progress
) -> Written:
    """Have the writers note what passages of users show; what was read before is not read again.

    :param ledger: has users and documents, and gets the readings.
    :param wanted: ids of the users.
    :param models: of this build.
    :param settings: of this build.
    :param progress: called with users done and in all.
    """
    failures: Failures = {}
    n_readings = 0
    if not models.writers:
        for user_id in wanted:
            ledger.keep_readings(user_id, ())
    elif wanted:
        picker = _Picker(_common(ledger), settings.read)
        for writer in models.writers:
            job = _NotesJob(ledger, wanted, picker, writer, models, progress)
            for reading in job.written(failures):
                ledger.put_readings([reading])
                n_readings += 1
    return Written(failures, n_readings)


def unsettled_users(ledger: Ledger, models: Models, settings: Settings) -> set[str]:
    """Count anew what texts have in common, and return the users of whom other passages would be read now.

    :param ledger: has users, documents and readings, and gets the counts.
    :param models: of this build.
    :param settings: of this build.
    """
    if not models.writers:
        return set()
    picker = _Picker(_common(ledger, anew=True), settings.read)
    return {
        user.user_id
        for user in ledger.iter_users()
        if {sheet.hash for _, sheet in _sheets(user, picker, models)} != ledger.reading_hashes(user.user_id)
    }


def check_notes(ledger: Ledger, models: Models, failures: Failures, progress: Progress) -> None:
    """Check the notes that no verifier of this build has checked.

    Those of a reading at which the verifier's process dies twice stay unchecked; the user fails until the next build.

    :param ledger: has the readings, and gets the verdicts.
    :param models: of this build.
    :param failures: the users whom a model failed at; gets those whose notes cannot be checked.
    :param progress: called with readings done and in all.
    """
    method = fingerprint(_CHECK_METHOD, *(verifier.fingerprint for verifier in models.verifiers))
    total = ledger.count_unchecked(method)
    done = 0
    for batch in batches(ledger.unchecked_readings(method), _READINGS_PER_CHECK):
        progress("verdicts", done, total)
        parsed = [Reading.model_validate_json(row.record) for row in batch]
        checked: dict[int, Reading] = {}
        try:
            checked.update(_checked(parsed, models))
        except UnreadableTextError:
            for number, (row, reading) in enumerate(zip(batch, parsed, strict=True)):
                try:
                    _, checked[number] = next(_checked([reading], models))
                except UnreadableTextError as error:
                    failures[row.user_id] = str(error)
        ledger.put_readings(
            batch[number]._replace(record=reading.model_dump_json(), checked_by=method)
            for number, reading in sorted(checked.items())
        )
        done += len(batch)
    if total:
        progress("verdicts", total, total)


def repeated_in(ledger: Ledger) -> RepeatedSentences | None:
    """Return which sentences many texts have, and are left out of what is read; None where nothing was counted.

    :param ledger: holds the counts.
    """
    stored = ledger.get_meta(COMMON_COUNTS) or {}
    return RepeatedSentences.model_validate(stored["repeated"]) if "repeated" in stored else None


def _checked(parsed: Sequence[Reading], models: Models) -> Iterator[tuple[int, Reading]]:
    """Yield readings with verdicts by their positions; notes that no verifier can read stay without."""
    by_verifier: dict[int, list[int]] = {}
    verifiers: dict[int, Verifier] = {}
    for at, reading in enumerate(parsed):
        verifier = models.verifier(reading.language)
        if verifier is None:
            yield at, reading.model_copy(update={"checked": ()})
        else:
            verifiers[id(verifier)] = verifier
            by_verifier.setdefault(id(verifier), []).append(at)
    for key, places in by_verifier.items():
        results = check([parsed[at].case() for at in places], verifiers[key], models.embedder.embed)
        for at, notes in zip(places, results, strict=True):
            yield at, parsed[at].model_copy(update={"checked": tuple(notes)})


class Written(NamedTuple):
    """What the writers did: why one failed at a user, by user id, and how many readings were written."""

    failures: Failures
    readings: int


class _Sheet(NamedTuple):
    """A reading to be written; `is_known` tells whether the writer was trained for the prompt."""

    hash: str
    reading: Reading
    prompt: Prompt
    is_known: bool


class _Picker(NamedTuple):
    common: Common
    budget: int

    def readings(self, user: UserDocuments) -> list[tuple[Passage, ...]]:
        vectors = document_vectors(user.text_vectors, user.item_vectors)
        picked = select_passages(user.documents, vectors, budget=self.budget, common=self.common)
        return readings(picked)


class _NotesJob:
    """What one writer reads in a build: prompts go out as it has room, and readings come back as it finishes."""

    def __init__(
        self,
        ledger: Ledger,
        wanted: Collection[str],
        picker: _Picker,
        writer: Writer,
        models: Models,
        progress: Progress,
    ) -> None:
        self._ledger, self._wanted, self._picker = ledger, wanted, picker
        self._writer, self._models, self._progress = writer, models, progress
        self._in_flight: dict[tuple[str, str], _Sheet] = {}
        self._unanswered: Counter[str] = Counter()
        self._done = 0

    def written(self, failures: Failures) -> Iterator[StoredReading]:
        """Yield readings with notes; the reasons of those that failed are put into `failures`."""
        for key, answer in self._writer.write(self._prompts()):
            sheet = self._in_flight.pop(key)
            if isinstance(answer, Failure):
                failures[key[0]] = answer.reason
            else:
                notes = parse_notes(
                    answer.text,
                    len(sheet.reading.passages),
                    language=sheet.reading.language,
                    finished=answer.finished,
                    prompt=sheet.prompt,
                    # What a general writer's sureness is worth was not measured.
                    sureness=answer.sureness if sheet.is_known else (),
                )
                reading = sheet.reading.model_copy(update={"notes": tuple(notes)})
                yield StoredReading(*key, reading.model_dump_json())
            self._unanswered[key[0]] -= 1
            self._count(not self._unanswered[key[0]])

    def _prompts(self) -> Iterator[tuple[tuple[str, str], Prompt]]:
        self._count(False)
        for user in self._ledger.iter_users(self._wanted):
            sheets = _unread(self._ledger, user, self._picker, self._writer, self._models)
            self._unanswered[user.user_id] = len(sheets)
            self._count(not sheets)
            for sheet in sheets:
                self._in_flight[user.user_id, sheet.hash] = sheet
                yield (user.user_id, sheet.hash), sheet.prompt

    def _count(self, is_done: bool) -> None:
        self._done += is_done
        self._progress("notes", self._done, len(self._wanted))


def _unread(ledger: Ledger, user: UserDocuments, picker: _Picker, writer: Writer, models: Models) -> list[_Sheet]:
    """Return the readings that this writer has not read yet, and remove those of passages that are gone."""
    main = main_language(user.documents)
    codes = {main, *(document.language for document in user.documents)}
    if not any(knows(writer, code) for code in codes):
        if not any(models.writer(code) for code in codes):
            ledger.keep_readings(user.user_id, ())
        return []
    sheets = _sheets(user, picker, models)
    ledger.keep_readings(user.user_id, [sheet.hash for _, sheet in sheets])
    have = ledger.reading_hashes(user.user_id)
    return [sheet for reader, sheet in sheets if reader is writer and sheet.hash not in have]


def _sheets(user: UserDocuments, picker: _Picker, models: Models) -> list[tuple[Writer, _Sheet]]:
    """Return what is to be read of a user, by whom."""
    main = main_language(user.documents)
    sheets: list[tuple[Writer, _Sheet]] = []
    for passages in picker.readings(user):
        language = _language(passages, main)
        reader = models.writer(language)
        if reader is not None:
            reading = Reading(
                language=language, writer=reader.name, passages=passages, notes=(), reserve=reader.reserve
            )
            for number, prompt in enumerate(_prompts(reading, trained=reader.trained)):
                hash_ = fingerprint(_METHOD, reader.fingerprint, prompt, reading_hash(passages))
                sheets.append((reader, _Sheet(hash_, reading, prompt, is_known=reader.trained and number == 0)))
    return sheets


def _prompts(reading: Reading, *, trained: bool) -> list[Prompt]:
    """Return the prompts for a reading: one, and for a trained writer one more for the facets that it does not know."""
    first = notes_prompt(reading.passages, reading.language, trained=trained)
    second = facet_prompt(reading.passages, reading.language) if trained else None
    return [first] if second is None else [first, second]


def _language(passages: Sequence[Passage], main: str) -> str:
    counts = Counter(passage.language for passage in passages if passage.language != "und")
    return counts.most_common(1)[0][0] if counts else main


def _common(ledger: Ledger, *, anew: bool = False) -> Common:
    """Return the counts of what texts share, made again when users are many more or fewer."""
    n_users = ledger.counts().users
    stored = ledger.get_meta(COMMON_COUNTS)
    if stored and not anew and 0.8 < n_users / max(stored["of_users"], 1) < 1.25:
        return Common(
            stored["n_documents"],
            np.frombuffer(zlib.decompress(base64.b64decode(stored["word_counts"])), np.uint32),
            np.frombuffer(zlib.decompress(base64.b64decode(stored["sentences"])), np.uint64),
        )
    sample = sorted(ledger.user_ids(), key=_hash_order)[:_COMMON_USERS]
    users = ledger.iter_users(sample, with_vectors=False)
    common = count_common(chain.from_iterable(user.documents for user in users))
    value = {
        "of_users": n_users,
        "n_documents": common.n_documents,
        "word_counts": base64.b64encode(zlib.compress(common.word_counts.tobytes())).decode(),
        "sentences": base64.b64encode(zlib.compress(common.sentences.tobytes())).decode(),
        "repeated": common.repeated.model_dump(mode="json"),
    }
    if value != stored:
        ledger.set_meta(COMMON_COUNTS, value)
    return common


def _hash_order(user_id: str) -> str:
    return hashlib.blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
