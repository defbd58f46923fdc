"""A profile as it was on a day of the past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from profilegen.claims.support import support
from profilegen.profiles.behaviour import behaviour
from profilegen.records import Claim, Document, UserProfile


def profile_on(profile: UserProfile, day: date, documents: Sequence[Document]) -> UserProfile:
    """Return the claims that held on a day, by the days of their evidence and of what ended them.

    A claim held from the first document that shows it until later words ended it. Its quotes are those written by that
    day, and its support is theirs. Claims without a date are left out, and so are the summary, whose sentences may
    tell later claims, the trend and the segment.

    :param profile: of the user, as it is now.
    :param day: the day, which counts in.
    :param documents: of the user.
    """
    written = {each.id: each.timestamp.date() for each in documents if each.timestamp}
    then = day.isoformat()
    claims: dict[str, list[Claim]] = {kind: [] for kind in profile.claims}
    past = [each for each in profile.past_claims if each.ended <= then]
    held = [*profile.iter_claims(), *((each.kind, each.claim) for each in profile.past_claims if each.ended > then)]
    for kind, claim in held:
        if claim.first and claim.first <= then:
            claims.setdefault(kind, []).append(_claim_on(claim, then, written))
    by_then = [each for each in documents if each.id in written and written[each.id] <= day]
    has_claims = any(claims.values())
    return profile.with_claims(
        {kind: sorted(of_kind, key=lambda claim: -claim.support) for kind, of_kind in claims.items()},
        past_claims=tuple(past),
        behaviour=behaviour(by_then),
        status="ok" if has_claims else "insufficient",
        reason=None if has_claims else f"no claim rests on what was written by {then}",
        summary="",
        sentences=(),
        segment=None,
        segment_confidence=None,
        segment_assigned=False,
        near_segments=(),
        built_with=profile.built_with.model_copy(update={"summary": "none"}),
    )


def _claim_on(claim: Claim, then: str, written: dict[str, date]) -> Claim:
    quotes = [each for each in claim.evidence if each.document in written]
    quotes = [each for each in quotes if written[each.document].isoformat() <= then]
    if not quotes:  # A claim keeps its best quotes; those of that time may not be among them.
        return claim.model_copy(update={"evidence": (), "last": claim.first, "trend": None})
    verdicts = [each.verdict for each in quotes if each.verdict is not None]
    whole = len(quotes) == len(claim.evidence)
    return claim.model_copy(
        update={
            "evidence": tuple(quotes),
            "support": claim.support if whole or not verdicts else min(claim.support, support(verdicts)),
            "last": claim.last if (claim.last or "") <= then else max(written[e.document] for e in quotes).isoformat(),
            "trend": None,
        }
    )
