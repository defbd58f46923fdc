"""A user's documents and claims over time, as the bars of small charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from profilegen.records import Claim, Document, UserProfile

_MAX_MONTHS = 48


class Bar(NamedTuple):
    """One stretch of time; `height` is a share of the highest, `rating` the mean of its ratings, in stars of five."""

    label: str
    documents: int
    height: float
    rating: float | None


class Chart(NamedTuple):
    """Bars from the first document to the last, by month, or by year where there would be too many."""

    per: str
    bars: list[Bar]


class Span(NamedTuple):
    """When a claim held; `start` and `width` are shares of the whole time, `state` its trend, `ended` or empty."""

    words: str
    first: str
    last: str
    start: float
    width: float
    state: str


class Spans(NamedTuple):
    """The claims of a user over time, from the first day of a document to the last."""

    first: str
    last: str
    spans: list[Span]


def claims_over_time(profile: UserProfile) -> Spans | None:
    """Return when each claim was first and last shown, in order of time; None where no claim has a day.

    A claim that ended reaches to the day on which it did.

    :param profile: of the user.
    """
    held: list[tuple[Claim, str, str]]
    held = [(claim, claim.last or "", claim.trend or "") for _, claim in profile.iter_claims() if claim.first]
    held += [(past.claim, past.ended, "ended") for past in profile.past_claims if past.claim.first]
    if not held:
        return None
    days = [day for claim, last, _ in held for day in (claim.first or "", last)]
    first, last = min(days), max([*days, profile.behaviour.last or ""])
    begin, whole = date.fromisoformat(first), max((date.fromisoformat(last) - date.fromisoformat(first)).days, 1)
    spans = []
    for claim, until, state in held:
        since = claim.first or ""
        start = (date.fromisoformat(since) - begin).days / whole
        width = (date.fromisoformat(until or since) - date.fromisoformat(since)).days / whole
        spans.append(Span(claim.words, since, until or since, start, width, state))
    return Spans(first, last, sorted(spans, key=lambda span: (span.first, span.last, span.words)))


def over_time(documents: Sequence[Document]) -> Chart | None:
    """Return the chart of the documents that have a date, or None if there are none.

    :param documents: of one user, in any order.
    """
    dated = [(document.timestamp, document.stars) for document in documents if document.timestamp]
    if not dated:
        return None
    months = [(time.year * 12 + time.month - 1, rating) for time, rating in dated]
    first, last = min(months)[0], max(month for month, _ in months)
    yearly = last - first >= _MAX_MONTHS
    step = 12 if yearly else 1
    counts = Counter(month // step for month, _ in months)
    highest = max(counts.values())
    bars = []
    for at in range(first // step, last // step + 1):
        ratings = [rating for month, rating in months if month // step == at and rating is not None]
        label = str(at) if yearly else f"{at // 12}-{at % 12 + 1:02}"
        mean = sum(ratings) / len(ratings) if ratings else None
        bars.append(Bar(label, counts[at], counts[at] / highest, mean))
    return Chart("year" if yearly else "month", bars[-_MAX_MONTHS * 5 :])


def ratings(documents: Sequence[Document]) -> list[Bar]:
    """Return how many documents have each rating in stars of five, rounded, the lowest first; empty where none has one.

    :param documents: of one user, in any order.
    """
    counts = Counter(round(stars) for document in documents if (stars := document.stars) is not None)
    if not counts:
        return []
    highest = max(counts.values())
    at = range(min(counts, default=1), max(counts) + 1)
    return [Bar(str(rating), counts[rating], counts[rating] / highest, None) for rating in at]
