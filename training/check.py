"""Checks the training data and counts what is in it: `python -m training.check`.

Every record must be whole, cite passages that exist and not repeat another; then users, notes, sentences and openings
are counted, since variety decides what a small model learns.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from profilegen.language.cleaning import fold
from profilegen.language.sentences import sentence_spans
from profilegen.records import Kind

DATA = Path(__file__).with_name("data")

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Language = Annotated[str, StringConstraints(pattern="^[a-z]{2}$")]
Form = Literal[
    "shop review",
    "app review",
    "game review",
    "hotel review",
    "book review",
    "film review",
    "forum post",
    "microblog",
    "chat turn",
    "support ticket",
    "search query",
    "headline read",
    "title watched",
    "title heard",
    "comment",
]
Polarity = Literal["likes", "dislikes", "wants", "avoids", "is"]
Why = Literal[
    "somebody else",
    "denied",
    "wished",
    "asked",
    "past",
    "quoted",
    "ironic",
    "hypothetical",
    "fiction",
    "boilerplate",
    "near claim",
    "garbled",
    "invented",
    "too general",
    "unrelated",
    "addressee",
    "stated",
    "implied",
    "rated",
    "contrary",
]


class Strict(BaseModel):
    """A record without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Passage(Strict):
    """What the writer reads: text, and item, stars of five and day where there are any. A title alone has no text."""

    text: str = ""
    item: str | None = None
    rating: int | None = Field(None, ge=1, le=5)
    day: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Passage:
        if not (self.text.strip() or self.item):
            raise ValueError("a passage has a text or an item")
        return self


class Note(Strict):
    """What the passages show of the person, in an analyst's words; `passages` count from 1."""

    kind: Kind
    polarity: Polarity
    text: Words
    passages: tuple[int, ...] = Field(min_length=1)


class Trap(Strict):
    """A claim that somebody could draw from a passage and that it does not show, and why not."""

    claim: Words
    passage: int
    why: Why


class User(Strict):
    """A person who does not exist: passages, the notes that are right, the traps, and the summary of the notes."""

    id: Words
    language: Language
    form: Form
    source: Literal["ours"]
    passages: tuple[Passage, ...] = Field(min_length=1)
    notes: tuple[Note, ...] = ()
    traps: tuple[Trap, ...] = ()
    summary: str = ""

    @model_validator(mode="after")
    def _is_whole(self) -> User:
        cited = {number for note in self.notes for number in note.passages} | {trap.passage for trap in self.traps}
        if not cited <= set(range(1, len(self.passages) + 1)):
            raise ValueError(f"passages {sorted(cited)} are cited, and there are {len(self.passages)}")
        if bool(self.notes) != bool(self.summary.strip()):
            raise ValueError("there is a summary if and only if there are notes")
        return self


class Pair(Strict):
    """A text and a claim about who wrote it."""

    id: Words
    language: Language
    form: Form
    source: Literal["ours"]
    text: Words
    item: str | None = None
    rating: int | None = Field(None, ge=1, le=5)
    claim: Words
    verdict: Literal["shown", "not shown", "contradicted"]
    why: Why


class JudgedNote(Note):
    """A note as a writer wrote it, judged by reading.

    `shown_by` are the passages that show it, where it `holds`; `why` says why it does not. `sureness` is the
    probability that the writer gave to its least likely token.
    """

    holds: bool
    sureness: float | None = None
    shown_by: tuple[int, ...] = ()
    why: Why | None = None

    @model_validator(mode="after")
    def _is_judged(self) -> JudgedNote:
        if self.holds != bool(self.shown_by):
            raise ValueError("a note holds if and only if some passage shows it")
        return self


