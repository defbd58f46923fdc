"""Notes: what a writer states of a user after it has read some passages, with the numbers of the passages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, cast

from profilegen.records import STANCES, Stance

NOTHING = "none"
_LINE = re.compile(r"\[(\d+(?:,\d+)*)\] (\w+), (\w+): (.+)")


class Note(NamedTuple):
    """A statement of the writer: kind, stance, text, and the numbers of the passages that show it, from 1."""

    kind: str
    stance: Stance
    text: str
    passages: tuple[int, ...]


def numbered(passages: Sequence[str]) -> str:
    """Return passages as a writer reads them: one a line, with their numbers from 1.

    :param passages: texts with what they are about; line breaks become blanks.
    """
    return "\n".join(f"{number}. {' '.join(text.split())}" for number, text in enumerate(passages, 1))


def format_notes(notes: Sequence[Note]) -> str:
    """Return notes as a writer writes them: a note a line, `none` without notes.

    :param notes: in the order of their first passages.
    """
    lines = [
        f"[{','.join(map(str, note.passages))}] {note.kind}, {note.stance}: {' '.join(note.text.split())}"
        for note in notes
    ]
    return "\n".join(lines) or NOTHING


def parse_notes(answer: str, n_passages: int) -> list[Note]:
    """Return the notes of an answer; lines of another form and numbers without a passage are left out.

    :param answer: of a writer.
    :param n_passages: number of passages that it read.
    """
    notes = []
    for line in answer.splitlines():
        if match := _LINE.fullmatch(line.strip()):
            numbers, kind, stance, text = match.groups()
            cited = tuple(dict.fromkeys(int(number) for number in numbers.split(",") if 0 < int(number) <= n_passages))
            if cited and stance in STANCES:
                notes.append(Note(kind, cast("Stance", stance), text.strip(), cited))
    return notes
