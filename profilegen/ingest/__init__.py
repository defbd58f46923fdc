"""Files of any usual format are read into Documents, in bounded memory; every row and file is counted and named."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from profilegen.errors import InputError, UsageError
from profilegen.ingest.documents import NobodyError, NoDocumentError, make_document
from profilegen.ingest.exports.export import Fields, Passed
from profilegen.ingest.intake import MAX_BAD_EXAMPLES, MAX_SKIPPED_EXAMPLES, Intake, Kind
from profilegen.ingest.items import Items
from profilegen.ingest.nobody import names_of_nobody
from profilegen.ingest.parts import Choice, Part, UnknownTableError, look_at
from profilegen.ingest.paths import CONSTANT, begins_with_one, first_name
from profilegen.ingest.roles import FIELDS, join_names, unknown_columns
from profilegen.ingest.rows import BadRowError, DamagedError, Row
from profilegen.ingest.sources import Source, can_be_read_twice, display_name, find_files
from profilegen.ingest.tables import open_table
from profilegen.privacy import OPEN, Privacy
from profilegen.records import BadLine, Document, FileReading, SkippedFile

__all__ = ["FIELDS", "MAX_BAD_EXAMPLES", "MAX_SKIPPED_EXAMPLES", "Intake", "read_documents"]

_MAX_PATH_CHARS = 1_000
_MAX_REASONS = 5


def read_documents(
    sources: Sequence[str],
    *,
    mapping: Mapping[str, str | Sequence[str]],
    intake: Intake,
    user: str | None = None,
    privacy: Privacy = OPEN,
) -> Iterator[Document]:
    """Yield the documents of files, directories, archives and `-` (standard input) one by one.

    A format is recognised by its suffix, else by content; compression always by content. Directories are walked in
    order; hidden files in them do not count, and other files that are not read are counted in `intake`. So are bad
    lines. Files that tell of items are read first, whatever the order, and what they say completes the texts.

    :param sources: paths, or `-` for standard input.
    :param mapping: our field (see `FIELDS`) to the path of its values, or to several; wins over what is recognised.
    :param intake: counts what is read, while it is read.
    :param user: the user of rows that name none.
    :param privacy: what is masked, and whether users get pseudonyms; by default neither.
    :raises UsageError: the mapping names a field or a column that there is not.
    :raises InputError: nothing to read, a file that cannot be read, or no column of users or of texts in one.
    """
    for target in mapping:
        if target not in FIELDS:
            raise UsageError(f"there is no field {target!r} to map to; the fields are {', '.join(FIELDS)}")
    if user is not None and not user.strip():
        raise UsageError("the user of texts that name none needs a name; leave --user out, or name one")
    pairs = tuple((f, path) for f, paths in mapping.items() for path in ([paths] if isinstance(paths, str) else paths))
    files = find_files(sources)
    intake.skip(files.skipped)
    return _documents(files.found, Choice(pairs, user, privacy), intake)


def _documents(sources: Sequence[Source], choice: Choice, intake: Intake) -> Iterator[Document]:
    mapped = _Mapped(choice)
    parts = _look(sources, choice, mapped, intake)
    # A stream has not been looked at: it is read as texts.
    items_first = [s for s in parts if (part := parts[s]) and part.role == "items"]
    texts = [s for s in parts if not (part := parts[s]) or part.role == "texts"]
    with Items() as items:
        for source in items_first:
            with _told(source, intake):
                _read_items(source, parts[source], items, intake)
        for source in texts:
            with _told(source, intake):
                yield from _read_texts(source, parts[source], choice, mapped, items, intake)
    if not intake.documents:
        raise InputError(_why_nothing(parts, intake))


@contextlib.contextmanager
def _told(source: Source, intake: Intake) -> Iterator[None]:
    """Tell of a file that cannot be read to its end where somebody wants to be told; else it is an error."""
    try:
        yield
    except InputError as error:
        if intake.on_error is None:
            raise
        intake.on_error(source, error)


class _Mapped:
    """The columns that a person mapped and that no file has had so far."""

    def __init__(self, choice: Choice) -> None:
        self._missing = {path for _, path in choice.mapping if not path.startswith(CONSTANT)}
        self._columns: dict[str, None] = {}
        self.streams = 0

    def see(self, columns: Sequence[str]) -> None:
        self._columns.update(dict.fromkeys(columns))
        self._missing = {path for path in self._missing if not begins_with_one(path, self._columns)}

    def check(self) -> None:
        """Fail if every file has been looked at, and a column is in none.

        :raises UsageError: it is so, or what was mapped is neither a column nor a path.
        """
        if self._missing and self._columns and not self.streams:
            for path in self._missing:
                first_name(path)
            raise UsageError(unknown_columns(self._missing, list(self._columns)))


def _look(sources: Sequence[Source], choice: Choice, mapped: _Mapped, intake: Intake) -> dict[Source, Part | None]:
    """Return how each file is to be read; None for what can be read only once.

    :raises InputError: a file is damaged, or one that a person named cannot be used. One in a directory or archive
        that holds nothing to read is passed over.
    :raises UsageError: a mapped column is in no file, and every file has been looked at.
    """
    parts: dict[Source, Part | None] = {}
    errors: dict[Source, InputError] = {}
    for source in sources:
        if not can_be_read_twice(source):
            parts[source] = None
            mapped.streams += 1
            continue
        try:
            with open_table(source) as table:
                mapped.see(table.columns)
                parts[source] = look_at(source, table, choice, read_on=True)
        except DamagedError as error:
            if intake.on_error is None:
                raise
            intake.on_error(source, error)
        except InputError as error:
            errors[source] = error
    mapped.check()
    named = {source: error for source, error in errors.items() if not _is_inside(source)}
    if intake.on_error is not None:
        for source, why in named.items():
            intake.on_error(source, why)
    elif named:
        raise next(iter(named.values()))
    intake.skip(_passed_over(sources, parts, errors))
    if errors and not parts:
        raise InputError(_why_none([*errors.values()]))
    return parts


def _is_inside(source: Source) -> bool:
    """Return whether a file was found in a folder or an archive, and not named itself."""
    return "/" in source.below


def _passed_over(
    sources: Sequence[Source], parts: dict[Source, Part | None], errors: Mapping[Source, InputError]
) -> Iterator[SkippedFile]:
    """Give the files that are not read, and mark them so.

    What lies in the export of one person and is no known part of it is hardly what that person wrote.
    """
    exports = {
        _folder(source): part
        for source, part in parts.items()
        if part and part.export and part.role == "texts" and part.owner is not None
    }
    for source in sources:
        part, reason = parts.get(source), ""
        if part and part.role == "nothing":
            reason = part.export
        elif not _is_inside(source):
            continue
        elif (export := exports.get(_folder(source))) and _is_foreign(part or errors.get(source), export):
            reason = f"no known part of an export ({export.export}); name the file alone to have it read"
        elif source in errors:
            reason = str(errors[source]).removeprefix(f"{display_name(source)}: ")
        elif part and part.is_empty:
            reason = "holds no rows"
        if reason:
            if part:
                parts[source] = part._replace(role="nothing", export=reason)
            yield SkippedFile(file=display_name(source), reason=reason)


def _is_foreign(found: Part | InputError | None, export: Part) -> bool:
    """Return whether a file does not say who wrote it, and is hardly of the user of the export that it lies in."""
    if not isinstance(found, Part):
        return isinstance(found, UnknownTableError)
    fields = {each.field for each in found.fields}
    return found.is_named_by_file and (found.owner != export.owner or fields.isdisjoint(("text", "timestamp")))


def _folder(source: Source) -> str:
    return source.below.partition("/")[0]


def _why_none(errors: Sequence[InputError]) -> str:
    """Return why no file of a directory or an archive can be used: the first few reasons, and how many there are."""
    shown = "; ".join(str(error) for error in errors[:_MAX_REASONS])
    return shown + (f"; and {len(errors) - _MAX_REASONS:,} more files" if len(errors) > _MAX_REASONS else "")


def _read_items(source: Source, part: Part | None, items: Items, intake: Intake) -> None:
    assert part is not None
    with (
        open_table(source, part.columns) as table,
        _Reading(source, table.format, table.encoding, part, intake) as reading,
    ):
        for number, row in reading.limited(table.rows):
            for fields in reading.fields_of(number, row, table.unit):
                reading.documents += items.add(fields)


def _read_texts(
    source: Source, part: Part | None, choice: Choice, mapped: _Mapped, items: Items, intake: Intake
) -> Iterator[Document]:
    with open_table(source, part.columns if part else None) as table:
        if part is None:
            mapped.streams -= 1
            mapped.see(table.columns)
            mapped.check()
            part = look_at(source, table, choice)
        if part.role == "nothing":
            intake.skip([SkippedFile(file=display_name(source), reason=part.export)])
            return
        if part.needs_items and not items.count and table.columns:
            raise InputError(
                f"no column of texts among {join_names(table.columns)}, and no file that says what the items are; "
                "say which column it is with --map text=COLUMN"
            )
        with _Reading(source, table.format, table.encoding, part, intake, choice.privacy) as reading:
            for number, row in reading.limited(table.rows):
                intake.rows += 1
                for fields in reading.fields_of(number, row, table.unit):
                    document = reading.document_of(items.completed(fields), number, table.unit)
                    if document:
                        yield document


class _Reading:
    """Counts what becomes of the rows of a file."""

    def __init__(
        self, source: Source, format_: str, encoding: str, part: Part, intake: Intake, privacy: Privacy = OPEN
    ) -> None:
        self._source, self._encoding, self._part, self._intake = source, encoding, part, intake
        self._privacy = privacy
        self._kind = Kind(part.export, "items" if part.role == "items" else "texts", format_, part.fields)
        self._column = {each.field: each.columns[0] for each in part.fields if each.columns}
        self.rows = self.documents = self.bad = self._decimal_ids = 0
        self.passed: Counter[str] = Counter()
        self.unread: dict[str, tuple[int, str]] = {}
        self._nobody, self._nobodies = names_of_nobody(), Counter[str]()
        self._complete = False

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, *error: object) -> None:
        """Tell the intake what was made of the file."""
        if self._nobodies:
            names = join_names([name for name, _ in self._nobodies.most_common(3)])
            self._pass(f"nobody ({names}{', …' if len(self._nobodies) > 3 else ''})", self._nobodies.total())
        part = self._part
        self._intake.add_file(
            self._kind,
            FileReading(
                file=display_name(self._source),
                format=self._kind.format,
                encoding=self._encoding,
                export=part.export,
                role="items" if part.role == "items" else "texts",
                fields=part.fields,
                unused=part.unused,
                owner=part.owner,
                rows=self.rows,
                documents=self.documents,
                bad=self.bad,
                passed=dict(self.passed),
                unread=self.unread,
                left_out=dict(part.left_out),
                warnings=(*part.notation.warnings, *self._warnings()),
                complete=self._complete,
            ),
        )

    def limited(self, rows: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
        """Give the rows that are to be read."""
        began = time.process_time()
        for numbered in rows:
            if self._intake.is_enough(self.rows, began):
                return
            yield numbered
        self._complete = True

    def fields_of(self, number: int, row: Row, unit: str) -> Iterator[Fields]:
        """Give the fields of what a row holds; count rows that are broken and that are passed over."""
        self.rows += 1
        if isinstance(row, BadRowError):
            self._count_bad(number, unit, row)
            return
        for fields in self._part.reader(row):
            if isinstance(fields, Passed):
                self._pass(fields.reason)
            elif self._part.owner is not None and fields.get("user_id") in (None, ""):
                yield {**fields, "user_id": self._part.owner}
            else:
                yield fields

    def document_of(self, fields: Fields, number: int, unit: str) -> Document | None:
        """Return the document of fields; count fields that make none, and values that cannot be read."""
        try:
            document, unread, masked = make_document(fields, self._part.notation, self._nobody, self._privacy)
        except NobodyError as error:
            self._nobodies[str(error)] += 1
            return None
        except NoDocumentError as error:
            self._pass(str(error))
            return None
        except BadRowError as error:
            self._count_bad(number, unit, error)
            return None
        for name, value in unread.items():
            column = self._column.get(name, name)
            count, example = self.unread.get(column, (0, str(value)[:80]))
            self.unread[column] = count + 1, example
        self.documents += 1
        self._decimal_ids += document.user_id.endswith(".0")
        self._intake.masked += masked
        self._intake.add_document(self._kind, document)
        return document

    def _warnings(self) -> Iterator[str]:
        if self._decimal_ids and self._decimal_ids < self.documents:
            yield f"{self._decimal_ids:,} users are written like 1.0 and others are not; 1 and 1.0 are two users here"

    def _pass(self, reason: str, count: int = 1) -> None:
        self.passed[reason] += count
        self._intake.passed[reason] += count

    def _count_bad(self, number: int, unit: str, error: BadRowError) -> None:
        self.bad += 1
        where = "" if unit == "line" else f"{unit} {number}: "
        self._intake.add_bad(BadLine(file=display_name(self._source), line=number, reason=f"{where}{error}"))


def _why_nothing(parts: Mapping[Source, Part | None], intake: Intake) -> str:
    files = join_names([display_name(source) for source in parts], max_chars=_MAX_PATH_CHARS)
    reasons = [part.export for part in parts.values() if part and part.role == "nothing"]
    if reasons and len(reasons) == len(parts):
        return f"nothing to read in {files}: {join_names(sorted(set(reasons)))}"
    if not intake.rows:
        return f"no rows in {files}; give a file with one text a row"
    if intake.bad_examples:
        first = intake.bad_examples[0]
        return f"none of {intake.rows:,} rows could be used; {first.file}:{first.line}: {first.reason}"
    passed = ", ".join(f"{reason} ({count:,})" for reason, count in intake.passed.most_common(3))
    return f"none of {intake.rows:,} rows of {files} is a text of a user: {passed}"
