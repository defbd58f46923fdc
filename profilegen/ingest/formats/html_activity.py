"""The pages of Google Takeout as a table: what a person did at Google, an action a row, as its JSON has it.

Read with Python's own parser: the pages are of one plain shape, and may be too large to hold.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import count
from typing import BinaryIO

from profilegen.errors import InputError
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import READ_BYTES, Row, Table

_COLUMNS = ("header", "title", "titleUrl", "linkText", "subtitles", "time", "products", "details", "safeHtmlItem")
# Class of the box of an action, in every language.
_ROW = "outer-cell"
# A tag or a comment that is longer never ends.
_MAX_UNREAD_CHARS = 1 << 18
# Of an action; what is more is the answer of an assistant.
_MAX_ROW_CHARS = 1 << 20
# `Jun 9, 2023, 3:41:00 PM UTC`, `09.06.2023, 15:41:00 MESZ`, `2023/06/09 15:41:00 JST`
_MOMENT = re.compile(r"(?=.*\d{4}).*\d{1,2}[:.]\d{2}[:.]\d{2}.*")
_MAX_MOMENT_CHARS = 80


def _open(file: OpenFile) -> Table:
    if _ROW.encode() not in file.head and b"mdl-typography" not in file.head:
        raise InputError("a web page is not read, unless it is one of Google Takeout; export the data as JSON or CSV")
    return Table(_COLUMNS, "record", _rows(file.stream))


FORMATS = (Format("html", (".html", ".htm"), _open),)


def _rows(stream: BinaryIO) -> Iterator[tuple[int, Row]]:
    parser = _Activities()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    numbers = count(1)
    while data := stream.read(READ_BYTES):
        parser.feed(decoder.decode(data))
        if len(parser.rawdata) > _MAX_UNREAD_CHARS:
            raise InputError("a tag that never ends; choose JSON instead of HTML in Google Takeout")
        for row in parser.take():
            yield next(numbers), row
    parser.end_row()
    for row in parser.take():
        yield next(numbers), row


class _Activities(HTMLParser):
    """Gathers the lines of each action: pairs of a text and the address that it leads to."""

    def __init__(self) -> None:
        super().__init__()
        self._done: list[Row] = []
        self._cell = ""
        self._link = ""
        self._header = ""
        self._lines: list[list[tuple[str, str]]] = []
        self._in_label = False
        # Of each label of the caption, what stands below it.
        self._below: list[str] = []
        self._chars = 0

    def take(self) -> list[Row]:
        """Return the actions that are whole."""
        done, self._done = self._done, []
        return done

    def end_row(self) -> None:
        """Count the action that is being read as whole."""
        if self._lines:
            # Labels are Products, Details where there are any, and Why is this here.
            details = self._below[1] if len(self._below) > 2 else ""
            self._done.append(_row(self._header.strip(), self._lines, details.strip()))
        self._cell, self._header, self._lines, self._below, self._chars = "", "", [], [], 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "div":
            classes = (given.get("class") or "").split()
            if _ROW in classes:
                self.end_row()
            elif "header-cell" in classes:
                self._cell = "header"
            elif "content-cell" in classes:
                is_body = "mdl-typography--body-1" in classes and "mdl-typography--text-right" not in classes
                is_caption = "mdl-typography--caption" in classes
                self._cell = "body" if is_body else "caption" if is_caption else ""
                if is_body:
                    self._lines.append([])
        elif tag == "a":
            self._link = given.get("href") or ""
        elif tag in ("br", "p") and self._cell == "body":
            self._lines.append([])
        elif tag == "b" and self._cell == "caption":
            self._below.append("")
            self._in_label = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = ""
        elif tag == "b":
            self._in_label = False

    def handle_data(self, data: str) -> None:
        self._chars += len(data)
        if self._chars > _MAX_ROW_CHARS:
            return
        if self._cell == "header":
            self._header += data
        elif self._cell == "body" and self._lines:
            self._lines[-1].append((data, self._link))
        elif self._cell == "caption" and self._below and not self._in_label:
            self._below[-1] += data

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)


def _row(header: str, lines: list[list[tuple[str, str]]], details: str) -> Row:
    written = ["".join(text for text, _ in line).replace("\xa0", " ").strip() for line in lines]
    is_moment = [len(text) <= _MAX_MOMENT_CHARS and _MOMENT.fullmatch(text) is not None for text in written]
    end = next((at for at in range(1, len(lines)) if is_moment[at]), len(lines) - 1)
    links = [(text.strip(), link) for line in lines[:end] for text, link in line if link and text.strip()]
    title, *others = [text for text in written[:end] if text] or [written[0]]
    named = [text for text, _ in links[1:2]]
    return {
        "header": header,
        "title": title if links else "\n".join([title, *others]),
        "titleUrl": links[0][1] if links else None,
        "linkText": links[0][0] if links else None,
        "subtitles": [{"name": text} for text in named],
        "time": written[end],
        "products": [header],
        "details": [{"name": details}] if details else [],
        "safeHtmlItem": [{}] if any(written[end + 1 :]) else [],
    }
