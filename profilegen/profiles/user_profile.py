"""User profiles from claims, a summary and the documents."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from profilegen.claims.evidence import UserClaims
from profilegen.language.detection import count_letters
from profilegen.language.registry import DEFAULT_CODE
from profilegen.profiles.behaviour import behaviour
from profilegen.records import BuiltWith, Document, Status, UserProfile

# Increased when the same documents would give other claims, so that the next build updates stores.
METHOD = "17"
_MIN_LETTERS = 12


def documents_hash(documents: Sequence[Document]) -> str:
    """Return a hash of a user's documents, with all that a profile depends on.

    :param documents: all documents of the user, in any order.
    """
    digest = hashlib.sha256()
    for document in sorted(documents, key=lambda document: document.id):
        digest.update(document.model_dump_json().encode() + b"\0")
    return digest.hexdigest()[:32]


def main_language(documents: Sequence[Document]) -> str:
    """Return the ISO 639-1 code of the language of most of a user's text; `en` if no language is known.

    :param documents: all documents of the user.
    """
    letters: Counter[str] = Counter()
    for document in documents:
        letters[document.language] += len(document.text)
    letters.pop("und", None)
    return letters.most_common(1)[0][0] if letters else DEFAULT_CODE


def has_enough_text(documents: Sequence[Document]) -> bool:
    """Return whether a user wrote enough for a profile: 12 letters, where a Han character counts as three.

    :param documents: all documents of the user.
    """
    letters = 0
    for document in documents:
        letters += count_letters(document.text)
        if letters >= _MIN_LETTERS:
            return True
    return False


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
    """Return a user's profile: `ok` with claims, `insufficient` without.

    :param user_id: the user.
    :param documents: all documents of the user.
    :param language: ISO 639-1 code of the profile's language.
    :param user_claims: the user's claims.
    :param summary: the summary; may be empty.
    :param built_with: the models and prompts that the profile is made with.
    :param failure: why no summary could be written; the profile is `failed` for this reason.
    """
    status: Status = "ok"
    reason = None
    if failure:
        status, reason = "failed", failure
    elif not user_claims.has_claims:
        status, reason = "insufficient", _insufficient_reason(documents)
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


def _insufficient_reason(documents: Sequence[Document]) -> str:
    characters = sum(len(document.text) for document in documents)
    count = "one document" if len(documents) == 1 else f"{len(documents)} documents"
    return f"{count} of {characters} characters in all, and no claim that they carry"
