"""XML as a table: a row for each element below the first, such as `<row Id="1" Body="…"/>` of Stack Exchange."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element, ParseError

from profilegen.errors import InputError
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import MAX_RECORD_BYTES, Row, Table
from profilegen.language.cleaning import printable

_LOOK_AHEAD_ROWS, _LOOK_AHEAD_CHARS = 200, 1 << 20
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml\s|[A-Za-z])")
_NOT_XML = re.compile(rb"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)


def _open(file: OpenFile) -> Table:
    rows = _rows(file.stream)
    _, context = next(rows)
    ahead: list[tuple[int, Row]] = []
    columns: dict[str, None] = {}
    chars = 0
    for number, row in rows:
        ahead.append((number, row))
        if isinstance(row, Mapping):
            columns.update(dict.fromkeys(row))
            chars += sum(len(str(value)) for value in row.values())
        if len(ahead) >= _LOOK_AHEAD_ROWS or chars > _LOOK_AHEAD_CHARS:
            break
    return Table(tuple(columns), "record", _chain(ahead, rows), context if isinstance(context, Mapping) else {})


def _matches(head: bytes) -> bool:
    return _START.match(head) is not None and _NOT_XML.match(head) is None


FORMATS = (Format("xml", (".xml",), _open, matches=_matches),)


def _chain(ahead: list[tuple[int, Row]], rest: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    yield from ahead
    ahead.clear()
    yield from rest


def _rows(stream: BinaryIO) -> Iterator[tuple[int, Row]]:
    """Yield the attributes of the first element, and then the rows below it; no entity or other file is followed."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser, iterparse

    bounded = _Bounded(stream)
    numbers = count(1)
    depth = 0
    top: Element | None = None
    try:
        parser = DefusedXMLParser(encoding="utf-8", forbid_dtd=True)
        for event, element in iterparse(bounded, events=("start", "end"), parser=parser):
            if event == "start":
                depth += 1
                if top is None:
                    top = element
                    yield 0, dict(element.attrib)
                continue
            depth -= 1
            if depth == 1 and top is not None:
                yield next(numbers), _row(element)
                top.clear()
                bounded.rest = MAX_RECORD_BYTES
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        reason = printable(str(error) or type(error).__name__)
        raise InputError(f"broken XML after record {next(numbers) - 1}: {reason}") from None


def _row(element: Any) -> dict[str, object]:
    """Return the attributes of an element, the texts of the elements in it, and its own text."""
    row: dict[str, object] = dict(element.attrib)
    for each in element:
        row.setdefault(_local(each.tag), "".join(each.itertext()).strip())
    if element.text and element.text.strip():
        row.setdefault("text", element.text.strip())
    return row


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


class _Bounded:
    """Gives a stream, and fails where a record is endless."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.rest = MAX_RECORD_BYTES

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.rest -= len(data)
        if self.rest < 0:
            raise ValueError(f"no record ends within {MAX_RECORD_BYTES:,} bytes")
        return data
