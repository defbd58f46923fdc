"""What the ledger holds as persons want it read: their decisions laid over what the machine wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from profilegen.records import Decision, Segment, UserProfile
from profilegen.store import decisions
from profilegen.store.decisions import Standing
from profilegen.store.ledger import ClaimVector, Ledger


def profile(ledger: Ledger, user_id: str) -> UserProfile | None:
    """Return a user's profile, or None."""
    written = ledger.profile(user_id)
    return None if written is None else laid_over(ledger, written)


def profiles(ledger: Ledger) -> Iterator[UserProfile]:
    """Give every profile, in order of user id."""
    decided = ledger.decided_users()
    for written in ledger.iter_profiles():
        yield laid_over(ledger, written) if written.user_id in decided else written


def laid_over(ledger: Ledger, written: UserProfile) -> UserProfile:
    """Return a profile that the machine wrote with the decisions on it."""
    said = ledger.decisions_of(written.user_id)
    if not said:
        return written
    documents = {document.id: document for document in ledger.user_documents(written.user_id)}
    return decisions.lay_over(written, said, documents)


def standings(ledger: Ledger, written: UserProfile) -> tuple[list[Standing], Sequence[Decision]]:
    """Return how every claim of a profile that the machine wrote stands, and the decisions on it."""
    said = ledger.decisions_of(written.user_id)
    documents = {document.id: document for document in ledger.user_documents(written.user_id)} if said else {}
    return decisions.standings(written, said, documents), said


def segment(ledger: Ledger, segment_id: str) -> Segment | None:
    """Return a segment by its id, with the name that a person gave it, or None."""
    found = ledger.segment(segment_id)
    return found and decisions.named([found], ledger.segment_names())[0]


def segments(ledger: Ledger) -> list[Segment]:
    """Return all segments with the names that persons gave them, the largest first."""
    return decisions.named(ledger.segments(), ledger.segment_names())


def refresh_claims(ledger: Ledger, embed: Callable[[Sequence[str]], NDArray[np.float32]]) -> None:
    """Have users found by the claims that persons left, changed and added; embeds only what has no vector yet."""
    stale: dict[str, list[tuple[ClaimVector | None, ClaimVector]]] = {}
    for user_id in sorted(ledger.decided_users()):
        laid = profile(ledger, user_id)
        if laid is None:
            continue
        have = ledger.claims_of([user_id]).get(user_id, [])
        wanted = _unembedded(laid)
        if [claim[:-1] for claim in have] != sorted(claim[:-1] for claim in wanted):
            by_text = {(claim.kind, claim.text): claim for claim in have}
            stale[user_id] = [(by_text.get((claim.kind, claim.text)), claim) for claim in wanted]
    missing = sorted({claim.text for rows in stale.values() for known, claim in rows if known is None})
    vectors = dict(zip(missing, embed(missing), strict=True)) if missing else {}
    for user_id, rows in stale.items():
        ledger.put_claims(
            user_id, [claim._replace(vector=known.vector if known else vectors[claim.text]) for known, claim in rows]
        )


def _unembedded(laid: UserProfile) -> list[ClaimVector]:
    positions: dict[str, int] = {}
    found = []
    for kind, claim in laid.iter_claims():
        positions[kind] = positions.get(kind, -1) + 1
        found.append(ClaimVector(kind, positions[kind], claim.text, claim.support, np.zeros(0, np.float32)))
    return found
