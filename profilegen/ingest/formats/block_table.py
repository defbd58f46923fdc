"""Blocks of lines `product/title: Soup`, one block a row, as SNAP gives its reviews."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO

from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import MAX_RECORD_BYTES, BadRowError, Row, Table, line_too_long, numbered_lines

# The first name of the first block, which says what such a file is of.
_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:product/productId|beer/name|wine/name): ")
# Names are looked for in so many blocks: a block may lack some.
_MAX_LOOK_AHEAD_ROWS = 200


def _open(file: OpenFile) -> Table:
    rows = _blocks(file.stream)
    first = list(islice(rows, _MAX_LOOK_AHEAD_ROWS))
    columns = dict.fromkeys(name for _, row in first if not isinstance(row, BadRowError) for name in row)
    return Table(tuple(columns), "line", chain(first, rows))


def _matches(head: bytes) -> bool:
    return _BEGINNING.match(head) is not None


FORMATS = (Format("blocks of lines", (), _open, matches=_matches),)


def _blocks(stream: BinaryIO) -> Iterator[tuple[int, Row]]:
    """Yield a row a block, with the number of its first line; blocks end at an empty line."""
    block: dict[str, object] = {}
    begins = size = 0
    problem: BadRowError | None = None
    for number, line in chain(numbered_lines(stream), ((0, b""),)):
        if line is not None and not line.strip():
            if block or problem:
                yield begins, problem or block
            block, begins, size, problem = {}, 0, 0, None
            continue
        begins = begins or number
        size += MAX_RECORD_BYTES if line is None else len(line)
        if line is None or size > MAX_RECORD_BYTES:
            block, problem = {}, line_too_long()
            continue
        try:
            name, mark, value = line.decode().rstrip("\r\n").partition(": ")
        except UnicodeDecodeError:
            problem = BadRowError("invalid UTF-8")
            continue
        if mark and "/" in name and " " not in name:
            block[name] = value
        elif block and not name.rstrip(":").count("/"):
            # A text that goes on in another line.
            last = next(reversed(block))
            block[last] = f"{block[last]}\n{line.decode().strip()}"
