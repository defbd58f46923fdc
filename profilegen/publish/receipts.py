"""Receipts of what was forgotten, as text for a terminal or a page."""

from __future__ import annotations

from collections.abc import Iterator

from profilegen.language.cleaning import printable
from profilegen.publish.files import counted
from profilegen.records.forgetting import ForgetReceipt, TraceReport
from profilegen.store.word_runs import CHARACTERS, WORDS

_MAX_FILES = 20


def receipt_lines(receipt: ForgetReceipt) -> Iterator[str]:
    """Yield the lines of a receipt: who, when, how much of what was removed, what was proved, and what is not done.

    :param receipt: of what was forgotten.
    """
    yield f"forgot {counted(len(receipt.users), 'user')} at {receipt.at:%Y-%m-%d %H:%M:%S} UTC"
    yield from (f"  {printable(user)}" for user in receipt.users)
    yield "removed" if receipt.removed else "removed nothing: nothing was left"
    yield from (f"  {kind}: {count:,}" for kind, count in receipt.removed.items())
    if receipt.segments_written:
        yield f"described {counted(receipt.segments_written, 'segment')} again without them"
    if receipt.segments_bare:
        bare = counted(receipt.segments_bare, "segment")
        yield f"{bare} without a description: no model could be opened, so the next build describes them"
    yield from trace_lines(receipt.traces)
    yield from (f"not done: {printable(each)}" for each in receipt.pending)


def trace_lines(found: TraceReport) -> Iterator[str]:
    """Yield the lines of a search for users: what was looked for, where, and what was found.

    :param found: the result.
    """
    texts = (
        f" and for any of {found.runs:,} runs of {WORDS} words ({CHARACTERS} characters without spaces) "
        f"of {counted(found.documents, 'document')}"
        if found.documents
        else "; the store has no texts of theirs to look for: --check finds those of a file (--texts FILE)"
    )
    yield (
        f"looked in {counted(found.files, 'file')}, {counted(found.size, 'byte')}, "
        f"for the id of {counted(len(found.users), 'user')}{texts}"
    )
    if found.shared_runs:
        yield f"  left out: {found.shared_runs:,} runs that texts of other users have too"
    for user in found.in_fields_only:
        yield f"  {printable(user)!r} is short or stands in what remains: looked for as a whole value"
    if not found.found:
        yield "found no trace"
    for each in found.found[:_MAX_FILES]:
        yield f"found in {printable(each.file)}: {counted(each.ids, 'id')}, {each.runs:,} runs"
    if len(found.found) > _MAX_FILES:
        yield f"and in {counted(len(found.found) - _MAX_FILES, 'more file')}"
