"""Selections of users: by a question, by conditions, by a line drawn on the map, or from a saved list."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import ValidationError

from profilegen.errors import UsageError
from profilegen.publish.map import Map, inside
from profilegen.records import UserProfile
from profilegen.review.session import Session
from profilegen.store import overlay
from profilegen.store.ledger import Filters, Ledger

MAX_USERS = 100_000
"""The most users of a list that is saved or exported."""

# A question selects this many users, before the conditions leave some of them out.
_SEARCHED_USERS = 500


class Selection(NamedTuple):
    """What to select users by; empty parts select everybody.

    `query` is a question in plain words, `polygon` a line on the map as `x,y,x,y,…`, `audience` the name of a saved
    list. `parameters` are those of an address that stand for the same.
    """

    query: str
    polygon: str
    audience: str
    filters: Filters
    parameters: dict[str, str]

    def describe(self) -> str:
        """Return the selection as a line for a person."""
        parts = [f"“{self.query}”"] if self.query else []
        parts += ["a line on the map"] if self.polygon else []
        parts += [f"the list {self.audience}"] if self.audience else []
        parts += [f"{name} {value}" for name, value in self.filters.model_dump(mode="json", exclude_none=True).items()]
        return ", ".join(parts) or "everybody"


class Match(NamedTuple):
    """A selected user; `why` says why the question selected the user, empty without a question."""

    profile: UserProfile
    why: str


def parse_selection(parameters: Mapping[str, str]) -> Selection:
    """Read a selection from the parameters of an address; unknown ones are ignored.

    :param parameters: `q`, `polygon`, `audience` and the fields of `Filters`, as text.
    :raises UsageError: a value is no number, no date, or out of range.
    """
    given = {name: value.strip() for name, value in parameters.items() if name in _PARAMETERS and value.strip()}
    try:
        filters = Filters.model_validate({name: given[name] for name in Filters.model_fields if name in given})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        value = reprlib.repr(given[name])
        raise UsageError(f"{name.replace('_', ' ')} cannot be {value}: {first['msg']}") from None
    return Selection(given.get("q", ""), given.get("polygon", ""), given.get("audience", ""), filters, given)


def select_users(session: Session, ledger: Ledger, selection: Selection, offset: int, limit: int) -> list[Match]:
    """Return selected users, the best match first where there is a question, else in order of id.

    :param session: to search with.
    :param ledger: to read profiles and lists from.
    :param selection: what to select by.
    :param offset: how many users to skip.
    :param limit: the most users to return.
    :raises UsageError: the line on the map is no polygon, or there is no such segment.
    """
    if selection.query:
        conditions = {"segment": selection.filters.segment, "language": selection.filters.language}
        why = {found.user_id: found.why for found in session.search(selection.query, _SEARCHED_USERS, **conditions)}
        by_id = [selection.query] if selection.query not in why and ledger.profile(selection.query) else []
        user_ids = _narrow(session, ledger, selection, by_id + list(why))
        return _matches(ledger, user_ids[offset : offset + limit], why)
    if selection.polygon or selection.audience:
        return _matches(ledger, _narrow(session, ledger, selection, None)[offset : offset + limit], {})
    return _matches(ledger, ledger.find_users(selection.filters, offset, limit), {})


def _narrow(session: Session, ledger: Ledger, selection: Selection, user_ids: list[str] | None) -> list[str]:
    """Return those of the users (None: all) who are inside the line, on the saved list and meet the conditions."""
    parts = []
    if selection.polygon:
        parts.append(_inside(session.snapshot(ledger).map, selection.polygon))
    if selection.audience:
        parts.append(ledger.audience_users(selection.audience))
    for part in parts:
        wanted = set(part)
        user_ids = part if user_ids is None else [user_id for user_id in user_ids if user_id in wanted]
    return ledger.filter_users(user_ids or [], selection.filters)


def _inside(map_: Map | None, polygon: str) -> list[str]:
    return [map_.user_ids[row] for row in inside(map_.places, polygon)] if map_ else []


def _matches(ledger: Ledger, user_ids: list[str], why: Mapping[str, str]) -> list[Match]:
    profiles = ((user_id, overlay.profile(ledger, user_id)) for user_id in user_ids)
    return [Match(profile, why.get(user_id, "")) for user_id, profile in profiles if profile is not None]


_PARAMETERS = {"q", "polygon", "audience", *Filters.model_fields}
