"""What a Kindle notes in `My Clippings.txt` as a table: highlights, notes and bookmarks, each with its book."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import BadRowError, Row, Table, line_too_long, numbered_lines

_END = b"=========="
_COLUMNS = ("book", "author", "place", "added", "text")
_AUTHOR = re.compile(r"(.*?)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*")
# A text is no longer than what publishers let a reader copy.
_MAX_LINES = 10_000
_MAX_TITLE_CHARS = 4_000


def _matches(head: bytes) -> bool:
    """Tell by the first lines: a book, `- Your Highlight … | Added on …` in any language, an empty line; and an end."""
    lines = [line.strip() for line in head[:20_000].splitlines()]
    return _END in lines and len(lines) > 3 and lines[1].startswith(b"- ") and b"|" in lines[1] and not lines[2]


def _open(file: OpenFile) -> Table:
    return Table(_COLUMNS, "line", _rows(file.stream))


FORMATS = (Format("clippings", (), _open, matches=_matches),)


def _rows(stream: BinaryIO) -> Iterator[tuple[int, Row]]:
    lines: list[str] = []
    first = 1
    for number, line in numbered_lines(stream):
        if line is None:
            yield number, line_too_long()
        elif line.strip() == _END:
            yield first, _row(lines)
            lines, first = [], number + 1
        elif len(lines) < _MAX_LINES:
            lines.append(line.decode(errors="replace").rstrip("\r\n"))
    if any(line.strip() for line in lines):
        yield first, BadRowError("the last clipping is cut off")


def _row(lines: list[str]) -> Row:
    if len(lines) < 2 or not lines[1].startswith("- "):
        return BadRowError("a clipping without its place")
    heading = lines[0].strip("\ufeff \t")[:_MAX_TITLE_CHARS]
    book = _AUTHOR.fullmatch(heading)
    *place, added = (part.strip() for part in lines[1].removeprefix("- ").split("|"))
    return {
        "book": book[1] if book else heading,
        "author": book[2] if book else "",
        "place": " | ".join(place) or added,
        "added": added,
        "text": "\n".join(lines[2:]).strip(),
    }
