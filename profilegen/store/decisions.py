"""Reviewers' decisions applied to a profile.

Decisions are only ever added. How a claim stands follows from those on it, in order of time; the claim they are on is
named by user, kind and text as the machine wrote it, so that they still apply after the profile is built again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from profilegen.language.cleaning import fold
from profilegen.language.words import content_stems
from profilegen.profiles.summaries import Summary, summary_text, with_claims_changed
from profilegen.records import (
    KINDS,
    UNSEEN,
    Claim,
    ClaimReview,
    Decision,
    Document,
    Kind,
    ProfileReview,
    Segment,
    UserProfile,
)


class Standing(NamedTuple):
    """A claim with the decisions on it.

    :param kind: of the claim.
    :param text: the claim's words as the machine, or the person who added it, wrote them.
    :param claim: as the machine wrote it last, or as it was when it was decided on.
    :param decision: the one in force, which an undo takes back.
    :param version: id of the last decision, `UNSEEN` without one.
    :param added: whether a person made the claim.
    """

    kind: Kind
    text: str
    claim: Claim
    decision: Decision | None
    version: str
    added: bool = False

    @property
    def struck(self) -> bool:
        """Whether a person struck the claim, so that the profile no longer has it."""
        return self.decision is not None and self.decision.action == "strike"


def standings(profile: UserProfile, decisions: Sequence[Decision], documents: Mapping[str, Document]) -> list[Standing]:
    """Return every claim that the machine wrote or a person decided on, struck ones included.

    Of each kind, those that a person added come first, then the machine's in their order, then those that the machine
    no longer makes. A claim of the machine in other words than one that was decided on is that claim.

    :param profile: as the machine wrote it.
    :param decisions: all on this user, in order of time.
    :param documents: the user's, by id; stored quotes that are no longer in them are left out.
    """
    threads = _threads(decisions)
    found: list[Standing] = []
    taken: set[tuple[str, str]] = set()
    for kind, claim in profile.iter_claims():
        thread = threads.get((kind, claim.text)) or _same(kind, claim, threads, profile.language)
        if thread is None:
            found.append(Standing(kind, claim.text, claim, None, UNSEEN))
        elif (kind, thread.text) not in taken:
            taken.add((kind, thread.text))
            contrary = thread.decision is not None and claim.polarity != thread.claim.polarity
            if contrary and thread.struck:
                # Who struck that somebody likes a thing did not strike that he dislikes it.
                found.append(Standing(kind, thread.text, claim, None, thread.last.id))
                continue
            # What was found now is evidence of another thing than the person read.
            elsewhere = contrary or (claim.name is not None and claim.text != thread.text)
            found.append(thread.standing(kind, _still_carried(thread.claim, documents) if elsewhere else claim))
    for (kind, text), thread in threads.items():
        if (kind, text) not in taken and thread.decision is not None:
            found.append(thread.standing(kind, _still_carried(thread.claim, documents)))
    order = {kind: at for at, kind in enumerate(KINDS)}
    return sorted(found, key=lambda standing: (order.get(standing.kind, len(order)), standing.kind, not standing.added))


def apply_decisions(
    profile: UserProfile, decisions: Sequence[Decision], documents: Mapping[str, Document]
) -> UserProfile:
    """Return a profile with reviewers' decisions applied.

    Sentences of the summary that tell a claim that was struck or edited are left out; claims with new words are listed.

    :param profile: as the machine wrote it.
    :param decisions: all on this user, in order of time.
    :param documents: the user's, by id; stored quotes that are no longer in them are left out.
    """
    if not decisions:
        return profile
    all_standings = standings(profile, decisions, documents)
    kept = _distinct([standing for standing in all_standings if not standing.struck])
    kinds = dict.fromkeys([*profile.claims, *(standing.kind for standing in kept)])
    claims = {kind: [shown(standing) for standing in kept if standing.kind == kind] for kind in kinds}
    laid = profile.with_claims(claims, reviewed=_review(all_standings, decisions))
    return _with_status(_with_summary(laid, profile), profile)


def shown(standing: Standing) -> Claim:
    """Return a claim in the words of the person who decided on it.

    :param standing: the claim with its decisions.
    """
    decision = standing.decision
    if decision is None:
        return standing.claim
    changed = decision.action == "edit"
    words = decision.words if changed else standing.text
    word = ClaimReview(
        verdict="added" if standing.added else "edited" if changed else "approved",
        by=decision.by,
        at=decision.at,
        wrote=standing.text if changed and not standing.added else None,
    )
    # A category and a shared name belong to the machine's words.
    theirs = {"category": None, "name": None} if changed else {}
    return standing.claim.model_copy(update={"text": words, "reviewed": word, **theirs})


def flag_note(decisions: Iterable[Decision]) -> str | None:
    """Return the note of the flag on a profile, or None.

    :param decisions: all on the user, in order of time.
    """
    note: str | None = None
    for decision in decisions:
        if decision.action in {"flag", "unflag"}:
            note = decision.words if decision.action == "flag" else None
    return note


def profile_version(all_standings: Sequence[Standing]) -> str:
    """Return a hash that changes whenever a claim or a decision on one does.

    :param all_standings: of the profile.
    """
    seen = json.dumps([[s.kind, s.text, s.version] for s in all_standings])
    return hashlib.sha256(seen.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def named(segments: Iterable[Segment], names: Mapping[str, str]) -> list[Segment]:
    """Return segments with the names that persons gave them.

    :param segments: with the names that the machine gave them.
    :param names: by segment id.
    """
    return [
        segment.model_copy(update={"name": names[segment.id]}) if segment.id in names else segment
        for segment in segments
    ]


class _Thread(NamedTuple):
    """The decisions on one claim: the first, the last, and the one in force, if any is not taken back."""

    text: str
    first: Decision
    last: Decision
    decision: Decision | None
    added: bool

    @property
    def words(self) -> str:
        """What the claim says now."""
        if self.decision is not None and self.decision.action == "edit":
            return self.decision.words
        return self.text

    @property
    def struck(self) -> bool:
        """Whether the decision in force is a strike."""
        return self.decision is not None and self.decision.action == "strike"

    @property
    def claim(self) -> Claim:
        """The claim as it stood when it was decided on."""
        claim = (self.decision.claim if self.decision else None) or self.first.claim
        assert claim is not None
        return claim

    def standing(self, kind: Kind, claim: Claim) -> Standing:
        return Standing(kind, self.text, claim, self.decision, self.last.id, self.added)


def _threads(decisions: Sequence[Decision]) -> dict[tuple[Kind, str], _Thread]:
    """Return the decisions on claims, by kind and text."""
    undone = {decision.undoes for decision in decisions if decision.action == "undo"}
    threads: dict[tuple[Kind, str], _Thread] = {}
    for decision in decisions:
        if decision.kind is None:
            continue
        before = threads.get((decision.kind, decision.text))
        in_force = decision.action != "undo" and decision.id not in undone
        threads[decision.kind, decision.text] = _Thread(
            decision.text,
            before.first if before else decision,
            decision,
            decision if in_force else before.decision if before else None,
            (before is not None and before.added) or (in_force and decision.action == "add"),
        )
    return threads


def _same(kind: Kind, claim: Claim, threads: Mapping[tuple[Kind, str], _Thread], language: str) -> _Thread | None:
    """Return the decisions in force on a claim that says the same in other words: case, form, order, or one name."""
    in_force = [thread for (other, _), thread in threads.items() if other == kind and thread.decision is not None]
    if not in_force:
        return None  # and no word lists are loaded to find that out
    folded, meant = fold(claim.text), content_stems(claim.text, language)
    for thread in in_force:
        if claim.name and thread.claim.shared_name == claim.name:
            return thread
        for other in {thread.text, thread.words}:
            if fold(other) == folded or (meant and content_stems(other, language) == meant):
                return thread
    return None


def _still_carried(claim: Claim, documents: Mapping[str, Document]) -> Claim:
    """Return a stored claim with the quotes that its documents still hold."""
    evidence = tuple(
        part for part in claim.evidence if part.document in documents and part.quote in documents[part.document].text
    )
    return claim.model_copy(update={"evidence": evidence})


def _distinct(kept: Sequence[Standing]) -> list[Standing]:
    """Leave out a claim that now says word for word what one before it says."""
    seen: set[tuple[str, str]] = set()
    distinct = []
    for standing in kept:
        key = standing.kind, fold(shown(standing).text)
        if key not in seen:
            seen.add(key)
            distinct.append(standing)
    return distinct


def _review(all_standings: Sequence[Standing], decisions: Sequence[Decision]) -> ProfileReview:
    words = [(standing.struck, shown(standing).reviewed) for standing in all_standings]
    verdicts = ["struck" if struck else word.verdict for struck, word in words if word]
    return ProfileReview(
        approved=verdicts.count("approved"),
        edited=verdicts.count("edited"),
        struck=verdicts.count("struck"),
        added=verdicts.count("added"),
        flag=flag_note(decisions),
        by=tuple(dict.fromkeys(decision.by for decision in decisions)),
        last=decisions[-1].at,
    )


def _with_summary(laid: UserProfile, machine: UserProfile) -> UserProfile:
    """Leave out of the summary what is no longer claimed, and add what is claimed now."""
    if laid.status == "failed":
        return laid
    before = Summary(machine.sentences, machine.built_with.summary)
    after = with_claims_changed(before, machine.claims, laid.claims, laid.language)
    made = laid.built_with.model_copy(update={"summary": after.made})
    summary = summary_text(after.sentences, laid.language)
    return laid.model_copy(update={"summary": summary, "sentences": after.sentences, "built_with": made})


def _with_status(laid: UserProfile, machine: UserProfile) -> UserProfile:
    """Make a profile that says anything `ok`, and one that says nothing not; one that failed stays so."""
    has_claims = next(laid.iter_claims(), None) is not None
    if machine.status == "ok" and not has_claims:
        return laid.model_copy(update={"status": "insufficient", "reason": "a person struck every claim"})
    if machine.status == "insufficient" and has_claims:
        return laid.model_copy(update={"status": "ok", "reason": None})
    return laid
