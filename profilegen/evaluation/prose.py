"""Whether summaries repeat themselves, stop half-way, or are in another language than the user's."""

from __future__ import annotations

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import Measured
from profilegen.language.detection import detect_language
from profilegen.profiles.summaries import is_repetitive

# A summary ends with one of these, quotes and brackets after it left aside.
_ENDS = (".", "!", "?", "…", "。", "！", "？", "।", "؟")
_CLOSING = "\"'”’)]」』）》 "


def measure(dataset: Dataset) -> list[Measured]:
    """Return the shares of summaries that are degenerate, that are cut off, and that are in the user's language."""
    told = [user for user in dataset.users if user.status == "ok" and user.summary.strip()]
    ones = [1] * len(told)
    none = "no profile has a summary"
    return [
        share("text.degenerate", [is_repetitive(user.summary) for user in told], ones, reason=none),
        share("text.truncated", [is_cut_off(user.summary) for user in told], ones, reason=none),
        share("text.language", [detect_language(user.summary) == user.language for user in told], ones, reason=none),
    ]


def is_cut_off(summary: str) -> bool:
    """Tell whether a summary stops before the end of a sentence."""
    return not summary.rstrip(_CLOSING).endswith(_ENDS)
