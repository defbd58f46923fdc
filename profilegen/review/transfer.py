"""Decisions to a file and from one, so that they can go to another copy of a store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

from profilegen.errors import InputError
from profilegen.publish.export import export_text
from profilegen.store.decisions import Decision
from profilegen.store.ledger import Ledger, open_ledger


def export_decisions(directory: Path, output: Path) -> int:
    """Write every decision of a store, one a line, in order of time; returns how many.

    :raises UsageError: the file cannot be written.
    """
    with open_ledger(directory, read_only=True) as ledger:
        lines = [decision.model_dump_json() + "\n" for decision in ledger.iter_decisions()]
    export_text("".join(lines), None if str(output) == "-" else output)
    return len(lines)


def import_decisions(directory: Path, source: Path) -> str:
    """Take in decisions, all or none; returns in words what became of them.

    Decisions on users and segments that the store does not have are left out.

    :raises InputError: the file cannot be read, or a line is no decision.
    """
    with open_ledger(directory) as ledger:
        read = list(_read(source))
        known = _known(ledger)
        wanted = [decision for decision in read if (decision.user_id or decision.segment) in known]
        new = ledger.import_decisions(wanted)
        for user_id in {decision.user_id for decision in wanted if decision.action == "rewrite"}:
            ledger.write_again(user_id)
    parts = [f"took in {new:,} of {len(read):,} decisions"]
    if len(wanted) > new:
        parts.append(f"{len(wanted) - new:,} were here already")
    if len(read) > len(wanted):
        parts.append(f"{len(read) - len(wanted):,} are on users or segments that are not in {directory}")
    return "; ".join(parts)


def _known(ledger: Ledger) -> set[str]:
    return {*ledger.user_hashes(), *ledger.segment_hashes()}


def _read(source: Path) -> Iterator[Decision]:
    try:
        with nullcontext(sys.stdin) if str(source) == "-" else source.open(encoding="utf-8") as stream:
            yield from _decisions(stream, source)
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{source} is not UTF-8; write it with `profilegen review --export`") from None


def _decisions(stream: TextIO, source: Path) -> Iterator[Decision]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            yield Decision.model_validate_json(line)
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(str(part) for part in wrong["loc"])
            raise InputError(
                f"{source}:{number}: no decision: {where + ': ' if where else ''}{wrong['msg']}; nothing was taken in"
            ) from None
