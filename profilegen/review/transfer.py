"""Decisions written to a file and read from one, to take them to another copy of a store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from profilegen.errors import InputError
from profilegen.publish.export import export_text
from profilegen.records import Decision
from profilegen.store.forgetting import finish_if_cut_off
from profilegen.store.ledger import open_ledger

MAX_LINE_BYTES = 256 * 1024
"""A decision with a long user id and three quotes takes a few kilobytes."""
MAX_FILE_BYTES = 128 * 1024 * 1024
"""Some 100,000 decisions, all of which are in memory when they are checked."""

_MAX_MESSAGE_CHARS = 120


def export_decisions(directory: Path, output: Path) -> int:
    """Write every decision of a store as JSON Lines, in order of time.

    :param directory: the store.
    :param output: the file to write; `-` is standard output.
    :return: the number of decisions.
    :raises StoreError: there is no store.
    :raises UsageError: the file cannot be written.
    """
    with open_ledger(directory, read_only=True) as ledger:
        lines = [decision.model_dump_json() + "\n" for decision in ledger.iter_decisions()]
    export_text("".join(lines), None if str(output) == "-" else output)
    return len(lines)


def import_decisions(directory: Path, source: Path) -> str:
    """Add the decisions of a file that `export_decisions` wrote, all or none of them.

    Decisions on users and segments that the store does not have are left out.

    :param directory: the store.
    :param source: the file to read; `-` is standard input.
    :return: a line for the user: how many were imported, how many not, and why.
    :raises StoreError: there is no store, or it cannot be written to.
    :raises InputError: the file cannot be read or is too large, or a line is not a valid decision.
    """
    finish_if_cut_off(directory)
    with open_ledger(directory) as ledger:
        read = _read_decisions(source)
        known = {*ledger.user_hashes(), *ledger.segment_hashes()}
        wanted = [decision for decision in read if (decision.user_id or decision.segment) in known]
        new = ledger.import_decisions(wanted)
        for user_id in {decision.user_id for decision in wanted if decision.action == "rewrite"}:
            ledger.write_again(user_id)
    parts = [f"imported {new:,} of {len(read):,} decisions"]
    if len(wanted) > new:
        parts.append(f"{len(wanted) - new:,} were in the store already")
    if len(read) > len(wanted):
        parts.append(f"{len(read) - len(wanted):,} are on users or segments that are not in {directory}")
    return "; ".join(parts)


def _read_decisions(source: Path) -> list[Decision]:
    try:
        with nullcontext(sys.stdin.buffer) if str(source) == "-" else source.open("rb") as stream:
            return [_decision(line, f"{source}:{number}") for number, line in _lines(stream, source)]
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from None


def _lines(stream: BinaryIO, source: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not empty, with their numbers; never holds more than one of the longest in memory."""
    number = size = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        size += len(line)
        if len(line) > MAX_LINE_BYTES:
            raise _refused(f"{source}:{number}", f"the line is longer than {MAX_LINE_BYTES:,} bytes")
        if size > MAX_FILE_BYTES:
            raise _refused(str(source), f"the file is larger than {MAX_FILE_BYTES:,} bytes; divide it by lines")
        if not line.isspace():
            yield number, line


def _decision(line: bytes, place: str) -> Decision:
    try:
        return Decision.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = _shorten(".".join(str(part) for part in first["loc"]))
        message = _shorten(first["msg"].removeprefix("Value error, "))
        raise _refused(place, f"not a decision: {f'{field}: ' if field else ''}{message}") from None


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE_CHARS else f"{text[:_MAX_MESSAGE_CHARS]}…"


def _refused(place: str, reason: str) -> InputError:
    return InputError(f"{place}: {reason}. Nothing was imported.")
