"""What a file format is: how its files are recognised and opened."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, BinaryIO

from profilegen.ingest.rows import Table


@dataclass(frozen=True)
class OpenFile:
    """A file that is open for reading, unpacked where it was compressed.

    :param stream: its bytes from the first one on; it cannot go back.
    :param head: its first bytes, at most `READ_BYTES`, which the stream gives too.
    :param columns: the columns that are read, where the format can leave out others; None for all.
    :param stack: closes what the format opens.
    :param path: its place on disk, None for a stream and for a compressed file.
    """

    stream: BinaryIO
    head: bytes
    columns: frozenset[str] | None
    stack: contextlib.ExitStack
    path: str | None = None

    def seekable(self) -> str | IO[bytes]:
        """Return the path, or a temporary copy where there is none, for a format that is not read front to back."""
        if self.path is not None:
            return self.path
        copy = self.stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        shutil.copyfileobj(self.stream, copy)
        copy.seek(0)
        return copy


def _never(head: bytes) -> bool:
    return False


@dataclass(frozen=True)
class Format:
    """A file format.

    :param name: a short name, for people.
    :param suffixes: ends of names of such files, with the dot, in small letters.
    :param open: opens such a file as a table; raises InputError, without the name of the file, where it cannot.
    :param magic: how every such file begins; such a beginning counts for more than a suffix. b"" where files
        have none.
    :param matches: returns whether a file of an unknown suffix is one, by its first bytes.
    """

    name: str
    suffixes: tuple[str, ...]
    open: Callable[[OpenFile], Table]
    magic: bytes = b""
    matches: Callable[[bytes], bool] = _never
