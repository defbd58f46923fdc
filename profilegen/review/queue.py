"""The order in which profiles need a reviewer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from profilegen.store import decisions, overlay
from profilegen.store.ledger import Ledger

_MAX_FAILED = 500


class QueueItem(NamedTuple):
    """A user whose profile needs a reviewer, and the reason as words for a person."""

    user_id: str
    reason: str


def queue_page(ledger: Ledger, limit: int, offset: int = 0) -> list[QueueItem]:
    """Return a part of the queue, the profiles that need a reviewer most first.

    Flagged profiles come first, then failed ones, then those that were reviewed in part or have changed since their
    review, then those with the least supported claim.

    :param ledger: to read from.
    :param limit: the most users to return.
    :param offset: how many to skip.
    """
    return list(islice(_unique(_candidates(ledger)), offset, offset + limit))


def needs_review(ledger: Ledger, user_id: str) -> bool:
    """Return whether a profile has a flag, or a claim without a decision.

    :param ledger: to read from.
    :param user_id: whose profile; a user without one needs no review.
    """
    written = ledger.profile(user_id)
    if written is None:
        return False
    standings, made = overlay.standings(ledger, written)
    return decisions.flag_note(made) is not None or any(standing.decision is None for standing in standings)


def _unique(items: Iterator[QueueItem]) -> Iterator[QueueItem]:
    seen: set[str] = set()
    for item in items:
        if item.user_id not in seen:
            seen.add(item.user_id)
            yield item


def _candidates(ledger: Ledger) -> Iterator[QueueItem]:
    for user_id in ledger.flagged_users():
        yield QueueItem(user_id, "flagged")
    for user_id in ledger.failed_users(_MAX_FAILED):
        yield QueueItem(user_id, "failed")
    build = ledger.last_build()
    for user_id in ledger.partly_reviewed_users():
        if needs_review(ledger, user_id):
            last = max(decision.at for decision in ledger.decisions_of(user_id))
            rebuilt = build is not None and last < build.finished
            yield QueueItem(user_id, "built again since its review" if rebuilt else "reviewed in part")
    decided = ledger.decided_users()
    for user_id, support in ledger.iter_by_support():
        if user_id not in decided or needs_review(ledger, user_id):
            yield QueueItem(user_id, f"a claim with support {support:.2f}")
