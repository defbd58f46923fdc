"""Who needs a person first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from profilegen.store import decisions, overlay
from profilegen.store.ledger import Ledger

_FAILED_AT_MOST = 500


class Waiting(NamedTuple):
    """A user whose profile needs a person, and why."""

    user_id: str
    reason: str


def waiting(ledger: Ledger, limit: int, after: int = 0) -> list[Waiting]:
    """Return up to `limit` users past the first `after`, those who need a person most first.

    Flagged profiles come first, then failed ones, then those on which a person began or that changed since, then
    those with the least supported claim.
    """
    return list(islice(_in_order(ledger), after, after + limit))


def is_waiting(ledger: Ledger, user_id: str) -> bool:
    """Tell whether a profile has claims that nobody decided on, or a flag."""
    written = ledger.profile(user_id)
    if written is None:
        return False
    standings, said = overlay.standings(ledger, written)
    return decisions.flag_note(said) is not None or any(standing.decision is None for standing in standings)


def _in_order(ledger: Ledger) -> Iterator[Waiting]:
    given: set[str] = set()
    for item in _all(ledger):
        if item.user_id not in given:
            given.add(item.user_id)
            yield item


def _all(ledger: Ledger) -> Iterator[Waiting]:
    for user_id in ledger.flagged_users():
        yield Waiting(user_id, "flagged")
    for user_id in ledger.failed_users(_FAILED_AT_MOST):
        yield Waiting(user_id, "failed")
    build = ledger.last_build()
    for user_id in ledger.begun_users():
        if is_waiting(ledger, user_id):
            last = max(decision.at for decision in ledger.decisions_of(user_id))
            changed = build is not None and last < build.finished
            yield Waiting(user_id, "built again since a person looked" if changed else "begun")
    decided = ledger.decided_users()
    for user_id, support in ledger.iter_weakest():
        if user_id not in decided or is_waiting(ledger, user_id):
            yield Waiting(user_id, f"a claim with support {support:.2f}")
