"""What the templates show, read from the store and ready to print."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from profilegen.records import KINDS, Claim, Decision, Document, Evidence, Kind, Segment, UserProfile
from profilegen.store import decisions, overlay
from profilegen.store.decisions import Standing
from profilegen.store.ledger import Ledger

HEADINGS: dict[Kind, str] = {name: kind.heading for name, kind in KINDS.items()}

_CONTEXT_CHARS = 140


class Quote(NamedTuple):
    """The words a claim rests on, in what stands around them in the document."""

    before: str
    words: str
    after: str
    document: Document


class ClaimView(NamedTuple):
    """A claim with what a person may do to it. `html_id` is the same as long as the claim is."""

    html_id: str
    standing: Standing
    claim: Claim
    quotes: list[Quote]

    @property
    def state(self) -> str:
        """Return `open`, `approved`, `edited`, `struck` or `added`."""
        if self.standing.struck:
            return "struck"
        return self.claim.reviewed.verdict if self.claim.reviewed else "open"


class Card(NamedTuple):
    """A user's profile with everything that was and can be decided on it."""

    html_id: str
    profile: UserProfile
    claims: dict[Kind, list[ClaimView]]
    version: str
    flag: str | None
    asked_again: bool
    history: Sequence[Decision]

    @property
    def open_claims(self) -> int:
        """Return how many claims nobody has decided on."""
        return sum(view.standing.decision is None for views in self.claims.values() for view in views)


def card(ledger: Ledger, user_id: str) -> Card | None:
    """Return the card of a user, or None where there is no profile."""
    written = ledger.profile(user_id)
    if written is None:
        return None
    standings, said = overlay.standings(ledger, written)
    cited = ledger.documents({part.document for standing in standings for part in standing.claim.evidence})
    claims: dict[Kind, list[ClaimView]] = {kind: [] for kind in KINDS}
    for standing in standings:
        claim = decisions.shown(standing)
        html_id = "c-" + _digest(user_id, standing.kind, standing.text)
        claims[standing.kind].append(ClaimView(html_id, standing, claim, quotes(claim.evidence, cited)))
    return Card(
        html_id="u-" + _digest(user_id),
        profile=overlay.laid_over(ledger, written),
        claims=claims,
        version=decisions.profile_version(standings),
        flag=decisions.flag_note(said),
        asked_again=_is_asked_again(ledger, said),
        history=said[::-1],
    )


def quotes(evidence: Iterable[Evidence], documents: Mapping[str, Document]) -> list[Quote]:
    """Return the quotes of a claim, each in its document; those whose document is gone are left out."""
    return [quote_in(documents[part.document], part.quote) for part in evidence if part.document in documents]


def quote_in(document: Document, words: str, context_chars: int = _CONTEXT_CHARS) -> Quote:
    """Return a quote with what stands around it; words that are not there stand alone."""
    start = document.text.find(words)
    if start < 0 or not words:
        return Quote("", words, "", document)
    end = start + len(words)
    before = document.text[max(0, start - context_chars) : start]
    after = document.text[end : end + context_chars]
    if start > context_chars:
        before = "…" + before.partition(" ")[2] if " " in before else "…" + before
    if end + context_chars < len(document.text):
        after = (after.rpartition(" ")[0] if " " in after else after) + "…"
    return Quote(before, words, after, document)


class Trait(NamedTuple):
    """A value or lifestyle trait of a segment: the share of its users, and that of all users."""

    kind: Kind
    claim: Claim
    everywhere: float


def traits(segment: Segment, users_with: Mapping[tuple[str, str], int], n_users: int) -> list[Trait]:
    """Return what a segment's users are told to value and do, beside how many do so at large."""
    return [
        Trait(kind, claim, users_with.get((kind, claim.text), 0) / max(n_users, 1))
        for kind, claim in segment.iter_claims()
        if kind != "interest"
    ]


def _is_asked_again(ledger: Ledger, said: Sequence[Decision]) -> bool:
    """Tell whether a person asked since the last build that the profile be written again."""
    asked = [decision.at for decision in said if decision.action == "rewrite"]
    build = ledger.last_build() if asked else None
    return bool(asked) and (build is None or asked[-1] > build.finished)


def _digest(*parts: str) -> str:
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=8).hexdigest()
