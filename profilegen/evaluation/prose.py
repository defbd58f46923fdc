"""Whether summaries repeat themselves, stop half-way, or are in another language than the user's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import Measured
from profilegen.language.detection import detect_language
from profilegen.profiles.summaries import is_repetitive

# A summary ends with one of these, quotes and brackets after it left aside.
_ENDS = (".", "!", "?", "…", "。", "！", "？", "।", "؟")
_CLOSING = "\"'”’)]」』）》 "


def measure(dataset: Dataset) -> list[Measured]:
    """Return the shares of summaries that repeat themselves, that are truncated, and that are in the user's language.

    The first two are checks: a build rejects summaries by `is_repetitive` itself, and templates end sentences.

    :param dataset: the store.
    """
    users = [user for user in dataset.users if user.status == "ok" and user.summary.strip()]
    ones = [1] * len(users)
    none = "no profile has a summary"
    written = [detect_language(user.summary) for user in users]
    own = [user.language for user in users]
    return [
        share("text.degenerate", [is_repetitive(user.summary) for user in users], ones, reason=none, check=True),
        share("text.truncated", [is_truncated(user.summary) for user in users], ones, reason=none, check=True),
        share(
            "text.language",
            [one == other for one, other in zip(written, own, strict=True)],
            ones,
            reason=none,
            chance=_same_by_chance(written, own),
        ),
    ]


def is_truncated(summary: str) -> bool:
    """Return whether a summary stops before the end of a sentence.

    :param summary: text in any language.
    """
    return not summary.rstrip(_CLOSING).endswith(_ENDS)


def _same_by_chance(written: Sequence[str], own: Sequence[str | None]) -> float:
    """Return the expected share of summaries in the user's language, were they exchanged at random."""
    in_language = Counter(own)
    return sum(in_language[one] for one in written) / max(len(written) ** 2, 1)
