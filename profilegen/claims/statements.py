"""Statements and claims about who made them, and how well a verifier tells which claims hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints, ValidationError

from profilegen.backends import Verdict
from profilegen.errors import InputError
from profilegen.records import Record

_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100_000)]


class Statement(Record):
    """A text, a claim about who wrote it, and where somebody knows, whether the text shows it.

    `item` is what the text is about, `rating` its stars of five. Other fields are ignored.
    """

    text: _Words
    claim: _Words
    item: str | None = None
    rating: float | None = Field(default=None, ge=0, le=5)
    holds: bool | None = None


class GateFigures(NamedTuple):
    """How a verifier did on claims of which it is known whether they hold.

    `precision` is the share of true ones among those that it took for shown, `recall` the share of the true ones that
    it took for shown, `false_shown` the share of the false ones. A share of nothing is None.
    """

    n: int
    right: float
    precision: float | None
    recall: float | None
    false_shown: float | None


def read_statements(lines: Iterable[bytes], name: str) -> Iterator[Statement]:
    """Give the statements of a JSON Lines file; empty lines are passed over.

    :param lines: of the file.
    :param name: of the file, for messages.
    :raises InputError: a line is no statement; the message names it.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise InputError(f"{name}:{number}: a line is an object with text and claim")
            yield Statement.model_validate({key: row[key] for key in Statement.model_fields if key in row})
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"]))
            raise InputError(f"{name}:{number}: {where}: {fault['msg']}") from None
        except (ValueError, RecursionError):
            raise InputError(f"{name}:{number}: not JSON in UTF-8") from None


def gate_figures(statements: Sequence[Statement], verdicts: Sequence[Verdict]) -> GateFigures | None:
    """Return figures over the statements whose `holds` is known, None where there is no such statement.

    :param statements: what was verified.
    :param verdicts: one for each statement.
    """
    known = [
        (statement.holds, verdict.label == "shown")
        for statement, verdict in zip(statements, verdicts, strict=True)
        if statement.holds is not None
    ]
    if not known:
        return None
    return GateFigures(
        n=len(known),
        right=_share([holds == shown for holds, shown in known]) or 0.0,
        precision=_share([holds for holds, shown in known if shown]),
        recall=_share([shown for holds, shown in known if holds]),
        false_shown=_share([shown for holds, shown in known if not holds]),
    )


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
