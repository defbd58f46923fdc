"""What the verifier is trained on: texts, claims and whether the text shows the claim, from the data of this folder.

Pairs are examples as they are. A user gives one for each note (the cited passages show it), one for each trap (the
passage does not), one for a note and a passage that it does not cite, and two for sentences of summaries, of which the
notes show one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from profilegen.claims.verification import passage_text
from profilegen.language.predicates import predicate
from profilegen.language.sentences import sentence_spans

DATA = Path(__file__).with_name("data")

LABELS = ("shown", "not shown", "contradicted")
_CONTRADICTED = frozenset({"denied", "past", "contrary"})
_HELD_OUT_SHARE = 0.12


class Example(NamedTuple):
    """A text, a claim and its label, an index into `LABELS`; `group` is the same for examples of one text or user."""

    text: str
    claim: str
    label: int
    language: str
    form: str
    group: str


def examples() -> list[Example]:
    """Return all examples, in the order of the files."""
    return [*_of_pairs(), *_of_users(), *_of_summaries()]


def is_held_out(example: Example) -> bool:
    """Tell whether an example is for measuring: an eighth of all texts and users, by hash.

    :param example: the example.
    """
    digest = hashlib.sha256(example.group.encode()).digest()
    return int.from_bytes(digest[:4], "big") < _HELD_OUT_SHARE * 2**32


def _of_summaries() -> Iterator[Example]:
    """Give for each user with a summary one of its sentences, which the notes show, and one that they do not."""
    sentences: dict[tuple[str, str], list[tuple[str, str]]] = {}
    users = [user for user in _read("users") if user["summary"]]
    for user in users:
        parts = [user["summary"][start:end] for start, end in sentence_spans(user["summary"])]
        sentences.setdefault((user["language"], user["form"]), []).extend((user["id"], part) for part in parts)
    for user in users:
        notes = "\n".join(predicate(note["polarity"], note["text"], user["language"]) for note in user["notes"])
        context = user["language"], "summary", user["id"]
        of_form = sentences[user["language"], user["form"]]
        for label in (0, 1):
            rows = [part for id_, part in of_form if (id_ == user["id"]) == (label == 0)]
            if rows:
                yield Example(notes, rows[_number(notes) % len(rows)], label, *context)


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def _of_pairs() -> Iterator[Example]:
    for pair in _read("pairs"):
        text = passage_text(pair["text"], pair.get("item"), pair.get("rating"))
        yield Example(text, pair["claim"], LABELS.index(pair["verdict"]), pair["language"], pair["form"], text)


def _of_users() -> Iterator[Example]:
    for user in _read("users"):
        passages = [passage_text(p.get("text", ""), p.get("item"), p.get("rating")) for p in user["passages"]]
        context = user["language"], user["form"], user["id"]
        for note in user["notes"]:
            claim = predicate(note["polarity"], note["text"], user["language"])
            cited = [passages[number - 1] for number in note["passages"]]
            yield Example("\n".join(cited), claim, 0, *context)
            others = [text for number, text in enumerate(passages, 1) if number not in note["passages"]]
            if others:
                chosen = _number(claim) % len(others)
                yield Example(others[chosen], claim, 1, *context)
        for trap in user.get("traps", ()):
            label = 2 if trap["why"] in _CONTRADICTED else 1
            yield Example(passages[trap["passage"] - 1], trap["claim"], label, *context)


def _read(folder: str) -> Iterator[dict[str, Any]]:
    for path in sorted((DATA / folder).glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            yield json.loads(line)
