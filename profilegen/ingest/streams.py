"""A file, a named pipe or standard input is opened as a stream of bytes, unpacked where it is compressed."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import stat
import sys
import time
import zipfile
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from profilegen.errors import InputError
from profilegen.ingest.rows import READ_BYTES
from profilegen.ingest.sources import STDIN, Source, describe_special

# A program that was started beside this one has opened its end of a named pipe long before.
_MAX_WAIT_S = 10.0
_POLL_S = 0.02


class Stream(NamedTuple):
    """A file that is open.

    :param content: its bytes, unpacked.
    :param head: the first `READ_BYTES` of them, which `content` gives too.
    :param was_compressed: whether the bytes on disk are others.
    :param encoding: of its characters on disk, "" where it is no text; `content` is UTF-8.
    """

    content: BinaryIO
    head: bytes
    was_compressed: bool
    encoding: str = ""


def open_stream(source: Source, stack: contextlib.ExitStack) -> Stream:
    """Open a file as a stream, which gives its bytes once.

    :param source: the file. `/dev/stdin` and what a shell makes of `<(command)` are paths of pipes.
    :param stack: closes the file.
    :raises InputError: the path is that of a socket, of a device, or of a pipe that nothing writes to.
    :raises OSError: the file cannot be opened or read.
    """
    raw = _open(source, stack)
    magic, stream = _peek(raw, max(map(len, _UNPACK)))
    unpack = next((unpack for start, unpack in _UNPACK.items() if magic.startswith(start)), None)
    head, stream = _peek(unpack(stream) if unpack else stream, READ_BYTES)
    return Stream(stream, head, unpack is not None or bool(source.member))


def _open(source: Source, stack: contextlib.ExitStack) -> BinaryIO:
    if source.path == STDIN:
        return cast(BinaryIO, sys.stdin.buffer)
    if not source.member:
        return _open_path(source.path, stack)
    archive = stack.enter_context(zipfile.ZipFile(source.path))
    return cast(BinaryIO, stack.enter_context(archive.open(source.member)))


def _open_path(file: str, stack: contextlib.ExitStack) -> BinaryIO:
    if stat.S_ISSOCK(mode := Path(file).stat().st_mode):  # Which cannot be opened at all.
        raise InputError(_not_a_file(mode))
    # Without O_NONBLOCK, to open a pipe waits for a writer without a word, and forever.
    opened = stack.enter_context(os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0))
    mode = os.fstat(opened.fileno()).st_mode
    first = _wait_for_writer(opened) if stat.S_ISFIFO(mode) else b""
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or opened.isatty()):
        raise InputError(_not_a_file(mode))
    os.set_blocking(opened.fileno(), True)
    return _replay(first, cast(BinaryIO, opened))


def _not_a_file(mode: int) -> str:
    return f"is {describe_special(mode)}, not a file; write the rows to standard input (-) instead"


def _wait_for_writer(pipe: io.FileIO) -> bytes:
    """Return the first byte of a pipe, b"" if there is a writer that has not written yet."""
    deadline = time.monotonic() + _MAX_WAIT_S
    while time.monotonic() < deadline:
        first = pipe.read(1)
        if first is None:  # Somebody has opened the pipe for writing.
            return b""
        if first:
            return first
        time.sleep(_POLL_S)
    raise InputError(
        f"is a named pipe, and nothing wrote to it for {_MAX_WAIT_S:.0f} seconds; start the program that writes first"
    )


def _peek(stream: BinaryIO, size: int) -> tuple[bytes, BinaryIO]:
    """Return the first bytes, and a stream that gives them again: a pipe cannot go back."""
    head = stream.read(size)
    return head, _replay(head, stream)


def _replay(head: bytes, rest: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Replay(head, rest), buffer_size=READ_BYTES))


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


def _gunzip(stream: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream))


def _unzstd(stream: BinaryIO) -> BinaryIO:
    import pyarrow as pa

    return cast(BinaryIO, io.BufferedReader(pa.CompressedInputStream(stream, "zstd")))


# How a compressed file begins → how it is unpacked.
_UNPACK = {b"\x1f\x8b": _gunzip, b"\x28\xb5\x2f\xfd": _unzstd}
