"""How many users have a profile, a segment, a summary by the writer, and texts in their own language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import Measured
from profilegen.language.detection import detect_language
from profilegen.records import UserProfile


def measure(dataset: Dataset) -> list[Measured]:
    """Return shares of users and of documents, and numbers of claims.

    :param dataset: the store.
    """
    users = dataset.users
    ones = [1] * len(users)
    segmented = [user.segment is not None for user in users]
    placed = [user.segment is not None and not user.segment_assigned for user in users]
    has_profile = [user.status == "ok" for user in users]
    has_summary = [user.status == "ok" and user.summary != "" for user in users]
    written = [user.status == "ok" and user.built_with.summary == "writer" for user in users]
    cited = [len({row.document for _, claim in user.iter_claims() for row in claim.evidence}) for user in users]
    counts = [sum(1 for _ in user.iter_claims()) for user in users]
    fell = [sum(user.left_out.model_dump().values()) for user in users]
    none = "there are no users"
    return [
        share("coverage.profile", has_profile, ones, reason=none),
        share("coverage.segment", segmented, ones, reason=none),
        share("coverage.segment.placed", placed, segmented, reason="no user has a segment"),
        share("coverage.documents", cited, [len(documents) for documents in dataset.documents], reason=none),
        share("claims.per_user", np.multiply(has_profile, counts), has_profile, reason="no user has a profile"),
        share("claims.left_out", fell, np.add(fell, counts), reason="there are no notes"),
        share("summary.written", written, has_summary, reason="no profile has a summary"),
        _language("claims.language", [(user, _claims(user)) for user in users]),
        _language("summary.language", [(user, user.summary) for user in users]),
    ]


def _claims(user: UserProfile) -> str:
    return ". ".join(claim.text for _, claim in user.iter_claims())


def _language(name: str, texts: Sequence[tuple[UserProfile, str]]) -> Measured:
    """Return the share of texts that are in the language of their user, as detected."""
    known = [(user.language, text) for user, text in texts if text.strip() and user.language != "und"]
    own = [language for language, _ in known]
    written = [detect_language(text) for _, text in known]
    in_language = Counter(own)
    return share(
        name,
        [one == other for one, other in zip(written, own, strict=True)],
        [1] * len(known),
        reason="no user of a known language has such a text",
        chance=sum(in_language[language] for language in written) / max(len(written) ** 2, 1),
    )
