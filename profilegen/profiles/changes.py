"""What changed between two states of the claims of a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from profilegen.language.cleaning import fold
from profilegen.language.words import content_stems
from profilegen.records import NEGATIVE_STANCES, UserProfile
from profilegen.records.history import ClaimChange, ClaimState

_NOTABLE_SUPPORT = 0.1


def claim_states(profile: UserProfile) -> tuple[ClaimState, ...]:
    """Return the states of the claims of a profile.

    :param profile: as the machine wrote it.
    """
    return tuple(ClaimState.of(kind, claim) for kind, claim in profile.iter_claims())


def claim_changes(
    before: Sequence[ClaimState],
    after: Sequence[ClaimState],
    language: str = "und",
    ended: Mapping[tuple[str, str, str], str] | None = None,
) -> tuple[ClaimChange, ...]:
    """Return what became of claims: first those that came, then those that changed, then those that went.

    A claim that is gone and a new one of the same kind and side are one, in other words, where they have a document
    and a word in common.

    :param before: the claims of before.
    :param after: the claims of now.
    :param language: ISO 639-1 code of the claims.
    :param ended: the day on which later words ended a claim, by `ClaimState.key`.
    """
    old = {state.key: state for state in before}
    new = {state.key: state for state in after}
    gone = [state for state in before if state.key not in new]
    came = [state for state in after if state.key not in old]
    changes: list[ClaimChange] = []
    for state in gone:
        same = next((each for each in came if _is_reworded(state, each, language)), None)
        if same is not None and not (ended and state.key in ended):
            came.remove(same)
            changes.append(ClaimChange(change="reworded", before=state, after=same))
        elif ended and state.key in ended:
            changes.append(ClaimChange(change="ended", before=state, ended=ended[state.key]))
        else:
            changes.append(ClaimChange(change="went", before=state))
    for key, state in new.items():
        if key in old and (
            old[key].trend != state.trend or abs(old[key].support - state.support) >= _NOTABLE_SUPPORT - 1e-9
        ):
            changes.append(ClaimChange(change="changed", before=old[key], after=state))
    changes += [ClaimChange(change="came", after=state) for state in came]
    order = ("came", "reworded", "changed", "ended", "went")
    return tuple(sorted(changes, key=lambda change: order.index(change.change)))


def ended_on(profile: UserProfile) -> dict[tuple[str, str, str], str]:
    """Return the day on which later words ended a claim, by `ClaimState.key`.

    :param profile: of the user.
    """
    return {(past.kind, past.claim.text, past.claim.stance): past.ended for past in profile.past_claims}


def _is_reworded(one: ClaimState, other: ClaimState, language: str) -> bool:
    if one.kind != other.kind or (one.stance in NEGATIVE_STANCES) != (other.stance in NEGATIVE_STANCES):
        return False
    if not set(one.documents) & set(other.documents):
        return False
    return fold(one.text) == fold(other.text) or bool(
        set(content_stems(one.text, language)) & set(content_stems(other.text, language))
    )
