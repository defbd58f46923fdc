"""User profiles from claims, a summary and the documents."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from profilegen.language.registry import DEFAULT_CODE
from profilegen.profiles.behaviour import behaviour
from profilegen.profiles.summaries import Summary, summary_text
from profilegen.records import BuiltWith, Claim, Document, Kind, LeftOut, PastClaim, Status, UserProfile

# Increased when the same documents would give other claims, so that the next build updates stores.
METHOD = "19"
NO_SUMMARY = Summary((), "none")


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


def profile(
    user_id: str,
    documents: Sequence[Document],
    language: str,
    claims: Mapping[Kind, Sequence[Claim]],
    summary: Summary,
    built_with: BuiltWith,
    *,
    left_out: LeftOut,
    past: Sequence[PastClaim] = (),
    failure: str | None = None,
    reason: str | None = None,
) -> UserProfile:
    """Return a user's profile: `ok` with claims, `insufficient` without.

    :param user_id: the user.
    :param documents: all documents of the user.
    :param language: ISO 639-1 code of the profile's language.
    :param claims: the user's claims by kind.
    :param summary: the summary; may be without sentences.
    :param built_with: the models and prompts that the profile is made with.
    :param left_out: numbers of notes that are no claims.
    :param past: claims that later words of the user ended.
    :param failure: why the writer failed; the profile is `failed` for this reason.
    :param reason: why there are no claims, where it is not for lack of text.
    """
    status: Status = "ok"
    if failure:
        status, reason = "failed", failure
    elif not any(claims.values()):
        status, reason = "insufficient", reason or _insufficient_reason(documents, left_out)
    else:
        reason = None
    return UserProfile(
        user_id=user_id,
        status=status,
        reason=reason,
        language=language,
        claims={kind: tuple(of_kind) for kind, of_kind in claims.items()},
        summary=summary_text(summary.sentences, language),
        sentences=summary.sentences,
        past_claims=tuple(past),
        left_out=left_out,
        behaviour=behaviour(documents),
        built_with=built_with.model_copy(update={"summary": summary.made}),
    )


def _insufficient_reason(documents: Sequence[Document], left_out: LeftOut) -> str:
    characters = sum(len(document.text) for document in documents)
    count = "one document" if len(documents) == 1 else f"{len(documents)} documents"
    fallen = left_out.not_shown + left_out.contradicted
    rest = (
        f"; {fallen} notes were not shown by their quotes" if fallen > 1 else "; a note was not shown" if fallen else ""
    )
    return f"{count} of {characters} characters in all, and no claim that they carry{rest}"
