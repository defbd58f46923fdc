"""What is counted while files are read, and how much of them is read at most."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from profilegen.errors import InputError
from profilegen.ingest.sources import Source
from profilegen.records import BadLine, Document, FieldSource, FileReading, SkippedFile

# What a person reads of them before looking for the cause.
MAX_BAD_EXAMPLES = 20
MAX_SKIPPED_EXAMPLES = 20
# Kinds of files that are told apart; a folder of more kinds is no export.
_MAX_KINDS = 200
# Names of columns, and columns with unread values, that are kept of a kind: objects may have a million keys.
_MAX_COLUMNS = 500
_MAX_WARNINGS = 20


class Kind(NamedTuple):
    """What files have in common that are summed up: a chat export has one a day.

    :param export: title of the source that they were recognised as, "" for none.
    :param role: whether they hold texts or tell of items.
    :param format: short name of their format.
    :param fields: where the fields of their documents come from.
    """

    export: str
    role: str
    format: str
    fields: tuple[FieldSource, ...]


class Limits(NamedTuple):
    """How much is read at most. Seconds are those of the processor, so that a busy machine reads no less.

    :param rows: of a file.
    :param sure_rows: of a file, which are read even where they take longer than `file_s`.
    :param file_s: seconds spent on a file.
    :param all_s: seconds spent on all files; one row of each is looked at even then.
    """

    rows: int
    sure_rows: int
    file_s: float
    all_s: float


@dataclass
class Intake:
    """What was read so far.

    :param rows: rows of texts that were read, good or bad.
    :param documents: documents that were made of them.
    :param bad: broken rows.
    :param bad_examples: the first 20 of those.
    :param passed: whole rows that are no document, by reason.
    :param skipped: files in the named directories and archives that are not read.
    :param skipped_examples: the first 20 of those.
    :param languages: documents by language.
    :param masked: things that gave way to placeholders, by kind.
    :param kinds: what was made of files, those that are alike summed up.
    :param limits: how much is read at most, None for all.
    :param on_document: called with each document and the kind of its file.
    :param on_error: called with a named file that cannot be used, which is an error otherwise.
    """

    rows: int = 0
    documents: int = 0
    bad: int = 0
    bad_examples: list[BadLine] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    skipped_examples: list[SkippedFile] = field(default_factory=list)
    languages: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    kinds: dict[Kind, FileReading] = field(default_factory=dict)
    limits: Limits | None = None
    on_document: Callable[[Kind, Document], None] | None = None
    on_error: Callable[[Source, InputError], None] | None = None
    _began: float = field(default_factory=time.process_time)

    @property
    def files(self) -> list[FileReading]:
        """What was made of the files, those that are alike summed up."""
        return list(self.kinds.values())

    def skip(self, skipped: Iterable[SkippedFile]) -> None:
        """Count files that are not read.

        :param skipped: them, with reasons.
        """
        for each in skipped:
            self.skipped += 1
            if len(self.skipped_examples) < MAX_SKIPPED_EXAMPLES:
                self.skipped_examples.append(each)

    def add_document(self, kind: Kind, document: Document) -> None:
        """Count a document.

        :param kind: of its file.
        :param document: the document.
        """
        self.documents += 1
        self.languages[document.language] += 1
        if self.on_document:
            self.on_document(kind, document)

    def add_bad(self, bad: BadLine) -> None:
        """Count a broken row.

        :param bad: where it is and why it is broken.
        """
        self.bad += 1
        if len(self.bad_examples) < MAX_BAD_EXAMPLES:
            self.bad_examples.append(bad)

    def add_file(self, kind: Kind, reading: FileReading) -> None:
        """Count what was made of a file.

        :param kind: of the file.
        :param reading: what was made of it.
        """
        if kind in self.kinds:
            self.kinds[kind] = _sum(self.kinds[kind], reading)
        elif len(self.kinds) < _MAX_KINDS:
            self.kinds[kind] = reading

    def is_enough(self, rows: int, began: float) -> bool:
        """Tell whether no more of a file is to be read.

        :param rows: rows of it that were read.
        :param began: when they began to be read, by `time.process_time`.
        """
        if self.limits is None or not rows:
            return False
        now = time.process_time()
        is_long = rows >= self.limits.sure_rows and now - began > self.limits.file_s
        return rows >= self.limits.rows or is_long or now - self._began > self.limits.all_s


def _sum(one: FileReading, other: FileReading) -> FileReading:
    return one.model_copy(
        update={
            "files": one.files + other.files,
            "encoding": one.encoding if other.encoding in one.encoding.split(", ") else _joined(one, other),
            "unused": tuple(dict.fromkeys((*one.unused, *other.unused)))[:_MAX_COLUMNS],
            "owner": one.owner if one.owner == other.owner else None,
            "rows": one.rows + other.rows,
            "documents": one.documents + other.documents,
            "bad": one.bad + other.bad,
            "passed": dict(Counter(one.passed) + Counter(other.passed)),
            "unread": _sum_unread(one.unread, other.unread),
            "left_out": {**other.left_out, **one.left_out},
            "warnings": tuple(dict.fromkeys((*one.warnings, *other.warnings)))[:_MAX_WARNINGS],
            "complete": one.complete and other.complete,
        }
    )


def _joined(one: FileReading, other: FileReading) -> str:
    return ", ".join(filter(None, (one.encoding, other.encoding)))


def _sum_unread(one: Mapping[str, tuple[int, str]], other: Mapping[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    summed = dict(one)
    for column, (count, example) in other.items():
        if column in summed:
            summed[column] = (summed[column][0] + count, summed[column][1])
        elif len(summed) < _MAX_COLUMNS:
            summed[column] = (count, example)
    return summed
