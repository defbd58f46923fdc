"""A file is opened as a table, whatever its format and its compression."""

from __future__ import annotations

import codecs
import contextlib
import zlib
from collections.abc import Iterator

from profilegen.errors import InputError
from profilegen.ingest.columns import ColumnMap
from profilegen.ingest.formats.format import OpenFile
from profilegen.ingest.formats.registry import format_of
from profilegen.ingest.rows import Table
from profilegen.ingest.sources import can_be_read_twice, display_name
from profilegen.ingest.streams import open_stream


@contextlib.contextmanager
def open_table(file: str, mapping: ColumnMap) -> Iterator[Table]:
    """Open a file as a table.

    :param file: its path, or `-` for standard input.
    :param mapping: the columns that a person named, by field.
    :raises InputError: the file cannot be read to its end; the message names it.
    """
    with contextlib.ExitStack() as stack:
        try:
            yield _open(file, mapping, stack)
        except InputError as error:
            raise InputError(f"{display_name(file)}: {error}") from None
        except (OSError, EOFError, zlib.error) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise InputError(f"{display_name(file)}: cannot be read: {reason}") from None


def _open(file: str, mapping: ColumnMap, stack: contextlib.ExitStack) -> Table:
    stream = open_stream(file, stack)
    for start, advice in _NOT_READ.items():
        if stream.head.startswith(start):
            raise InputError(advice)
    path = file if can_be_read_twice(file) and not stream.was_compressed else None
    return format_of(file, stream.head).open(OpenFile(stream.content, stream.head, mapping, stack, path))


_NOT_READ = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV in UTF-8",
    codecs.BOM_UTF16_LE: "is UTF-16; save it as UTF-8, for instance with iconv -f UTF-16 -t UTF-8",
    codecs.BOM_UTF16_BE: "is UTF-16; save it as UTF-8, for instance with iconv -f UTF-16 -t UTF-8",
}
