"""What a reviewer can do to a profile or a segment, stored as decisions that name the version that was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from profilegen.errors import UsageError
from profilegen.language.cleaning import fold
from profilegen.records import (
    MAX_CLAIM_CHARS,
    MAX_NAME_CHARS,
    MAX_NOTE_CHARS,
    MAX_TEXT_CHARS,
    Claim,
    Decision,
    Evidence,
    Kind,
    UserProfile,
    one_line,
)
from profilegen.store import decisions, overlay
from profilegen.store.decisions import Standing
from profilegen.store.ledger import Audience, ChangedError, Ledger

ClaimAction = Literal["approve", "edit", "strike", "undo"]


def decide_on_claim(
    ledger: Ledger, user_id: str, kind: Kind, text: str, action: ClaimAction, *, by: str, version: str, words: str = ""
) -> None:
    """Approve, edit or strike a claim, or undo the last decision on it.

    :param ledger: to write to.
    :param user_id: whose claim.
    :param kind: of the claim.
    :param text: of the claim as the build, or the reviewer who added it, wrote it (`Standing.text`).
    :param action: what to do.
    :param by: the reviewer's name.
    :param version: of the claim that the reviewer saw.
    :param words: the new text of an edited claim.
    :raises ChangedError: the claim is not there any more, or has another version.
    :raises UsageError: the action is not possible for the claim, or the words are none or too many.
    """
    standing = _standing(ledger, user_id, kind, text)
    if standing.version != version:
        raise ChangedError("somebody decided on this claim in the meantime; look at it again")
    undoes = ""
    if action == "undo":
        if standing.decision is None:
            raise UsageError("there is no decision to undo")
        undoes = standing.decision.id
    elif action == "edit":
        words = _checked(words, "claim", MAX_CLAIM_CHARS)
    elif action == "approve" and (standing.added or (standing.decision and standing.decision.action != "approve")):
        raise UsageError("a reviewer has added, edited or struck this claim; undo that first")
    decision = Decision(
        by=by,
        action=action,
        user_id=user_id,
        kind=kind,
        text=text,
        claim=None if action == "undo" else standing.claim,
        words=words if action == "edit" else "",
        undoes=undoes,
    )
    ledger.decide([decision], {decision.subject: version})


def add_claim(ledger: Ledger, user_id: str, kind: Kind, words: str, *, by: str, quote: str = "") -> None:
    """Add a claim in the reviewer's own words.

    :param ledger: to write to.
    :param user_id: whose profile.
    :param kind: of the claim.
    :param words: the claim.
    :param by: the reviewer's name.
    :param quote: words of one of the user's documents that show it, or empty.
    :raises ChangedError: the user is not there any more.
    :raises UsageError: no words or too many, a claim that is there already, or a quote that no document has.
    """
    words = _checked(words, "claim", MAX_CLAIM_CHARS)
    standings, _ = overlay.standings(ledger, _profile(ledger, user_id))
    if any(s.kind == kind and not s.struck and fold(decisions.shown(s).text) == fold(words) for s in standings):
        raise UsageError(f"the profile has the claim “{words}” already")
    evidence = (_evidence(ledger, user_id, quote.strip()),) if quote.strip() else ()
    claim = Claim(text=words, support=1.0, evidence=evidence)
    decision = Decision(by=by, action="add", user_id=user_id, kind=kind, text=words, claim=claim)
    ledger.decide([decision], {decision.subject: ledger.decision_version(decision.subject)})


def approve_all(ledger: Ledger, user_id: str, *, by: str, version: str) -> int:
    """Approve every claim of a profile that has no decision.

    :param ledger: to write to.
    :param user_id: whose profile.
    :param by: the reviewer's name.
    :param version: of the profile that the reviewer saw (`decisions.profile_version`).
    :return: how many claims were approved.
    :raises ChangedError: a claim or a decision has changed.
    """
    standings, _ = overlay.standings(ledger, _profile(ledger, user_id))
    if decisions.profile_version(standings) != version:
        raise ChangedError("the profile has changed in the meantime; look at it again")
    approvals = [
        Decision(by=by, action="approve", user_id=user_id, kind=standing.kind, text=standing.text, claim=standing.claim)
        for standing in standings
        if standing.decision is None
    ]
    ledger.decide(approvals, {(user_id, s.kind, s.text): s.version for s in standings})
    return len(approvals)


def flag(ledger: Ledger, user_id: str, note: str, *, by: str) -> None:
    """Flag a profile for other reviewers.

    :param ledger: to write to.
    :param user_id: whose profile.
    :param note: the reason.
    :param by: the reviewer's name.
    :raises ChangedError: the user is not there any more.
    :raises UsageError: the note is empty or too long.
    """
    _decide_on_profile(ledger, user_id, "flag", by=by, words=_checked(note, "note", MAX_NOTE_CHARS))


def unflag(ledger: Ledger, user_id: str, *, by: str) -> None:
    """Remove the flag of a profile.

    :param ledger: to write to.
    :param user_id: whose profile.
    :param by: the reviewer's name.
    :raises ChangedError: the user is not there any more.
    """
    _decide_on_profile(ledger, user_id, "unflag", by=by)


def request_rewrite(ledger: Ledger, user_id: str, *, by: str) -> None:
    """Have the next build write a profile again; the decisions on it stay.

    :param ledger: to write to.
    :param user_id: whose profile.
    :param by: the reviewer's name.
    :raises ChangedError: the user is not there any more.
    """
    _decide_on_profile(ledger, user_id, "rewrite", by=by)
    ledger.write_again(user_id)


def rename_segment(ledger: Ledger, segment_id: str, name: str, *, by: str, version: str) -> None:
    """Give a segment a name that later builds keep.

    :param ledger: to write to.
    :param segment_id: which segment.
    :param name: the new name.
    :param by: the reviewer's name.
    :param version: of the segment's name that the reviewer saw.
    :raises ChangedError: somebody renamed it in the meantime, or it is not there any more.
    :raises UsageError: the name is empty, too long, or another segment's.
    """
    name = _checked(name, "name", MAX_NAME_CHARS)
    segments = overlay.segments(ledger)
    if not any(segment.id == segment_id for segment in segments):
        raise ChangedError("the segment is not there any more")
    if any(segment.id != segment_id and fold(segment.name) == fold(name) for segment in segments):
        raise UsageError(f"another segment is called “{name}”")
    decision = Decision(by=by, action="rename", segment=segment_id, words=name)
    ledger.decide([decision], {decision.subject: version})


def save_list(ledger: Ledger, audience: Audience, user_ids: Sequence[str]) -> None:
    """Save a list of users under a new name.

    :param ledger: to write to.
    :param audience: the list's name, how it was selected and by whom.
    :param user_ids: its users, in order.
    :raises UsageError: there is a list of that name.
    """
    if any(other.name == audience.name for other in ledger.audiences()):
        raise UsageError(f"there is a list called “{audience.name}” already; choose another name")
    ledger.save_audience(audience, user_ids)


def remove_list(ledger: Ledger, name: str) -> None:
    """Remove a saved list; its users stay.

    :param ledger: to write to.
    :param name: of the list; no error if there is none.
    """
    ledger.remove_audience(name)


def _decide_on_profile(
    ledger: Ledger, user_id: str, action: Literal["flag", "unflag", "rewrite"], *, by: str, words: str = ""
) -> None:
    _profile(ledger, user_id)
    # Each stands beside those before it and replaces none, so there is no version that the person must have seen.
    ledger.decide([Decision(by=by, action=action, user_id=user_id, words=words)], {})


def _profile(ledger: Ledger, user_id: str) -> UserProfile:
    written = ledger.profile(user_id)
    if written is None:
        raise ChangedError("the user is not there any more")
    return written


def _standing(ledger: Ledger, user_id: str, kind: Kind, text: str) -> Standing:
    standings, _ = overlay.standings(ledger, _profile(ledger, user_id))
    for standing in standings:
        if (standing.kind, standing.text) == (kind, text):
            return standing
    raise ChangedError("the claim is not there any more; look at the profile again")


def _checked(typed: str, what: str, max_chars: int) -> str:
    """Return typed words as one line; refuse none and too many."""
    words = one_line(typed)
    if not words:
        raise UsageError(f"the {what} is empty")
    if len(words) > max_chars:
        raise UsageError(f"the {what} has {len(words):,} characters; at most {max_chars:,} are allowed")
    return words


def _evidence(ledger: Ledger, user_id: str, quote: str) -> Evidence:
    if len(quote) > MAX_TEXT_CHARS:
        raise UsageError(f"the quote has {len(quote):,} characters; at most {MAX_TEXT_CHARS:,} are allowed")
    for document in ledger.user_documents(user_id):
        if quote in document.text:
            return Evidence(document=document.id, quote=quote)
    raise UsageError("none of the user's texts has the quote word for word")