class Sheet(Strict):
    """Passages of one form, of one person or several, and a writer's notes on them, judged by reading."""

    id: Words
    language: Language
    form: Form
    source: Literal["ours"]
    writer: Words
    reserve: float = 0.0
    passages: tuple[Passage, ...] = Field(min_length=1)
    notes: tuple[JudgedNote, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Sheet:
        cited = {number for note in self.notes for number in (*note.passages, *note.shown_by)}
        if not cited <= set(range(1, len(self.passages) + 1)):
            raise ValueError(f"passages {sorted(cited)} are cited, and there are {len(self.passages)}")
        return self


class Located(NamedTuple):
    """A record and where it stands."""

    place: str
    record: User | Pair | Sheet


def main() -> int:
    """Check all files, print what is wrong or what there is; return the exit status."""
    faults: list[str] = []
    users = list(_read("users", User, faults))
    pairs = list(_read("pairs", Pair, faults))
    sheets = list(_read("judged", Sheet, faults))
    faults += _repeated("id", [(place, record.id) for place, record in (*users, *pairs, *sheets)])
    faults += _repeated("passages", [(place, _text_of(record)) for place, record in users if isinstance(record, User)])
    faults += _repeated(
        "text and claim",
        [(place, f"{record.text}\0{record.claim}") for place, record in pairs if isinstance(record, Pair)],
    )
    for fault in faults:
        print(fault, file=sys.stderr)
    print(json.dumps(_counts(users, pairs, sheets), ensure_ascii=False, indent=2))
    return 1 if faults else 0


def _read(folder: str, kind: type[User] | type[Pair] | type[Sheet], faults: list[str]) -> Iterator[Located]:
    for path in sorted((DATA / folder).glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            place = f"{path.relative_to(DATA)}:{number}"
            try:
                yield Located(place, kind.model_validate_json(line))
            except ValidationError as error:
                fault = error.errors()[0]
                faults.append(f"{place}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}")


def _repeated(what: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    first: dict[str, str] = {}
    for place, value in rows:
        key = fold(value)
        if key in first:
            yield f"{place}: the same {what} as {first[key]}"
        first.setdefault(key, place)


def _text_of(user: User) -> str:
    return "\n".join(f"{passage.item or ''}\t{passage.text}" for passage in user.passages)


def _counts(users: Sequence[Located], pairs: Sequence[Located], sheets: Sequence[Located]) -> dict[str, object]:
    people = [record for _, record in users if isinstance(record, User)]
    questions = [record for _, record in pairs if isinstance(record, Pair)]
    notes = [note for user in people for note in user.notes]
    judged = [note for _, sheet in sheets if isinstance(sheet, Sheet) for note in sheet.notes]
    sentences = [
        fold(text[start:end])
        for text in [passage.text for user in people for passage in user.passages] + [pair.text for pair in questions]
        for start, end in sentence_spans(text)
    ]
    openings = Counter(" ".join(sentence.split()[:3]) for sentence in sentences)
    return {
        "users": len(people),
        "users of whom nothing can be said": sum(not user.notes for user in people),
        "users by language": dict(Counter(user.language for user in people).most_common()),
        "users by form": dict(Counter(user.form for user in people).most_common()),
        "passages a user": _quartiles([len(user.passages) for user in people]),
        "characters a user": _quartiles([len(_text_of(user)) for user in people]),
        "notes": len(notes),
        "distinct notes": len({fold(note.text) for note in notes}),
        "notes by kind": dict(Counter(note.kind for note in notes).most_common()),
        "notes by polarity": dict(Counter(note.polarity for note in notes).most_common()),
        "traps": sum(len(user.traps) for user in people),
        "traps by reason": dict(Counter(trap.why for user in people for trap in user.traps).most_common()),
        "pairs": len(questions),
        "pairs by verdict": dict(Counter(pair.verdict for pair in questions).most_common()),
        "pairs by reason": dict(Counter(pair.why for pair in questions).most_common()),
        "pairs by language": dict(Counter(pair.language for pair in questions).most_common()),
        "judged notes": len(judged),
        "judged notes that hold": sum(note.holds for note in judged),
        "sentences": len(sentences),
        "distinct sentences": len(set(sentences)),
        "most frequent openings": dict(openings.most_common(10)),
    }


def _quartiles(values: Sequence[int]) -> list[int]:
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, len(ordered) * part // 4)] for part in range(5)] if ordered else []


if __name__ == "__main__":
    sys.exit(main())
