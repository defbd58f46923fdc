"""What a person can do to a profile or a segment, written down as decisions that name the version that was seen."""

from __future__ import annotations

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
from profilegen.store.ledger import ChangedError, Ledger

ClaimAction = Literal["approve", "edit", "strike", "undo"]

_GONE = "the claim is not there any more; look at the profile again"


def on_claim(
    ledger: Ledger, user_id: str, kind: Kind, text: str, action: ClaimAction, *, by: str, seen: str, words: str = ""
) -> None:
    """Approve, edit or strike a claim, or take back the last decision on it.

    :param text: what the claim is known by (`Standing.text`).
    :param seen: the version of the claim that the person saw.
    :param words: what an edited claim is to say.
    :raises ChangedError: the claim is gone, or somebody decided on it in the meantime.
    :raises UsageError: the action makes no sense for the claim, or the words are none or too many.
    """
    standing = _standing(ledger, user_id, kind, text)
    if standing.version != seen:
        raise ChangedError("somebody decided on this claim in the meantime; look at it again")
    undoes = ""
    if action == "undo":
        if standing.decision is None:
            raise UsageError("there is nothing to take back")
        undoes = standing.decision.id
    elif action == "edit":
        words = _words(words, "claim", MAX_CLAIM_CHARS)
    elif action == "approve" and (standing.added or (standing.decision and standing.decision.action != "approve")):
        raise UsageError("a person has given this claim its words or struck it; take that back first")
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
    ledger.decide([decision], {decision.subject: seen})


def add_claim(ledger: Ledger, user_id: str, kind: Kind, words: str, *, by: str, quote: str = "") -> None:
    """Add a claim of one's own; a quote, if there is one, must stand in a text of the user.

    :raises UsageError: no words or too many, a claim that is there already, or a quote that is not in the texts.
    """
    words = _words(words, "claim", MAX_CLAIM_CHARS)
    written = _profile(ledger, user_id)
    found, _ = overlay.standings(ledger, written)
    if any(s.kind == kind and not s.struck and fold(decisions.shown(s).text) == fold(words) for s in found):
        raise UsageError(f"the profile says “{words}” already")
    evidence = (_evidence(ledger, user_id, quote.strip()),) if quote.strip() else ()
    claim = Claim(text=words, support=1.0, evidence=evidence)
    decision = Decision(by=by, action="add", user_id=user_id, kind=kind, text=words, claim=claim)
    ledger.decide([decision], {decision.subject: ledger.decision_version(decision.subject)})


def approve_all(ledger: Ledger, user_id: str, *, by: str, seen: str) -> int:
    """Approve every claim that nobody has decided on; returns how many.

    :param seen: the version of the profile that the person saw (`decisions.profile_version`).
    :raises ChangedError: a claim or a decision has changed.
    """
    found, _ = overlay.standings(ledger, _profile(ledger, user_id))
    if decisions.profile_version(found) != seen:
        raise ChangedError("the profile has changed in the meantime; look at it again")
    open_ = [standing for standing in found if standing.decision is None]
    approvals = [
        Decision(by=by, action="approve", user_id=user_id, kind=s.kind, text=s.text, claim=s.claim) for s in open_
    ]
    ledger.decide(approvals, {(user_id, s.kind, s.text): s.version for s in found})
    return len(approvals)


def flag(ledger: Ledger, user_id: str, note: str, *, by: str) -> None:
    """Mark a profile for somebody to look at, with a note that says why.

    :raises UsageError: no note, or too long a one.
    """
    note = _words(note, "note", MAX_NOTE_CHARS)
    _decide_on_profile(ledger, user_id, "flag", by=by, words=note)


def unflag(ledger: Ledger, user_id: str, *, by: str) -> None:
    """Take the flag off a profile."""
    _decide_on_profile(ledger, user_id, "unflag", by=by)


def write_again(ledger: Ledger, user_id: str, *, by: str) -> None:
    """Have the next build write a profile anew; what persons decided stays."""
    _decide_on_profile(ledger, user_id, "rewrite", by=by)
    ledger.write_again(user_id)


def rename(ledger: Ledger, segment_id: str, name: str, *, by: str, seen: str) -> None:
    """Give a segment a name that stays when it is built again.

    :param seen: the version of the segment's name that the person saw.
    :raises ChangedError: somebody renamed it in the meantime, or it is gone.
    :raises UsageError: no name, too long a one, or one that another segment has.
    """
    name = _words(name, "name", MAX_NAME_CHARS)
    segments = overlay.segments(ledger)
    if not any(segment.id == segment_id for segment in segments):
        raise ChangedError("the segment is not there any more")
    if any(segment.id != segment_id and fold(segment.name) == fold(name) for segment in segments):
        raise UsageError(f"another segment is called “{name}”")
    decision = Decision(by=by, action="rename", segment=segment_id, words=name)
    ledger.decide([decision], {decision.subject: seen})


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
    found, _ = overlay.standings(ledger, _profile(ledger, user_id))
    for standing in found:
        if (standing.kind, standing.text) == (kind, text):
            return standing
    raise ChangedError(_GONE)


def _words(typed: str, what: str, max_chars: int) -> str:
    words = one_line(typed)
    if not words:
        raise UsageError(f"the {what} is empty")
    if len(words) > max_chars:
        raise UsageError(f"the {what} has {len(words):,} characters; {max_chars:,} are the most")
    return words


def _evidence(ledger: Ledger, user_id: str, quote: str) -> Evidence:
    if len(quote) > MAX_TEXT_CHARS:
        raise UsageError(f"the quote has {len(quote):,} characters; {MAX_TEXT_CHARS:,} are the most")
    for document in ledger.user_documents(user_id):
        if quote in document.text:
            return Evidence(document=document.id, quote=quote)
    raise UsageError("the quote is in none of the user's texts, word for word")
