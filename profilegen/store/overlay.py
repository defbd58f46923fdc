"""Profiles and segments with reviewers' decisions applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from profilegen.records import Decision, Segment, UserProfile
from profilegen.store import decisions
from profilegen.store.decisions import Standing
from profilegen.store.ledger import ClaimVector, Ledger


def profile(ledger: Ledger, user_id: str) -> UserProfile | None:
    """Return a user's profile with reviewers' decisions applied, or None.

    :param ledger: of the store.
    :param user_id: any.
    """
    written = ledger.profile(user_id)
    return None if written is None else with_decisions(ledger, written)


def profiles(ledger: Ledger) -> Iterator[UserProfile]:
    """Yield every profile with reviewers' decisions applied, in order of user id.

    :param ledger: of the store.
    """
    decided = ledger.decided_users()
    for written in ledger.iter_profiles():
        yield with_decisions(ledger, written) if written.user_id in decided else written


def with_decisions(ledger: Ledger, written: UserProfile) -> UserProfile:
    """Return a profile with reviewers' decisions applied.

    :param ledger: of the store.
    :param written: as the machine wrote it.
    """
    found = ledger.decisions_of(written.user_id)
    if not found:
        return written
    documents = {document.id: document for document in ledger.user_documents(written.user_id)}
    return decisions.apply_decisions(written, found, documents)


def standings(ledger: Ledger, written: UserProfile) -> tuple[list[Standing], Sequence[Decision]]:
    """Return every claim of a profile with the decisions on it, and all decisions on its user.

    :param ledger: of the store.
    :param written: the profile as the machine wrote it.
    """
    found = ledger.decisions_of(written.user_id)
    documents = {document.id: document for document in ledger.user_documents(written.user_id)} if found else {}
    return decisions.standings(written, found, documents), found


def segment(ledger: Ledger, segment_id: str) -> Segment | None:
    """Return a segment with the name that a person gave it, or None.

    :param ledger: of the store.
    :param segment_id: its id.
    """
    found = ledger.segment(segment_id)
    return found and decisions.named([found], ledger.segment_names())[0]


def segments(ledger: Ledger) -> list[Segment]:
    """Return all segments with the names that persons gave them, the largest first.

    :param ledger: of the store.
    """
    return decisions.named(ledger.segments(), ledger.segment_names())


def refresh_claims(ledger: Ledger, embed: Callable[[Sequence[str]], NDArray[np.float32]]) -> None:
    """Store the vectors by which users with decisions are found, of the claims that persons left, changed and added.

    :param ledger: of the store.
    :param embed: called with the texts that have no vector yet; returns (n_texts, n_dims) float32, rows L2-normalised.
    """
    stale: dict[str, list[tuple[ClaimVector | None, ClaimVector]]] = {}
    for user_id in sorted(ledger.decided_users()):
        laid = profile(ledger, user_id)
        if laid is None:
            continue
        have = ledger.claims_of([user_id]).get(user_id, [])
        wanted = _without_vectors(laid)
        if [claim[:-1] for claim in have] != sorted(claim[:-1] for claim in wanted):
            by_text = {(claim.kind, claim.text): claim for claim in have}
            stale[user_id] = [(by_text.get((claim.kind, claim.text)), claim) for claim in wanted]
    missing = sorted({claim.text for rows in stale.values() for known, claim in rows if known is None})
    vectors = dict(zip(missing, embed(missing), strict=True)) if missing else {}
    for user_id, rows in stale.items():
        ledger.put_claims(
            user_id, [claim._replace(vector=known.vector if known else vectors[claim.text]) for known, claim in rows]
        )


def _without_vectors(laid: UserProfile) -> list[ClaimVector]:
    positions: dict[str, int] = {}
    found = []
    for kind, claim in laid.iter_claims():
        positions[kind] = positions.get(kind, -1) + 1
        found.append(ClaimVector(kind, positions[kind], claim.text, claim.support, np.zeros(0, np.float32)))
    return found
