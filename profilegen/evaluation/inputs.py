"""The files that a store is scored against: labels, held-out items, questions, true sentences, judgements."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from profilegen.errors import InputError
from profilegen.records import Record

Labels = Mapping[str, tuple[str, ...]]
Truth = Mapping[str, tuple[str, ...]]
"""Sentences that are true of each user."""


class HeldOut(Record):
    """An item that a user took next."""

    user_id: str
    item_title: str


class Question(Record):
    """A question that asks for users, and the labels that answer it."""

    query: str
    relevant: tuple[str, ...]


class Judgement(Record):
    """What a person found on reading a claim and the words it cites.

    :param text: the words, as a verifier reads them.
    :param claim: the claim as a predicate without subject.
    :param holds: whether the words show that the claim is true of who wrote them.
    :param user_id: the user, if the claim is one of a store.
    """

    text: str
    claim: str
    holds: bool
    user_id: str | None = None


def read_labels(path: Path) -> Labels:
    """Return the labels of each user from a CSV file with the columns user_id and label, several joined with a bar.

    :param path: the file.
    :raises InputError: the file cannot be read or has other columns.
    """
    labels: dict[str, list[str]] = {}
    with _opened(path) as lines:
        rows = csv.DictReader(lines)
        if not {"user_id", "label"} <= set(rows.fieldnames or ()):
            raise InputError(f"{path} needs the columns user_id and label; it has {', '.join(rows.fieldnames or ())}")
        for row in rows:
            names = [name.strip() for name in (row["label"] or "").split("|") if name.strip()]
            labels.setdefault(row["user_id"], []).extend(names)
    return {user_id: tuple(dict.fromkeys(names)) for user_id, names in labels.items() if names}


def read_heldout(path: Path) -> list[HeldOut]:
    """Return the held-out items that have a title, from JSON Lines with user_id and item_title.

    :param path: the file.
    :raises InputError: the file cannot be read, or a line is not such an object.
    """
    items = []
    for number, row in _objects(path):
        user_id, title = row.get("user_id"), row.get("item_title")
        if not isinstance(user_id, str) or not isinstance(title, str | None):
            raise InputError(f"{path}:{number}: needs user_id and item_title as text")
        if title and title.strip():
            items.append(HeldOut(user_id=user_id, item_title=title.strip()))
    return items


def read_questions(path: Path) -> list[Question]:
    """Return the questions from JSON Lines with query and relevant.

    :param path: the file.
    :raises InputError: the file cannot be read, or a line is not such an object.
    """
    questions = []
    for number, row in _objects(path):
        query, relevant = row.get("query"), row.get("relevant")
        named = isinstance(relevant, list) and all(isinstance(name, str) for name in relevant)
        if not isinstance(query, str) or not query.strip() or not named:
            raise InputError(f"{path}:{number}: needs query as text and relevant as a list of labels")
        questions.append(Question(query=query, relevant=tuple(relevant or ())))
    return questions


def read_truth(path: Path) -> Truth:
    """Return the sentences that are true of each user, from JSON Lines with user_id and persona.

    :param path: the file.
    :raises InputError: the file cannot be read, or a line is not such an object.
    """
    truth: dict[str, tuple[str, ...]] = {}
    for number, row in _objects(path):
        user_id, persona = row.get("user_id"), row.get("persona")
        listed = isinstance(persona, list) and all(isinstance(sentence, str) for sentence in persona)
        if not isinstance(user_id, str) or not listed:
            raise InputError(f"{path}:{number}: needs user_id as text and persona as a list of sentences")
        truth[user_id] = tuple(sentence for sentence in persona or () if sentence.strip())
    return {user_id: sentences for user_id, sentences in truth.items() if sentences}


def read_judgements(path: Path) -> list[Judgement]:
    """Return the claims that a person has read, from JSON Lines with text, claim and holds; others are passed over.

    :param path: the file; a line whose `holds` is missing or null has not been read yet.
    :raises InputError: the file cannot be read, or a line is not such an object.
    """
    judgements = []
    for number, row in _objects(path):
        text, claim, holds, user_id = (row.get(key) for key in ("text", "claim", "holds", "user_id"))
        if not isinstance(text, str) or not isinstance(claim, str) or not isinstance(holds, bool | None):
            raise InputError(f"{path}:{number}: needs text and claim as text, and holds as true or false")
        if holds is not None:
            known = user_id if isinstance(user_id, str) else None
            judgements.append(Judgement(text=text, claim=claim, holds=holds, user_id=known))
    return judgements


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with _opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}:{number}: not JSON: {error}") from None
            if not isinstance(row, dict):
                raise InputError(f"{path}:{number}: not a JSON object")
            yield number, row


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Open a file of UTF-8 text, with or without a byte order mark; errors name the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield lines
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a UTF-8 text file: {error}") from None
