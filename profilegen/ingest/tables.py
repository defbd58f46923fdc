"""A file is opened as a table, whatever its format, its encoding and its compression."""

from __future__ import annotations

import contextlib
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from backports.zstd import ZstdError

from profilegen.errors import InputError
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.formats.registry import format_of, known_suffixes
from profilegen.ingest.rows import DamagedError, Row, Unit, look_ahead
from profilegen.ingest.sources import Source, can_be_read_twice, display_name
from profilegen.ingest.streams import open_stream
from profilegen.language.cleaning import printable

# What is looked at to learn what columns hold: enough to meet rare values, and little memory where texts are long.
_MAX_SAMPLE_ROWS, _MAX_SAMPLE_CHARS = 200, 1 << 20


READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, ZstdError, zipfile.BadZipFile, NotImplementedError)
"""What reading a file raises that is damaged or gone, besides InputError."""


class OpenTable(NamedTuple):
    """A file that is open as a table.

    :param format: short name of its format.
    :param encoding: of its characters, "" where the format has one of its own.
    :param columns: the names of its columns, in order; none where it has no rows.
    :param unit: what the numbers of rows count: lines of the file, or records.
    :param context: what stands around a list of objects that is not the whole file.
    :param sample: the first rows that can be read.
    :param rows: pairs of a number, from 1, and a row, those of the sample too.
    """

    format: str
    encoding: str
    columns: tuple[str, ...]
    unit: Unit
    context: Mapping[str, object]
    sample: tuple[Mapping[str, object], ...]
    rows: Iterator[tuple[int, Row]]


@contextlib.contextmanager
def open_table(source: Source, columns: frozenset[str] | None = None) -> Iterator[OpenTable]:
    """Open a file as a table.

    :param source: the file.
    :param columns: the columns that are read, where a format can leave out others; by default all.
    :raises InputError: the file cannot be read to its end; the message names it.
    """
    with contextlib.ExitStack() as stack:
        try:
            yield _open(source, columns, stack)
        except InputError as error:
            raise type(error)(f"{display_name(source)}: {error}") from None
        except READ_ERRORS as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise DamagedError(f"{display_name(source)}: cannot be read: {reason}") from None


def _open(source: Source, columns: frozenset[str] | None, stack: contextlib.ExitStack) -> OpenTable:
    stream = open_stream(source, stack)
    path = source.path if can_be_read_twice(source) and not stream.was_compressed else None
    format_ = _format_of(source, stream.head)
    table = format_.open(OpenFile(stream.content, stream.head, columns, stack, path, source.part))
    first, rows = look_ahead(table.rows, _MAX_SAMPLE_ROWS, _MAX_SAMPLE_CHARS)
    sample = tuple(row for _, row in first if isinstance(row, Mapping))
    return OpenTable(format_.name, stream.encoding, table.columns, table.unit, table.context, sample, rows)


def _format_of(source: Source, head: bytes) -> Format:
    if not head:
        raise InputError("no rows in it, it is empty; give a file with one text a row")
    try:
        format_ = format_of(source.below, head)
    except InputError as error:
        if "/" in source.below:
            raise
        raise InputError(f"{error}: neither a table, nor JSON, nor one of {' '.join(known_suffixes())}") from None
    if source.part and not format_.has_parts:
        raise InputError(f"has no sheets or tables to choose from; leave out ::{printable(source.part)}")
    return format_
