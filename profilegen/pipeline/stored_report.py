"""What the ledger keeps of the report of a build: kinds and counts, nothing that may name a person."""

from __future__ import annotations

from collections import Counter

from profilegen.records import BuildReport, FieldSource, FileReading


def for_store(report: BuildReport) -> BuildReport:
    """Return a report without names of files and of columns, and without what it quotes: a user may be removed later.

    A file may be called like the person who wrote it (`Chat with Ana.txt`), and so may a column or a path. The name of
    a segment is made of claims of its members.

    :param report: of a build that is finished.
    """
    repeated = report.repeated and report.repeated.model_copy(update={"examples": ()})
    files = tuple(map(_without_names, report.files))
    changes = tuple(change.model_copy(update={"names": {}}) for change in report.segment_changes)
    return report.model_copy(
        update={
            "bad_examples": (),
            "skipped_examples": (),
            "files": files,
            "repeated": repeated,
            "segment_changes": changes,
        },
    )


def _without_names(reading: FileReading) -> FileReading:
    fields = tuple(each.model_copy(update={"columns": _columns(each, reading)}) for each in reading.fields)
    shown = {each.columns[0]: kept.columns[0] for each, kept in zip(reading.fields, fields, strict=True)}
    unread: Counter[str] = Counter()
    for column, (count, _) in reading.unread.items():
        unread[shown.get(column, "other columns")] += count
    return FileReading(
        file="",
        files=reading.files,
        format=reading.format,
        encoding=reading.encoding,
        export=reading.export,
        role=reading.role,
        fields=tuple(each.model_copy(update={"why": each.why.partition(",")[0]}) for each in fields),
        rows=reading.rows,
        documents=reading.documents,
        bad=reading.bad,
        passed=reading.passed,
        unread={column: (count, "") for column, count in unread.items()},
        complete=reading.complete,
    )


def _columns(field: FieldSource, reading: FileReading) -> tuple[str, ...]:
    """Return the columns of a known export, and those of a usual name; of others, why they were chosen."""
    is_usual = field.why in ("by its name", reading.export)
    return field.columns if is_usual and field.columns else (field.why.partition(",")[0],)
