"""What the templates and the terminal show of profiles and segments, read from the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from profilegen.records import KINDS, Claim, Decision, Document, Evidence, Kind, PastClaim, Segment, UserProfile
from profilegen.store import decisions, overlay
from profilegen.store.decisions import Standing
from profilegen.store.ledger import Ledger

_CONTEXT_CHARS = 140


class Quote(NamedTuple):
    """The words that a claim rests on, with the text before and after them in the document."""

    before: str
    words: str
    after: str
    document: Document


class ClaimView(NamedTuple):
    """A claim that can be decided on. `html_id` stays the same as long as the claim is there."""

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
    """A user's profile with the decisions on it.

    `past` has the claims that ended, each with the words that ended it, None where no document has them any more.
    `version` changes with every claim and decision; `flag` is the note of the flag, None without one; `history` has the
    last decision first.
    """

    html_id: str
    profile: UserProfile
    claims: dict[Kind, list[ClaimView]]
    past: list[tuple[PastClaim, Quote | None]]
    version: str
    flag: str | None
    rewrite_requested: bool
    history: Sequence[Decision]

    def claim_views(self) -> list[ClaimView]:
        """Return the claims of all kinds, in the order in which they are shown."""
        return [view for views in self.claims.values() for view in views]

    @property
    def open_claims(self) -> int:
        """The number of claims without a decision."""
        return sum(view.standing.decision is None for view in self.claim_views())


def load_card(ledger: Ledger, user_id: str) -> Card | None:
    """Return the card of a user, or None if the user has no profile.

    :param ledger: to read from.
    :param user_id: whose card.
    """
    written = ledger.profile(user_id)
    if written is None:
        return None
    standings, made = overlay.standings(ledger, written)
    cited = ledger.documents(
        {part.document for standing in standings for part in standing.claim.evidence}
        | {past.by.document for past in written.past_claims}
    )
    claims: dict[Kind, list[ClaimView]] = {kind: [] for kind in KINDS}
    for standing in standings:
        claim = decisions.shown(standing)
        html_id = "c-" + _digest(user_id, standing.kind, standing.text)
        view = ClaimView(html_id, standing, claim, load_quotes(claim.evidence, cited))
        claims.setdefault(standing.kind, []).append(view)
    return Card(
        html_id="u-" + _digest(user_id),
        profile=overlay.with_decisions(ledger, written),
        claims=claims,
        past=[(past, next(iter(load_quotes([past.by], cited)), None)) for past in written.past_claims],
        version=decisions.profile_version(standings),
        flag=decisions.flag_note(made),
        rewrite_requested=_is_rewrite_requested(ledger, made),
        history=made[::-1],
    )


def cited_documents(ledger: Ledger, profile: UserProfile | Segment) -> dict[str, Document]:
    """Return the documents that the claims of a profile rest on, by id.

    :param ledger: to read from.
    :param profile: of a user or a segment.
    """
    return ledger.documents({part.document for _, claim in profile.iter_claims() for part in claim.evidence})


def load_quotes(evidence: Iterable[Evidence], documents: Mapping[str, Document]) -> list[Quote]:
    """Return the quotes of a claim in their documents.

    :param evidence: of the claim.
    :param documents: by id; quotes of documents that are not there are left out.
    """
    return [quote_in_context(documents[part.document], part.quote) for part in evidence if part.document in documents]


def quote_in_context(document: Document, words: str, context_chars: int = _CONTEXT_CHARS) -> Quote:
    """Return a quote with the text around it, cut at words.

    :param document: which has the quote; if it has not, the quote stands alone.
    :param words: the quote.
    :param context_chars: the most characters before it, and after it.
    """
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
    """A value or lifestyle trait of a segment; its support is the share of the segment's users, 0 to 1.

    `overall` is the share of all users.
    """

    kind: Kind
    claim: Claim
    overall: float


def segment_traits(segment: Segment, trait_users: Mapping[tuple[str, str], int], n_users: int) -> list[Trait]:
    """Return the values and lifestyle traits of a segment beside their shares among all users.

    :param segment: whose traits.
    :param trait_users: how many of all users have a trait, by (kind, name).
    :param n_users: how many users there are.
    """
    return [
        Trait(kind, claim, trait_users.get((kind, claim.text), 0) / max(n_users, 1))
        for kind, claim in segment.iter_claims()
        if kind != "interest"
    ]


def _is_rewrite_requested(ledger: Ledger, made: Sequence[Decision]) -> bool:
    """Return whether a reviewer has requested since the last build that the profile be written again."""
    requested = [decision.at for decision in made if decision.action == "rewrite"]
    build = ledger.last_build() if requested else None
    return bool(requested) and (build is None or requested[-1] > build.finished)


def _digest(*parts: str) -> str:
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=8).hexdigest()
