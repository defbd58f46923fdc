"""Files of any usual format are read into Documents, in bounded memory, every bad line counted and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from profilegen.errors import InputError, UsageError
from profilegen.ingest.columns import FIELDS, ColumnMap, check_columns, join_names, unknown_columns
from profilegen.ingest.documents import make_document
from profilegen.ingest.rows import BadRowError
from profilegen.ingest.sources import can_be_read_twice, display_name, find_files
from profilegen.ingest.tables import open_table
from profilegen.records import BadLine, Document, SkippedFile

__all__ = ["FIELDS", "MAX_BAD_EXAMPLES", "MAX_SKIPPED_EXAMPLES", "Intake", "read_documents"]

# What a person reads of them before looking for the cause.
MAX_BAD_EXAMPLES = 20
MAX_SKIPPED_EXAMPLES = 20


@dataclass
class Intake:
    """What was read so far.

    :param rows: rows that were read, good or bad.
    :param documents: documents that were made of them.
    :param bad: rows of which none could be made.
    :param bad_examples: the first 20 of those.
    :param skipped: files in the named directories that are not read.
    :param skipped_examples: the first 20 of those.
    :param languages: documents by language.
    """

    rows: int = 0
    documents: int = 0
    bad: int = 0
    bad_examples: list[BadLine] = field(default_factory=list)
    skipped: int = 0
    skipped_examples: list[SkippedFile] = field(default_factory=list)
    languages: Counter[str] = field(default_factory=Counter)


def read_documents(sources: Sequence[str], *, mapping: Mapping[str, str], intake: Intake) -> Iterator[Document]:
    """Yield the documents of files, directories and `-` (standard input) one by one.

    A format is recognised by its suffix, else by content; gzip and zstd always by content. Directories are walked
    in order; hidden files in them do not count, and other files that are not read are counted in `intake`. So are
    bad lines.

    :param sources: paths, or `-` for standard input.
    :param mapping: our field (see `FIELDS`) to the name of the column that holds it; wins over the guess.
    :param intake: counts what is read, while it is read.
    :raises UsageError: the mapping names a field or a column that there is not.
    :raises InputError: nothing to read, a file that cannot be read, or no column of users or of texts in one.
    """
    for target in mapping:
        if target not in FIELDS:
            raise UsageError(f"there is no field {target!r} to map to; the fields are {', '.join(FIELDS)}")
    files = find_files(sources)
    intake.skipped += len(files.skipped)
    intake.skipped_examples += files.skipped[: MAX_SKIPPED_EXAMPLES - len(intake.skipped_examples)]
    return _documents(files.found, tuple(mapping.items()), intake)


def _documents(files: Sequence[str], mapping: ColumnMap, intake: Intake) -> Iterator[Document]:
    missing = _columns_in_no_file(files, mapping)
    for file in files:
        with open_table(file, mapping) as table:
            check_columns(table.columns, mapping, set() if can_be_read_twice(file) else missing)
            for number, row in table.rows:
                intake.rows += 1
                try:
                    document = make_document(row, mapping)
                except BadRowError as error:
                    _count_bad(intake, file, table.unit, number, str(error))
                    continue
                intake.documents += 1
                intake.languages[document.language] += 1
                yield document
    if not intake.documents:
        raise InputError(_why_nothing(files, intake))


def _columns_in_no_file(files: Sequence[str], mapping: ColumnMap) -> set[str]:
    """Return the mapped columns that no file has; what can be read only once has not been looked at.

    :raises UsageError: there are some, and every file has been looked at.
    """
    missing = {column for _, column in mapping}
    columns: dict[str, None] = {}
    for file in filter(can_be_read_twice, files):
        if missing:
            with open_table(file, mapping) as table:
                columns.update(dict.fromkeys(table.columns))
        missing.difference_update(columns)
    if missing and all(map(can_be_read_twice, files)):
        raise UsageError(unknown_columns(missing, list(columns)))
    return missing


def _count_bad(intake: Intake, file: str, unit: str, number: int, reason: str) -> None:
    intake.bad += 1
    if len(intake.bad_examples) < MAX_BAD_EXAMPLES:
        where = "" if unit == "line" else f"{unit} {number}: "
        intake.bad_examples.append(BadLine(file=display_name(file), line=number, reason=where + reason))


def _why_nothing(files: Sequence[str], intake: Intake) -> str:
    if not intake.rows:
        return f"no rows in {join_names([display_name(file) for file in files])}; give a file with one text a row"
    first = intake.bad_examples[0]
    return f"none of {intake.rows:,} rows could be used; {first.file}:{first.line}: {first.reason}"
