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
    :param part: the sheet or the table in it that is wanted, "" where nothing was said.
    """

    stream: BinaryIO
    head: bytes
    columns: frozenset[str] | None
    stack: contextlib.ExitStack
    path: str | None = None
    part: str = ""

    def seekable(self) -> str | IO[bytes]:
        """Return the path, or a temporary copy where there is none, for a format that is not read front to back."""
        if self.path is not None:
            return self.path
        copy = self.stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        shutil.copyfileobj(self.stream, copy)
        copy.seek(0)
        return copy

    def on_disk(self) -> str:
        """Return the path, or that of a temporary copy, for a library that opens files by their paths."""
        if self.path is not None:
            return self.path
        copy = self.stack.enter_context(tempfile.NamedTemporaryFile())  # noqa: SIM115
        shutil.copyfileobj(self.stream, copy)
        copy.flush()
        return copy.name


def _never(head: bytes) -> bool:
    return False


@dataclass(frozen=True)
class Format:
    """A file format.

    :param name: a short name, for people.
    :param suffixes: ends of names of such files, with the dot, in small letters.
    :param open: opens such a file as a table; raises InputError, without the name of the file, where it cannot.
    :param magic: how every such file begins; such a beginning counts for more than a suffix. b"" where files
        have none, several where they begin differently.
    :param matches: returns whether a file is one, by its first bytes; asked where the suffix is unknown or one that
        several formats share, such as `.txt`.
    :param is_binary: whether its bytes are given as they are, since they are not characters of one encoding; so are
        those of a format with a `magic`.
    :param has_parts: whether it holds sheets or tables, one of which a person may name: `shop.db::reviews`.
    """

    name: str
    suffixes: tuple[str, ...]
    open: Callable[[OpenFile], Table]
    magic: bytes | tuple[bytes, ...] = b""
    matches: Callable[[bytes], bool] = _never
    is_binary: bool = False
    has_parts: bool = False
