"""A short examination of a writer: its notes on ten users of the samples that ship, checked by a verifier."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence

from profilegen.backends import Answer, Failure, Prompt, Verifier, Writer
from profilegen.claims.notes import Note, format_notes, notes_prompt, parse_notes
from profilegen.claims.passages import Passage, readings
from profilegen.claims.verification import Case, check
from profilegen.ingest import Intake, read_documents
from profilegen.records import Document, Record
from profilegen.resources import resource

_SAMPLES = ("examples/sample.jsonl", "examples/posts.jsonl", "examples/chats.jsonl")
_USERS = 10
CONTEXT_TOKENS = 2_048
"""Room for instructions, a reading and the notes, in any language."""
_MAX_PASSAGES = 20
# A writer holds the task if nearly all answers are whole, there is a note for most users, and its own passages show its
# notes clearly more often than those of another user do, which are wrong by construction.
_MIN_WHOLE, _MIN_NOTES, _MIN_OVER_CHANCE = 0.9, 0.5, 0.1


class Sample(Record):
    """The notes on a reading, as the writer wrote them; `shown` are the positions of those that stand."""

    user: str
    passages: tuple[str, ...]
    notes: tuple[str, ...]
    shown: tuple[int, ...] | None = None


class Examination(Record):
    """What came out of it.

    `whole` is the share of answers that are finished, `notes` the number of notes a user, `shown` the share of notes
    that the verifier takes for shown by the passages read, and `shown_by_chance` by those of another user; both are
    None without a verifier or without notes. `users_per_minute` is the wall time of writing alone.
    """

    writer: str
    verifier: str | None
    users: int
    whole: float
    notes: float
    shown: float | None
    shown_by_chance: float | None
    users_per_minute: float
    samples: tuple[Sample, ...]

    @property
    def faults(self) -> list[str]:
        """Why the writer cannot hold the task; nothing if it can."""
        faults = []
        if self.whole < _MIN_WHOLE:
            faults.append(f"{1 - self.whole:.0%} of its answers are not finished")
        if self.notes < _MIN_NOTES:
            faults.append(f"it writes {self.notes:.1f} notes a user")
        if (
            self.shown is not None
            and self.shown_by_chance is not None
            and self.shown - self.shown_by_chance < _MIN_OVER_CHANCE
        ):
            faults.append(
                f"{self.shown:.0%} of its notes are shown by what it read, and {self.shown_by_chance:.0%} by what "
                "somebody else wrote"
            )
        return faults


def examine_writer(writer: Writer, verifier: Verifier | None, read: Mapping[str, Sequence[Passage]]) -> Examination:
    """Let a writer note what passages of some users show, and check the notes.

    :param writer: the writer.
    :param verifier: the judge; without one, the notes are not checked.
    :param read: passages of each user, in one language.
    :raises ModelError: a model cannot be loaded.
    """
    asked = [(user, reading) for user, passages in read.items() for reading in readings(passages)]
    prompts = [notes_prompt(reading, reading[0].language, trained=writer.trained) for _, reading in asked]
    start = time.perf_counter()
    answers = dict(writer.write(enumerate(prompts)))
    seconds = time.perf_counter() - start
    cases = [
        Case(_notes(answers[at], prompts[at], reading), reading, reading[0].language)
        for at, (_, reading) in enumerate(asked)
    ]
    n_notes = sum(len(case.notes) for case in cases)
    shown = others = None
    if verifier and n_notes:
        shown = [[note.label == "shown" for note in checked] for checked in check(cases, verifier)]
        others = [[note.label == "shown" for note in checked] for checked in check([*_exchanged(cases)], verifier)]
    return Examination(
        writer=writer.name,
        verifier=verifier.name if verifier else None,
        users=len(read),
        whole=sum(isinstance(answer, Answer) and answer.finished for answer in answers.values()) / max(len(asked), 1),
        notes=n_notes / max(len(read), 1),
        shown=_share(shown),
        shown_by_chance=_share(others),
        users_per_minute=60 * len(read) / max(seconds, 1e-9),
        samples=tuple(
            _sample(user, case, None if shown is None else shown[at])
            for at, ((user, _), case) in enumerate(zip(asked, cases, strict=True))
        ),
    )


def sample_passages(languages: Sequence[str], n_users: int = _USERS) -> dict[str, list[Passage]]:
    """Return passages of users of the samples that ship: the first ones by a hash of their names.

    :param languages: ISO 639-1 codes that the writer knows, `*` for all.
    :param n_users: number of users.
    """
    by_user: dict[str, list[Passage]] = {}
    for document in read_documents([str(resource(name)) for name in _SAMPLES], mapping={}, intake=Intake()):
        if "*" in languages or document.language in languages:
            by_user.setdefault(document.user_id, []).append(_passage(document))
    chosen = sorted(by_user, key=lambda user: hashlib.sha256(user.encode()).digest())[:n_users]
    return {user: by_user[user][:_MAX_PASSAGES] for user in chosen}


def _passage(document: Document) -> Passage:
    return Passage(
        document=document.id,
        text=document.text,
        item=document.item_title or document.title,
        rating=None if document.stars is None else round(document.stars, 1),
        language=document.language,
    )


def _notes(answer: Answer | Failure, prompt: Prompt, reading: Sequence[Passage]) -> list[Note]:
    if isinstance(answer, Failure):
        return []
    language = reading[0].language
    return parse_notes(answer.text, len(reading), language=language, finished=answer.finished, prompt=prompt)


def _exchanged(cases: Sequence[Case]) -> Iterator[Case]:
    """Give each reading the notes on the next one that is half of all away, so that it is of another user."""
    half = max(1, len(cases) // 2)
    for at, case in enumerate(cases):
        notes = [
            note._replace(passages=tuple(min(number, len(case.reading)) for number in note.passages))
            for note in cases[(at + half) % len(cases)].notes
        ]
        yield case._replace(notes=notes)


def _share(rows: Sequence[Sequence[bool]] | None) -> float | None:
    flat = [value for row in rows or () for value in row]
    return sum(flat) / len(flat) if flat else None


def _sample(user: str, case: Case, shown: Sequence[bool] | None) -> Sample:
    return Sample(
        user=user,
        passages=tuple(f"{passage.item}: {passage.text}" if passage.item else passage.text for passage in case.reading),
        notes=tuple(format_notes([note]) for note in case.notes),
        shown=None if shown is None else tuple(at for at, stands in enumerate(shown) if stands),
    )
