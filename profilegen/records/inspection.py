"""What is seen of files before anything is built."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from profilegen.records import BadLine, Document, FileReading, Record, SkippedFile


class InspectedFiles(FileReading):
    """What an inspection saw of a file, or of several that are alike.

    :param users: users who wrote their documents.
    :param times: the first and the last time of a document, None where none was read.
    :param languages: documents by language.
    :param examples: two documents, their texts cut.
    """

    users: int = 0
    times: tuple[datetime, datetime] | None = None
    languages: dict[str, int] = Field(default_factory=dict)
    examples: tuple[Document, ...] = ()


class Problem(Record):
    """A file that was named and cannot be used as it is.

    :param file: path of the file.
    :param reason: why, and what to do.
    :param format: short name of its format, "" where it is not even known.
    :param encoding: of its characters.
    :param columns: its columns or the paths to its values, each with a value.
    """

    file: str
    reason: str
    format: str = ""
    encoding: str = ""
    columns: dict[str, str] = Field(default_factory=dict)


class Inspection(Record):
    """What was seen of all files that were named.

    :param users: users who wrote documents.
    :param documents: documents that a build would read.
    :param rows: rows that were read, good or bad.
    :param bad_lines: rows that are broken.
    :param bad_examples: some of them.
    :param passed: whole rows that are no text of a user, by reason.
    :param unread: values that could not be read, by column: how many, with an example.
    :param mask: how much a build would mask with the settings as they are.
    :param masked: things in the texts that would give way to placeholders, by kind.
    :param complete: whether all was read; if not, all figures are of the part that was.
    :param formats: formats of the files.
    :param encodings: encodings of the files.
    :param recognised: titles of the sources that files were recognised as.
    :param times: the first and the last time of a document, None where none was read.
    :param languages: documents by language.
    :param fields: columns by the field that they became.
    :param unused: columns that hold no field.
    :param left_out: columns that look like a field and are none, with the reason.
    :param warnings: what looks wrong, in sentences.
    :param examples: two documents, their texts cut.
    :param problems: named files that cannot be used as they are.
    :param skipped_files: files in directories and archives that are not read.
    :param skipped_examples: some of them.
    :param files: the same for each kind of files.
    :param command: the command that builds from these files, "" where it would fail.
    """

    users: int
    documents: int
    rows: int
    bad_lines: int
    bad_examples: tuple[BadLine, ...] = ()
    passed: dict[str, int] = Field(default_factory=dict)
    unread: dict[str, tuple[int, str]] = Field(default_factory=dict)
    mask: str = "off"
    masked: dict[str, int] = Field(default_factory=dict)
    complete: bool = True
    formats: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()
    recognised: tuple[str, ...] = ()
    times: tuple[datetime, datetime] | None = None
    languages: dict[str, int] = Field(default_factory=dict)
    fields: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    unused: tuple[str, ...] = ()
    left_out: dict[str, str] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    examples: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()
    skipped_files: int = 0
    skipped_examples: tuple[SkippedFile, ...] = ()
    files: tuple[InspectedFiles, ...] = ()
    command: str = ""
