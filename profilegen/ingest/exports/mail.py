"""Mail (mbox): a mailbox of one person with the letters of many, or the archive of a list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parseaddr

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader
from profilegen.ingest.exports.nested import as_text

_COLUMNS = frozenset({"from", "to", "date", "subject", "text", "message-id"})
_BY_PROGRAMS = Passed("written by a program")
_FROM_LIST = Passed("from a mailing list")
# Boxes that programs write from, as their part before the @ says.
_PROGRAM = re.compile(r"(?:no|do[-_.]?not)[-_.]?reply\b.*|mailer-daemon|postmaster|bounces?\b.*|notifications?")
_BULK = ("bulk", "junk", "auto_reply", "auto-reply")
# `Re: `, `AW: `, `SV[2]: `, `回复：`: an answer, whose subject somebody else wrote.
_ANSWER = re.compile(r"\s*\w{2,4}\s?(?:\[\d+\])?[:：]\s")
# Where the mail that is answered begins: a rule, and then its From, Sent, To and Subject in any language.
_RULE = re.compile(r"\s*[-_]{5,}.*|\s*-{2,}\s*[^-]+-{2,}\s*")
_HEADER = re.compile(r"\s*\*?[\w .-]{2,20}\*?\s?[:：]\*?\s.*\S.*")
_MAX_LISTS = 3
_MAX_ATTRIBUTION_CHARS = 200


def _is_mail(look: Look) -> bool:
    return set(look.columns) >= _COLUMNS


def _reader(look: Look) -> Reader:
    lists = {as_text(row.get("list-id")) for row in look.rows}
    is_archive_of_list = "" not in lists and len(lists) <= _MAX_LISTS and len(look.rows) > _MAX_LISTS

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        address = parseaddr(_decoded(row.get("from")))[1].casefold()
        list_name = _list_name(row)
        if _is_by_program(address, row):
            yield _BY_PROGRAMS
        elif list_name and not is_archive_of_list:
            yield _FROM_LIST
        else:
            subject = _decoded(row.get("subject"))
            is_answer = bool(row.get("in-reply-to")) or _ANSWER.match(subject)
            yield {
                "user_id": address,
                "text": own_words(as_text(row.get("text"))),
                "title": None if is_answer else subject,
                "timestamp": row.get("date"),
                "channel": list_name or None,
            }

    return read


def _is_by_program(address: str, row: Mapping[str, object]) -> bool:
    submitted = as_text(row.get("auto-submitted")).strip().casefold()
    precedence = as_text(row.get("precedence")).strip().casefold()
    by_program = _PROGRAM.fullmatch(address.partition("@")[0]) is not None
    return submitted not in ("", "no") or precedence in _BULK or by_program


def _list_name(row: Mapping[str, object]) -> str:
    """Return the name of the list, `python-ideas.python.org`, without what describes it."""
    written = _decoded(row.get("list-id"))
    inside = re.search(r"<([^<>]*)>", written)
    return (inside[1] if inside else written).strip()


def _decoded(value: object) -> str:
    """Return a header as people read it; it may still be written as `=?utf-8?B?...?=`."""
    written = as_text(value)
    if "=?" not in written:
        return written
    try:
        return str(make_header(decode_header(written)))
    except (HeaderParseError, LookupError, ValueError):
        return written


def own_words(text: str) -> str:
    """Return what the person wrote of a mail: without lines of the mail that is answered, and without the signature.

    :param text: the plain text of a mail.
    """
    lines = text.splitlines()
    own: list[str] = []
    before_quote = False
    for at, line in enumerate(lines):
        if line == "-- " or (line == "--" and len(lines) - at < 12) or _begins_answered(lines, at):
            break
        if not line.lstrip().startswith(">"):
            own.append(line)
            before_quote = before_quote or bool(line.strip())
        elif before_quote:
            _drop_attribution(own)
            before_quote = False
    return "\n".join(own).strip()


def _begins_answered(lines: list[str], at: int) -> bool:
    if not _RULE.fullmatch(lines[at]):
        return False
    following = [line for line in lines[at + 1 : at + 6] if line.strip()][:3]
    return len(following) == 3 and all(map(_HEADER.fullmatch, following))


def _drop_attribution(own: list[str]) -> None:
    """Remove `On Monday, Ana wrote:` before a quote: the last line, or the last two, that end with a colon."""
    at = len(own)
    while at and not own[at - 1].strip():
        at -= 1
    if not at or not own[at - 1].rstrip().endswith((":", "：")) or len(own[at - 1]) > _MAX_ATTRIBUTION_CHARS:
        return
    # One that takes two lines has the date of the mail in the first and the address in the second.
    is_broken = at > 1 and len(own[at - 2]) <= _MAX_ATTRIBUTION_CHARS and re.search(r"\d{4}|@", own[at - 2])
    del own[at - 2 if is_broken else at - 1 :]


EXPORTS = (
    Export(
        "mail",
        "Mail",
        {"user_id": "from", "text": "text", "title": "subject", "timestamp": "date", "channel": "list-id"},
        _is_mail,
        _reader,
    ),
)
