"""What the verifier is trained on: texts, claims and whether the text shows the claim, from the data of this folder.

Pairs are examples as they are. A user gives one for each note (the cited passages show it), one for each trap (the
passage does not), one for a note and passages that it does not cite, one for a note of another user, and up to three
for sentences of summaries: the notes show one, not one of another user, and not the first without its own note. A
writer's note that was judged by reading gives those texts that the gate of a build would ask for.
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
from training.measures import LABELS

DATA = Path(__file__).with_name("data")

_CONTRADICTED = frozenset({"denied", "past", "contrary"})
_HELD_OUT_SHARE = 0.12
_LIKEST = 2
# Judged notes on which verifiers are compared.
_MEASURED_ON = frozenset({"judged-b", "judged-e", "judged-f", "judged-g"})
# The scenarios of these texts come back in several languages, so that none of them can measure.
_REPEATED = "texts-ml2-"


class Example(NamedTuple):
    """A text, a claim and its label, an index into `LABELS`; `group` is the same for examples of one text or user.

    `file` is the name of the file that it is from.
    """

    text: str
    claim: str
    label: int
    language: str
    form: str
    group: str
    file: str = ""


def read_users() -> list[dict[str, Any]]:
    """Return the users of the training data in the order of the files, each with the name of its file."""
    return list(_read("users"))


def examples() -> list[Example]:
    """Return all examples, in the order of the files."""
    return [*_of_pairs(), *_of_users(), *_of_summaries(), *_of_judged()]


def is_held_out(example: Example) -> bool:
    """Tell whether an example is for measuring: an eighth of all texts and users, by hash.

    :param example: the example.
    """
    if example.file in _MEASURED_ON:
        return True
    digest = hashlib.sha256(example.group.encode()).digest()
    return not example.group.startswith(_REPEATED) and int.from_bytes(digest[:4], "big") < _HELD_OUT_SHARE * 2**32


def held_out_users() -> list[dict[str, Any]]:
    """Return the users who are for measuring, in order of a hash."""
    users = [user for user in _read("users") if is_held_out(Example("", "", 0, "", "", user["id"]))]
    return sorted(users, key=lambda user: _number(user["id"]))


def judged_sheets() -> list[dict[str, Any]]:
    """Return the sheets whose notes were judged, in the order of the files."""
    return list(_read("judged"))


def sheet_passages(sheet: dict[str, Any]) -> list[str]:
    """Return the passages of a sheet or a user as verifiers read them.

    :param sheet: has `passages`.
    """
    return [passage_text(p.get("text", ""), p.get("item"), p.get("rating")) for p in sheet["passages"]]


def _of_judged() -> Iterator[Example]:
    """Give for a note that holds the passages that show it; else the two that are likest to it, and those it cites."""
    for sheet in judged_sheets():
        passages = sheet_passages(sheet)
        context = sheet["language"], sheet["form"], sheet["id"], sheet["file"]
        for note in sheet["notes"]:
            claim = predicate(note["polarity"], note["text"], sheet["language"])
            if note["holds"]:
                yield Example("\n".join(passages[number - 1] for number in note["shown_by"]), claim, 0, *context)
                continue
            label = 2 if note.get("why") in _CONTRADICTED else 1
            wanted = _trigrams(claim)
            likest = sorted(passages, key=lambda text: -len(wanted & _trigrams(text)))[:_LIKEST]
            for text in likest:
                yield Example(text, claim, label, *context)
            if 1 < len(note["passages"]) <= _LIKEST + 1:
                yield Example("\n".join(passages[number - 1] for number in note["passages"]), claim, label, *context)


def _of_summaries() -> Iterator[Example]:
    """Give for each user with a summary one of its sentences, which the notes show, and up to two that they do not."""
    sentences: dict[tuple[str, str], list[tuple[str, str]]] = {}
    users = [user for user in _read("users") if user["summary"]]
    for user in users:
        parts = [user["summary"][start:end] for start, end in sentence_spans(user["summary"])]
        sentences.setdefault((user["language"], user["form"]), []).extend((user["id"], part) for part in parts)
    for user in users:
        claims = [predicate(note["polarity"], note["text"], user["language"]) for note in user["notes"]]
        notes = "\n".join(claims)
        context = user["language"], "summary", user["id"], user["file"]
        of_form = sentences[user["language"], user["form"]]
        for label in (0, 1):
            rows = [part for id_, part in of_form if (id_ == user["id"]) == (label == 0)]
            if not rows:
                continue
            sentence = rows[_number(notes) % len(rows)]
            yield Example(notes, sentence, label, *context)
            if label == 0 and len(claims) > 1:
                told = max(claims, key=lambda claim: len(_trigrams(claim) & _trigrams(sentence)) / (len(claim) + 1))
                yield Example("\n".join(claim for claim in claims if claim != told), sentence, 1, *context)


def _trigrams(text: str) -> set[str]:
    return {text[at : at + 3] for at in range(len(text) - 2)}


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def _of_pairs() -> Iterator[Example]:
    for pair in _read("pairs"):
        text = passage_text(pair["text"], pair.get("item"), pair.get("rating"))
        group = pair["id"] if pair["id"].startswith(_REPEATED) else text
        yield Example(
            text, pair["claim"], LABELS.index(pair["verdict"]), pair["language"], pair["form"], group, pair["file"]
        )


def _of_users() -> Iterator[Example]:
    """Give examples of one passage and of several for every label, so that the number says nothing of the label."""
    users = list(_read("users"))
    like: dict[tuple[str, str], list[int]] = {}
    for at, user in enumerate(users):
        like.setdefault((user["language"], user["form"]), []).append(at)
    for at, user in enumerate(users):
        passages = [passage_text(p.get("text", ""), p.get("item"), p.get("rating")) for p in user["passages"]]
        context = user["language"], user["form"], user["id"], user["file"]
        others = [users[other] for other in like[user["language"], user["form"]] if other != at] or [user]
        for note in user["notes"]:
            claim = predicate(note["polarity"], note["text"], user["language"])
            cited = [passages[number - 1] for number in note["passages"]]
            rest = [text for number, text in enumerate(passages, 1) if number not in note["passages"]]
            chosen = _number(claim)
            # One more passage beside those that show the note does not make it less true.
            shown = [*cited, rest[chosen % len(rest)]] if rest and chosen % 3 == 0 else cited
            yield Example("\n".join(shown), claim, 0, *context)
            if rest:
                yield Example("\n".join(_some(rest, len(cited), chosen)), claim, 1, *context)
            other = others[chosen % len(others)]
            if other["notes"] and other is not user:
                theirs = other["notes"][chosen % len(other["notes"])]
                wrong = predicate(theirs["polarity"], theirs["text"], user["language"])
                yield Example("\n".join(_some(passages, len(cited) + 1, chosen)), wrong, 1, *context)
        for trap in user.get("traps", ()):
            label = 2 if trap["why"] in _CONTRADICTED else 1
            text = passages[trap["passage"] - 1]
            rest = [other for other in passages if other != text]
            chosen = _number(trap["claim"])
            texts = [text, *_some(rest, 1, chosen)] if chosen % 2 == 0 else [text]
            yield Example("\n".join(texts), trap["claim"], label, *context)


def _some(texts: list[str], count: int, number: int) -> list[str]:
    """Return so many of the texts in their order, or all, beginning with the one of a number."""
    start = number % len(texts) if texts else 0
    return [text for _, text in zip(range(count), [*texts[start:], *texts[:start]], strict=False)]


def _read(folder: str) -> Iterator[dict[str, Any]]:
    for path in sorted((DATA / folder).glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            yield {**json.loads(line), "file": path.stem}
