"""Files are looked over before anything is built: what they are, what would be read of them, what looks wrong."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from profilegen.errors import InputError
from profilegen.ingest import read_documents
from profilegen.ingest.intake import Intake, Kind, Limits
from profilegen.ingest.paths import paths_in, values_at
from profilegen.ingest.sources import STDIN, Source, can_be_read_twice, display_name
from profilegen.ingest.tables import open_table
from profilegen.language.cleaning import printable
from profilegen.language.detection import detect_language
from profilegen.privacy import Level, Privacy
from profilegen.records import Document, FileReading
from profilegen.records.inspection import InspectedFiles, Inspection, Problem

LIMITS = Limits(rows=100_000, sure_rows=10_000, file_s=1.0, all_s=10.0)
"""What is read where not everything is: so much tells what a file is."""

_MAX_EXAMPLE_CHARS, _MAX_VALUE_CHARS, _MAX_PATHS = 200, 60, 100
# Texts that are held to tell whether most are alike.
_MAX_TEXTS = 100_000
# With fewer documents, chance makes ratings and texts alike.
_MIN_JUDGED = 10
# A median below is no sentence of which a claim could be made.
_MIN_TEXT_CHARS = 15


def inspect_files(
    sources: Sequence[str],
    *,
    mapping: Mapping[str, str | Sequence[str]],
    user: str | None = None,
    limits: Limits | None = LIMITS,
    max_bad: float = 0.01,
    mask: Level = "off",
) -> Inspection:
    """Return what files are, what a build would read of them, and what looks wrong. Nothing is written.

    :param sources: paths of files, directories and archives, or `-` for standard input.
    :param mapping: as in `read_documents`.
    :param user: the user of rows that name none.
    :param limits: how much is read; None for everything. Memory grows with the number of users alone.
    :param max_bad: the share of bad lines that a build allows.
    :param mask: how much a build masks.
    :raises UsageError: the mapping names a field or a column that there is not.
    :raises InputError: a path is not there.
    """
    detect_language("The model that tells languages is loaded, which would count as time spent on the first file.")
    seen: dict[Kind, _Seen] = {}
    problems: list[Problem] = []
    everything = _Seen()

    def on_document(kind: Kind, document: Document) -> None:
        seen.setdefault(kind, _Seen()).add(document)
        everything.add(document)

    def on_error(source: Source, error: InputError) -> None:
        problems.append(_problem(source, error))

    intake = Intake(limits=limits, on_document=on_document, on_error=on_error)
    documents = read_documents(sources, mapping=mapping, intake=intake, user=user, privacy=Privacy(mask))
    try:
        for _ in documents:
            pass
    except InputError as error:  # No file has a document.
        if not problems:
            problems.append(Problem(file=", ".join(map(printable, sources)), reason=str(error)))
    kinds = tuple(_inspected(reading, seen.get(kind, _Seen())) for kind, reading in intake.kinds.items())
    complete = all(each.complete for each in kinds)
    bad_share = intake.bad / intake.rows if intake.rows else 0.0
    return Inspection(
        users=len(everything.users),
        documents=intake.documents,
        rows=intake.rows,
        bad_lines=intake.bad,
        bad_examples=tuple(intake.bad_examples),
        passed=dict(intake.passed.most_common()),
        unread=_merged_unread(kinds),
        mask=mask,
        masked=dict(intake.masked.most_common()),
        complete=complete,
        formats=_distinct(each.format for each in kinds),
        encodings=_distinct(each.encoding for each in kinds),
        recognised=_distinct(each.export for each in kinds),
        times=everything.times,
        languages=dict(everything.languages.most_common()),
        fields=_merged_fields(kinds),
        unused=_distinct(column for each in kinds for column in each.unused),
        left_out={column: why for each in kinds for column, why in each.left_out.items()},
        warnings=(*_warnings_of_kinds(kinds), *_bad_warning(bad_share, max_bad)),
        examples=everything.examples,
        problems=tuple(problems),
        skipped_files=intake.skipped,
        skipped_examples=tuple(intake.skipped_examples),
        files=kinds,
        command="" if problems else _command(sources, mapping, user, bad_share, max_bad),
    )


class _Seen:
    """What is remembered of documents."""

    def __init__(self) -> None:
        self.users: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.times: tuple[datetime, datetime] | None = None
        self.rated = 0
        self.ratings = (math.inf, -math.inf)
        self.judged = self.short = 0
        self.texts: set[int] = set()
        self._first: Document | None = None
        self._second: Document | None = None

    def add(self, document: Document) -> None:
        """Remember a document.

        :param document: the document.
        """
        self.users[document.user_id] += 1
        self.languages[document.language] += 1
        if (time := document.timestamp) is not None:
            first, last = self.times or (time, time)
            self.times = (min(first, time), max(last, time))
        if (rating := document.rating) is not None:
            self.rated += 1
            self.ratings = (min(self.ratings[0], rating), max(self.ratings[1], rating))
        if self.judged < _MAX_TEXTS:
            self.judged += 1
            self.short += len(document.text) < _MIN_TEXT_CHARS
            self.texts.add(hash(document.text))
        if self._first is None:
            self._first = document
        elif self._second is None or (self._second.user_id == self._first.user_id != document.user_id):
            self._second = document

    @property
    def examples(self) -> tuple[Document, ...]:
        """Two documents, of two users where there are two, their texts cut."""
        return tuple(
            each.model_copy(update={"text": _cut(each.text, _MAX_EXAMPLE_CHARS)})
            for each in (self._first, self._second)
            if each
        )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _inspected(reading: FileReading, seen: _Seen) -> InspectedFiles:
    return InspectedFiles(
        **{**dict(reading), "warnings": (*reading.warnings, *_warnings(reading, seen))},
        users=len(seen.users),
        times=seen.times,
        languages=dict(seen.languages.most_common()),
        examples=seen.examples,
    )


def _warnings(reading: FileReading, seen: _Seen) -> Iterable[str]:
    """Yield what looks wrong with documents, each in a sentence that says what it means."""
    if reading.role == "items":
        return
    columns = {each.field: each.columns for each in reading.fields}
    if reading.passed.get("no user", 0) * 2 >= reading.rows > 0:
        yield f"{reading.passed['no user']:,} of {reading.rows:,} rows have no user; is it the right column?"
    if not reading.documents:
        return
    if "timestamp" not in columns:
        yield "no column of times: profiles cannot say when something was so"
    elif seen.times is None:
        yield f"no time could be read from {_names(columns['timestamp'])}"
    if "rating" in columns and not seen.rated and not any("ratings" in warning for warning in reading.warnings):
        yield f"no rating could be read from {_names(columns['rating'])}"
    elif seen.rated >= _MIN_JUDGED and seen.ratings[0] == seen.ratings[1]:
        yield f"all ratings are {seen.ratings[0]:g}"
    if len(seen.users) == 1 and reading.owner is None and reading.documents > 1:
        which = "" if reading.export else "; is it the right column?"
        yield f"all texts are of one user, {printable(next(iter(seen.users)))}{which}"
    yield from _warnings_of_texts(seen)


def _warnings_of_texts(seen: _Seen) -> Iterable[str]:
    if seen.judged < _MIN_JUDGED:
        return
    if len(seen.texts) * 2 <= seen.judged:
        yield f"most texts are alike: {len(seen.texts):,} different ones in {seen.judged:,} documents"
    if seen.short * 2 >= seen.judged:
        yield f"most texts are shorter than {_MIN_TEXT_CHARS} characters; is it the right column?"
    (user, most), *others = seen.users.most_common(2)
    if others and most * 2 > seen.users.total():
        yield f"one user, {printable(user)}, wrote {most:,} of {seen.users.total():,} documents; is it a program?"


def _warnings_of_kinds(kinds: Sequence[InspectedFiles]) -> Iterable[str]:
    for kind in kinds:
        for warning in kind.warnings:
            yield warning if len(kinds) == 1 else f"{kind.file}: {warning}"


def _bad_warning(share: float, max_bad: float) -> Iterable[str]:
    if share > max_bad:
        yield f"{share:.1%} of the rows are broken, more than the {max_bad:.0%} that a build allows without --max-bad"


def _names(columns: Sequence[str]) -> str:
    return ", ".join(printable(_cut(column, _MAX_VALUE_CHARS)) for column in columns)


def _problem(source: Source, error: InputError) -> Problem:
    """Return why a file cannot be used, with what is in it where it can be opened at all."""
    reason = str(error).removeprefix(f"{display_name(source)}: ")
    problem = Problem(file=display_name(source), reason=reason)
    if not can_be_read_twice(source):
        return problem
    try:
        with open_table(source) as table:
            paths = paths_in(table.sample, _MAX_PATHS) or table.columns[:_MAX_PATHS]
            columns = {path: _first_value(table.sample, path) for path in paths}
            return problem.model_copy(update={"format": table.format, "encoding": table.encoding, "columns": columns})
    except InputError:
        return problem


def _first_value(rows: Sequence[Mapping[str, object]], path: str) -> str:
    for row in rows:
        for value in values_at(row, path):
            text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
            if value is not None and text.strip():
                return _cut(" ".join(text[: 10 * _MAX_VALUE_CHARS].split()), _MAX_VALUE_CHARS)
    return ""


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def _merged_fields(kinds: Sequence[InspectedFiles]) -> dict[str, tuple[str, ...]]:
    fields: dict[str, dict[str, None]] = {}
    for kind in kinds:
        for each in kind.fields:
            fields.setdefault(each.field, {}).update(dict.fromkeys(each.columns))
    return {name: tuple(columns) for name, columns in fields.items()}


def _merged_unread(kinds: Sequence[InspectedFiles]) -> dict[str, tuple[int, str]]:
    unread: dict[str, tuple[int, str]] = {}
    for kind in kinds:
        for column, (count, example) in kind.unread.items():
            before, first = unread.get(column, (0, example))
            unread[column] = before + count, first
    return unread


def _command(
    sources: Sequence[str],
    mapping: Mapping[str, str | Sequence[str]],
    user: str | None,
    bad_share: float,
    max_bad: float,
) -> str:
    """Return the command that builds from what was inspected, for a shell."""
    # A name that begins with a hyphen would be read as an option.
    words = [f"./{source}" if source.startswith("-") and source != STDIN else source for source in sources]
    for field, paths in mapping.items():
        for path in [paths] if isinstance(paths, str) else paths:
            words += ["--map", f"{field}={path}"]
    if user is not None:
        words += ["--user", user]
    if bad_share > max_bad:
        words += ["--max-bad", f"{math.ceil(bad_share * 100) / 100:g}"]
    return shlex.join(["profilegen", "build", *words])
