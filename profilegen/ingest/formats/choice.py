"""Which table of several in a file is read: the one with users and texts, or the one that a person names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from profilegen.errors import InputError
from profilegen.ingest.roles import choose_fields, join_names
from profilegen.language.cleaning import printable

# Of several tables that fit, one is taken without a question if it has this many times the rows of the next one.
_CLEAR = 2
_TEXTS = ("text", "title", "item_title")
_FITS = 3


class Candidate(NamedTuple):
    """A table in a file.

    :param name: its name.
    :param columns: the names of its columns.
    :param rows: how many it has.
    :param sample: some of them.
    """

    name: str
    columns: tuple[str, ...]
    rows: int
    sample: Sequence[Mapping[str, object]]


def choose(candidates: Sequence[Candidate], part: str, kind: str) -> Candidate:
    """Return the table that is read.

    :param candidates: the tables that have rows.
    :param part: the name of the one that a person wants, "" where nothing was said.
    :param kind: what such a table is called: `sheet`.
    :raises InputError: there is none, none of that name, or several that fit as well.
    """
    if not candidates:
        raise InputError(f"no {kind} in it has rows")
    if part:
        named = next((each for each in candidates if each.name == part), None)
        if named is None:
            names = join_names([each.name for each in candidates])
            raise InputError(f"no {kind} {printable(part)} with rows; there are {names}")
        return named
    fits = {each.name: _fit(each) for each in candidates}
    best = max(fits.values())
    fitting = sorted((each for each in candidates if fits[each.name] == best), key=lambda each: -each.rows)
    rivals = [each for each in fitting[1:] if each.columns != fitting[0].columns]
    if best == _FITS and rivals and fitting[0].rows < _CLEAR * rivals[0].rows:
        names = join_names([each.name for each in fitting])
        raise InputError(f"several {kind}s hold texts of users: {names}; say which it is with FILE::{kind.upper()}")
    return fitting[0]


def _fit(table: Candidate) -> int:
    """Return how well a table fits: texts count for more than users."""
    fields = choose_fields(table.columns, table.sample).fields
    return 2 * (not fields.keys().isdisjoint(_TEXTS)) + ("user_id" in fields)
