"""Mail as a table: mbox files, and single messages (.eml)."""

from __future__ import annotations

import email
import email.header
import email.utils
import re
from collections.abc import Iterator
from email.message import Message
from itertools import count
from typing import BinaryIO, cast

from profilegen.ingest.encodings import decode
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import MAX_RECORD_BYTES, READ_BYTES, Row, Table

COLUMNS = (
    "from",
    "from-name",
    "to",
    "date",
    "subject",
    "text",
    "message-id",
    "in-reply-to",
    "list-id",
    "auto-submitted",
    "precedence",
)

# Of a longer message the beginning is read, in which its text stands; the rest is attached files.
_MAX_MESSAGE_BYTES = MAX_RECORD_BYTES // 4
# `From ana@example.org Thu Jan 11 09:26:00 2024`, before each message.
_FROM = re.compile(rb"From \S.*\d\d:\d\d.*\d{4}|From \S.*\d{4}.*\d\d:\d\d")
_HEADER = re.compile(rb"^[A-Za-z][\w-]*:[ \t]", re.MULTILINE)
_MAIL_HEADER = re.compile(
    rb"^(?:From|Received|Return-Path|Message-ID|Date|Delivered-To|MIME-Version):[ \t]", re.I | re.M
)


def _open(file: OpenFile) -> Table:
    return Table(COLUMNS, "record", _rows(file.stream))


def _matches(head: bytes) -> bool:
    return _FROM.match(head) is not None and _HEADER.search(head) is not None


def _is_message(head: bytes) -> bool:
    """Tell whether a file begins with the headers of a message."""
    headers = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    return _HEADER.match(headers) is not None and len(set(_MAIL_HEADER.findall(headers))) >= 3


FORMATS = (
    Format("mbox", (".mbox", ".mbx"), _open, matches=_matches, is_binary=True),
    Format("mail", (".eml",), _open, matches=_is_message, is_binary=True),
)


def _rows(stream: BinaryIO) -> Iterator[tuple[int, Row]]:
    for number, message in zip(count(1), _messages(stream), strict=False):
        yield number, _row(email.message_from_bytes(message))


def _messages(stream: BinaryIO) -> Iterator[bytes]:
    """Yield messages one by one, each up to a length."""
    lines: list[bytes] = []
    size = 0
    is_after_blank = True
    while line := stream.readline(READ_BYTES):
        if is_after_blank and line.startswith(b"From ") and _FROM.match(line):
            if any(lines):
                yield b"".join(lines)
            lines, size = [], 0
            continue
        is_after_blank = not line.strip()
        size += len(line)
        if size <= _MAX_MESSAGE_BYTES:
            # A line of a text that begins like one between messages has been marked.
            lines.append(line[1:] if line.startswith(b">From ") else line)
    if any(line.strip() for line in lines):
        yield b"".join(lines)


def _row(message: Message) -> dict[str, object]:
    sender = _header(message, "from")
    name, address = email.utils.parseaddr(sender)
    return {
        "from": address if "@" in address else sender,
        "from-name": name,
        "to": _header(message, "to"),
        "date": _date(_header(message, "date")),
        "subject": _header(message, "subject"),
        "text": _without_quotes(_text(message)),
        "message-id": _header(message, "message-id"),
        "in-reply-to": _header(message, "in-reply-to"),
        "list-id": _header(message, "list-id"),
        "auto-submitted": _header(message, "auto-submitted"),
        "precedence": _header(message, "precedence"),
    }


def _header(message: Message, name: str) -> str:
    try:
        parts = email.header.decode_header(message.get(name, ""))
        value = "".join(decode(part, charset) if isinstance(part, bytes) else part for part, charset in parts)
    except (ValueError, LookupError, email.errors.HeaderParseError):
        value = ""
    return " ".join(value.encode(errors="replace").decode().split())


def _date(value: str) -> object:
    try:
        moment = email.utils.parsedate_to_datetime(value)
        return moment if moment.tzinfo else value  # with a zone that mail does not know, or with none
    except (ValueError, TypeError, IndexError, OverflowError):
        return value


def _text(message: Message) -> str:
    """Return the text of a message: its first part of plain text, else of HTML, no attached file."""
    found: dict[str, str] = {}
    for part in message.walk():
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and kind not in found and part.get_content_disposition() != "attachment":
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                found[kind] = decode(payload, cast("str | None", part.get_param("charset")))
    return found.get("text/plain", "").strip() or found.get("text/html", "")


# Lines that the person who answers did not write: what it answers to, with the line before it.
_QUOTED = re.compile(r"^[ \t]*>.*$\n?", re.MULTILINE)
_INTRODUCTION = re.compile(
    r"^(?:On|Am|Le|El|Il|Em|Op|Den|Dnia|W dniu|在|于)\b[^\n]{0,200}(?:\n[^\n]{0,100})?[:：][ \t]*\n(?=\s*>)",
    re.MULTILINE,
)
_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
_ORIGINAL = re.compile(
    r"^(?:-{3,} ?(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Message d'origine|原始邮件) ?-{3,}"
    r"|_{20,}$)",
    re.MULTILINE | re.IGNORECASE,
)


def _without_quotes(text: str) -> str:
    text = text.replace("\r\n", "\n")
    for end in (_SIGNATURE, _ORIGINAL):
        if found := end.search(text):
            text = text[: found.start()]
    return re.sub(r"\n{3,}", "\n\n", _QUOTED.sub("", _INTRODUCTION.sub("", text))).strip()
