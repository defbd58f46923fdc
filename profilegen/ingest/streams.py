"""A file, a named pipe or standard input is opened as a stream of bytes, unpacked where it is compressed."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from profilegen.errors import InputError
from profilegen.ingest.encodings import UTF_8, as_utf8, encoding_of
from profilegen.ingest.formats.registry import is_binary
from profilegen.ingest.rows import READ_BYTES, replay
from profilegen.ingest.sources import STDIN, Source, can_be_read_twice, describe_special, open_archive

# A program that was started beside this one has opened its end of a named pipe long before.
_MAX_WAIT_S = 10.0
_POLL_S = 0.02
# How much of a file is looked at for the first character that is not ASCII: all of a small one, places in a large one.
# What is packed is looked at from its beginning.
_MAX_WHOLE_BYTES, _PLACES, _PLACE_BYTES = 1 << 26, 64, 1 << 18
_MAX_PACKED_BYTES = 1 << 22


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
    head, stream, was_compressed = _unpacked(source, stack)
    if is_binary(head):
        return Stream(stream, head, was_compressed)
    encoding = encoding_of(head, _more(source, was_compressed))
    if encoding is None:
        return Stream(stream, head, was_compressed)
    if encoding != UTF_8:
        head, stream = _peek(as_utf8(stream, encoding), READ_BYTES)
    return Stream(stream, head, was_compressed, encoding.name)


def _unpacked(source: Source, stack: contextlib.ExitStack) -> tuple[bytes, BinaryIO, bool]:
    """Return the first bytes of a file, its bytes, and whether they are others on disk."""
    magic, stream = _peek(_open(source, stack), max(map(len, _UNPACK)))
    unpack = next((unpack for start, unpack in _UNPACK.items() if magic.startswith(start)), None)
    head, stream = _peek(unpack(stream) if unpack else stream, READ_BYTES)
    return head, stream, unpack is not None or bool(source.member)


def _more(source: Source, was_compressed: bool) -> Iterator[bytes]:
    """Yield parts of a file behind its first bytes, where it can be read twice."""
    if not can_be_read_twice(source):
        return
    with contextlib.ExitStack() as stack:
        if was_compressed:
            with contextlib.suppress(Exception):  # It is broken; who reads it says so.
                _, stream, _ = _unpacked(source, stack)
                yield stream.read(_MAX_PACKED_BYTES)[READ_BYTES:]
            return
        file = stack.enter_context(Path(source.path).open("rb"))
        size = os.fstat(file.fileno()).st_size
        if size <= _MAX_WHOLE_BYTES:
            file.seek(READ_BYTES)
            while part := file.read(_PLACE_BYTES):
                yield _whole_lines(part, file)
            return
        for place in range(_PLACES):
            file.seek(place * (size - _PLACE_BYTES) // (_PLACES - 1))
            file.readline(READ_BYTES)
            yield file.read(_PLACE_BYTES)


def _whole_lines(part: bytes, file: BinaryIO) -> bytes:
    """Return a part with the rest of its last line, so that no character is cut in two."""
    return part + file.readline(READ_BYTES)


def _open(source: Source, stack: contextlib.ExitStack) -> BinaryIO:
    if source.path == STDIN:
        return cast(BinaryIO, sys.stdin.buffer)
    if not source.member:
        return _open_path(source.path, stack)
    return cast(BinaryIO, stack.enter_context(open_archive(source.path).open(source.member)))


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
    return replay(first, cast(BinaryIO, opened))


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
    return head, replay(head, stream)


def _gunzip(stream: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream))


def _unbzip(stream: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, bz2.BZ2File(stream))


def _unxz(stream: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, lzma.LZMAFile(stream))


def _unzstd(stream: BinaryIO) -> BinaryIO:
    """Unpack with any window: dumps that were packed with `--long=31` need one of 2 GB."""
    from backports.zstd import DecompressionParameter, ZstdFile

    longest = DecompressionParameter.window_log_max
    return cast(BinaryIO, ZstdFile(stream, options={longest: longest.bounds()[1]}))


# How a compressed file begins → how it is unpacked.
_UNPACK = {
    b"\x1f\x8b": _gunzip,
    b"BZh": _unbzip,
    b"\xfd7zXZ\x00": _unxz,
    b"\x28\xb5\x2f\xfd": _unzstd,
    **{bytes([0x50 + each, 0x2A, 0x4D, 0x18]): _unzstd for each in range(16)},  # a frame that is passed over
}
