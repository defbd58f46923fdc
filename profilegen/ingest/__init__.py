"""Files of any usual kind are read into Documents, in bounded memory, every bad line counted and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from profilegen.errors import InputError, UsageError
from profilegen.ingest.columns import FIELDS, ColumnMap, check_columns, listed, no_such_column
from profilegen.ingest.documents import document_of
from profilegen.ingest.rows import BadRowError
from profilegen.ingest.sources import can_be_read_twice, named_files, shown
from profilegen.ingest.tables import opened_table
from profilegen.records import BadLine, Document

__all__ = ["FIELDS", "MAX_BAD_EXAMPLES", "Intake", "read_documents"]

MAX_BAD_EXAMPLES = 20


@dataclass
class Intake:
    """What was read so far: rows seen, documents made, bad lines counted and the first 20 of them kept."""

    rows: int = 0
    documents: int = 0
    bad: int = 0
    bad_examples: list[BadLine] = field(default_factory=list)
    languages: Counter[str] = field(default_factory=Counter)


def read_documents(sources: Sequence[str], *, mapping: Mapping[str, str], intake: Intake) -> Iterator[Document]:
    """Give the documents of files, directories and `-` (standard input) one by one, counting in `intake`.

    CSV, TSV, JSON Lines, a JSON array and Parquet are told by suffix, else by content; gzip and zstd always
    by content. Directories are walked in order, hidden files skipped. Bad lines are skipped and counted.

    :param mapping: our field (see `FIELDS`) to the name of the column that holds it; wins over the guess.
    :raises UsageError: the mapping names a field or a column that there is not.
    :raises InputError: nothing to read, a file that cannot be read, or no column of users or of texts in one.
    """
    for target in mapping:
        if target not in FIELDS:
            raise UsageError(f"there is no field {target!r} to map to; the fields are {', '.join(FIELDS)}")
    return _documents(named_files(sources), tuple(mapping.items()), intake)


def _documents(files: Sequence[str], mapping: ColumnMap, intake: Intake) -> Iterator[Document]:
    missing = _columns_in_no_file(files, mapping)
    for file in files:
        with opened_table(file, mapping) as table:
            check_columns(table.columns, mapping, set() if can_be_read_twice(file) else missing)
            for number, row in table.rows:
                intake.rows += 1
                try:
                    document = document_of(row, mapping)
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
    seen: dict[str, None] = {}
    for file in filter(can_be_read_twice, files):
        if missing:
            with opened_table(file, mapping) as table:
                seen.update(dict.fromkeys(table.columns))
        missing.difference_update(seen)
    if missing and all(map(can_be_read_twice, files)):
        raise UsageError(no_such_column(missing, list(seen)))
    return missing


def _count_bad(intake: Intake, file: str, unit: str, number: int, reason: str) -> None:
    intake.bad += 1
    if len(intake.bad_examples) < MAX_BAD_EXAMPLES:
        said = reason if unit == "line" else f"{unit} {number}: {reason}"
        intake.bad_examples.append(BadLine(file=shown(file), line=number, reason=said))


def _why_nothing(files: Sequence[str], intake: Intake) -> str:
    if not intake.rows:
        return f"no rows in {listed([shown(file) for file in files])}; give a file with one text a row"
    first = intake.bad_examples[0]
    return f"none of {intake.rows:,} rows could be used; {first.file}:{first.line}: {first.reason}"
