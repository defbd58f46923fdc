"""A file is opened as a table, whatever its format and its compression."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from profilegen.errors import InputError
from profilegen.ingest.columns import ColumnMap
from profilegen.ingest.formats.csv_table import csv_table
from profilegen.ingest.formats.json_table import json_table
from profilegen.ingest.formats.parquet_table import parquet_table
from profilegen.ingest.rows import READ_BYTES, Table
from profilegen.ingest.sources import STDIN, can_be_read_twice, format_by_name, shown


@contextlib.contextmanager
def opened_table(file: str, mapping: ColumnMap) -> Iterator[Table]:
    """Open a file as a table.

    :raises InputError: it cannot be read, to its end; the message names the file.
    """
    with contextlib.ExitStack() as stack:
        try:
            yield _open(file, mapping, stack)
        except InputError as error:
            raise InputError(f"{shown(file)}: {error}") from None
        except (OSError, EOFError, zlib.error) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise InputError(f"{shown(file)}: cannot be read: {reason}") from None


def _open(file: str, mapping: ColumnMap, stack: contextlib.ExitStack) -> Table:
    path = Path(file)
    raw = sys.stdin.buffer if file == STDIN else stack.enter_context(path.open("rb"))
    magic, stream = _peeked(cast(BinaryIO, raw), 4)
    if magic == b"PAR1" and can_be_read_twice(file):
        return parquet_table(file, mapping, stack)
    head, stream = _peeked(_decompressed(magic, stream), READ_BYTES)
    for start, advice in _NOT_FOR_US.items():
        if head.startswith(start):
            raise InputError(advice)
    kind = format_by_name(file) or _format_by_content(head)
    if kind == "parquet" or head[:4] == b"PAR1":
        return parquet_table(_spooled(stream, stack), mapping, stack)
    if kind in ("csv", "tsv"):
        return csv_table(stream, head, kind)
    return json_table(stream, head)


_NOT_FOR_US = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV in UTF-8",
    codecs.BOM_UTF16_LE: "is UTF-16; save it as UTF-8, for instance with iconv -f UTF-16 -t UTF-8",
    codecs.BOM_UTF16_BE: "is UTF-16; save it as UTF-8, for instance with iconv -f UTF-16 -t UTF-8",
}


def _peeked(stream: BinaryIO, size: int) -> tuple[bytes, BinaryIO]:
    """Return the first bytes, and a stream that gives them again: a pipe cannot go back."""
    head = stream.read(size)
    return head, cast(BinaryIO, io.BufferedReader(_Replay(head, stream), buffer_size=READ_BYTES))


class _Replay(io.RawIOBase):
    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        part, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        part = part or self._rest.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _decompressed(magic: bytes, stream: BinaryIO) -> BinaryIO:
    if magic[:2] == b"\x1f\x8b":
        return cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    if magic == b"\x28\xb5\x2f\xfd":
        import pyarrow as pa

        return cast(BinaryIO, io.BufferedReader(pa.CompressedInputStream(stream, "zstd")))
    return stream


def _spooled(stream: BinaryIO, stack: contextlib.ExitStack) -> IO[bytes]:
    spool = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return spool


def _format_by_content(head: bytes) -> str:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    return "json" if start in (b"[", b"{") else "csv"
