"""Lists of users as a person asks for them: by a question, by conditions, by a line on the map, or saved."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import ValidationError

from profilegen.errors import UsageError
from profilegen.publish.map import inside
from profilegen.records import UserProfile
from profilegen.review.session import Session
from profilegen.store.ledger import Filters

# A question looks at this many users before the conditions leave some out.
_ASKED = 500
LIST_LIMIT = 100_000


class Asked(NamedTuple):
    """What a person asks for: users who fit a question, stand inside a line on the map, and meet conditions."""

    query: str
    polygon: str
    audience: str
    filters: Filters
    given: dict[str, str]
    """The parameters of the address that say the same."""

    def in_words(self) -> str:
        """Return it as a line for a person."""
        parts = [f"“{self.query}”"] if self.query else []
        parts += ["a line on the map"] if self.polygon else []
        parts += [f"the list {self.audience}"] if self.audience else []
        parts += [f"{name} {value}" for name, value in self.filters.model_dump(mode="json", exclude_none=True).items()]
        return ", ".join(parts) or "everybody"


class Hit(NamedTuple):
    """A user of a list; `why` is a line for a person, empty where there was no question."""

    profile: UserProfile
    why: str


def asked(parameters: Mapping[str, str]) -> Asked:
    """Read what is asked for from the parameters of an address.

    :raises UsageError: a number or a day that is none.
    """
    given = {name: value.strip() for name, value in parameters.items() if name in _PARAMETERS and value.strip()}
    try:
        filters = Filters.model_validate({name: given[name] for name in Filters.model_fields if name in given})
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0])
        raise UsageError(f"{name.replace('_', ' ')} cannot be {reprlib.repr(given[name])}: {wrong['msg']}") from None
    return Asked(given.get("q", ""), given.get("polygon", ""), given.get("audience", ""), filters, given)


def found(session: Session, what: Asked, offset: int, limit: int) -> list[Hit]:
    """Return the users of a list, the best first where there was a question, else in order of id."""
    if what.query:
        hits = session.search(what.query, _ASKED, segment=what.filters.segment, language=what.filters.language)
        why = {hit.user_id: hit.why for hit in hits}
        named = [what.query] if what.query not in why and session.read.profile(what.query) else []
        ids = _narrowed(session, what, named + list(why))
        return _profiles(session, ids[offset : offset + limit], why)
    if what.polygon or what.audience:
        return _profiles(session, _narrowed(session, what, None)[offset : offset + limit], {})
    return _profiles(session, session.read.find_users(what.filters, offset, limit), {})


def _narrowed(session: Session, what: Asked, ids: list[str] | None) -> list[str]:
    """Return those of the users who stand inside the line, are in the saved list and meet the conditions."""
    for others in (_inside(session, what.polygon), _saved(session, what.audience)):
        if others is not None:
            wanted = set(others)
            ids = others if ids is None else [user_id for user_id in ids if user_id in wanted]
    return session.read.which_meet(ids or [], what.filters)


def _inside(session: Session, polygon: str) -> list[str] | None:
    drawn = session.facts().map
    if not polygon or drawn is None:
        return [] if polygon else None
    return [drawn.user_ids[row] for row in inside(drawn.places, polygon)]


def _saved(session: Session, audience: str) -> list[str] | None:
    return session.read.audience_users(audience) if audience else None


def _profiles(session: Session, user_ids: list[str], why: Mapping[str, str]) -> list[Hit]:
    profiles = ((user_id, session.store.user(user_id)) for user_id in user_ids)
    return [Hit(profile, why.get(user_id, "")) for user_id, profile in profiles if profile is not None]


_PARAMETERS = {"q", "polygon", "audience", *Filters.model_fields}
