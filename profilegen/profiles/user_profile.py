"""One user to a UserProfile: what evidence user_claims, and a summary of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from profilegen.claims.evidence import UserClaims
from profilegen.language.detection import count_letters
from profilegen.language.registry import DEFAULT_CODE
from profilegen.profiles.behaviour import behaviour
from profilegen.profiles.summaries import SummaryInput
from profilegen.records import BuiltWith, Document, Status, UserProfile

# Counted up when the same documents would now give other claims, so that stores are brought up to date.
METHOD = "17"
_MIN_LETTERS = 12


def documents_hash(documents: Sequence[Document]) -> str:
    """Return a hash of everything a user's profile is made from."""
    digest = hashlib.sha256()
    for document in sorted(documents, key=lambda document: document.id):
        digest.update(document.model_dump_json().encode() + b"\0")
    return digest.hexdigest()[:32]


def main_language(documents: Sequence[Document]) -> str:
    """Return the language most of a user's text is in; English where no document tells."""
    letters: Counter[str] = Counter()
    for document in documents:
        letters[document.language] += len(document.text)
    letters.pop("und", None)
    return letters.most_common(1)[0][0] if letters else DEFAULT_CODE


def has_enough_text(documents: Sequence[Document]) -> bool:
    """Tell whether a user wrote enough to be told anything of; a Han character counts as three letters."""
    letters = 0
    for document in documents:
        letters += count_letters(document.text)
        if letters >= _MIN_LETTERS:
            return True
    return False


def summary_input(user_claims: UserClaims, language: str) -> SummaryInput:
    """Return what the summary of a user is to tell."""
    return SummaryInput(
        subject="user",
        language=language,
        claims={kind: tuple(claim.name for claim in claims) for kind, claims in user_claims.claims.items()},
    )


def profile(
    user_id: str,
    documents: Sequence[Document],
    language: str,
    user_claims: UserClaims,
    summary: str,
    built_with: BuiltWith,
    *,
    failure: str | None = None,
) -> UserProfile:
    """Return a user's profile: `ok` with claims, `insufficient` without, `failed` with the reason."""
    status: Status = "ok"
    reason = None
    if failure:
        status, reason = "failed", failure
    elif not user_claims.has_claims:
        status, reason = "insufficient", _why_insufficient(documents)
    return UserProfile(
        user_id=user_id,
        status=status,
        reason=reason,
        language=language,
        claims=user_claims.claims,
        summary=summary,
        behaviour=behaviour(documents),
        built_with=built_with,
    )


def _why_insufficient(documents: Sequence[Document]) -> str:
    characters = sum(len(document.text) for document in documents)
    count = "one document" if len(documents) == 1 else f"{len(documents)} documents"
    return f"{count} of {characters} characters in all, and no claim that they carry"
