"""Readings: some passages of a user that a writer reads at once, with its notes and the verdicts on them."""

from __future__ import annotations

from profilegen.claims.notes import Note
from profilegen.claims.passages import Passage
from profilegen.claims.verification import Case, CheckedNote
from profilegen.records import Record


class Reading(Record):
    """What is stored of a reading.

    :param language: ISO 639-1 code of most of its passages, in which the notes are.
    :param writer: name of the writer.
    :param passages: as the writer read them.
    :param notes: as the writer wrote them.
    :param checked: the notes with verdicts; empty before.
    :param reserve: of the writer, as in `Writer.reserve`.
    """

    language: str
    writer: str
    passages: tuple[Passage, ...]
    notes: tuple[Note, ...]
    checked: tuple[CheckedNote, ...] = ()
    reserve: float = 0.0

    def case(self) -> Case:
        """Return the notes as they are checked."""
        return Case(self.notes, self.passages, self.language, self.reserve)
