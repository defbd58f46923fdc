"""XML as a table: a row for each element below the first, such as `<row Id="1" Body="…"/>` of Stack Exchange."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element, ParseError

from profilegen.errors import InputError
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import MAX_RECORD_BYTES, Row, Table, look_ahead
from profilegen.language.cleaning import printable

_LOOK_AHEAD_ROWS, _LOOK_AHEAD_CHARS = 200, 1 << 20
# A record of so many elements is no text of a user; each costs more time and memory than its few characters tell.
_MAX_ELEMENTS = 100_000
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml\s|[A-Za-z])")
_NOT_XML = re.compile(rb"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)


def _open(file: OpenFile) -> Table:
    rows = _rows(file.stream)
    _, context = next(rows)
    first, rows = look_ahead(rows, _LOOK_AHEAD_ROWS, _LOOK_AHEAD_CHARS)
    columns = dict.fromkeys(name for _, row in first if isinstance(row, Mapping) for name in row)
    return Table(tuple(columns), "record", rows, context if isinstance(context, Mapping) else {})


def _matches(head: bytes) -> bool:
    return _START.match(head) is not None and _NOT_XML.match(head) is None


FORMATS = (Format("xml", (".xml",), _open, matches=_matches),)


def _rows(stream: BinaryIO) -> Iterator[tuple[int, Row]]:
    """Yield the attributes of the first element, and then the rows below it; no entity or other file is followed."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser, iterparse

    bounded = _Bounded(stream)
    numbers = count(1)
    depth = elements = 0
    top: Element | None = None
    try:
        parser = DefusedXMLParser(encoding="utf-8", forbid_dtd=True)
        for event, element in iterparse(bounded, events=("start", "end"), parser=parser):
            if event == "start":
                depth += 1
                elements += 1
                if elements > _MAX_ELEMENTS:
                    raise ValueError(f"more than {_MAX_ELEMENTS:,} elements in one record")
                if top is None:
                    top = element
                    yield 0, dict(element.attrib)
                continue
            depth -= 1
            if depth == 1 and top is not None:
                yield next(numbers), _row(element)
                top.clear()
                elements = 0
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
