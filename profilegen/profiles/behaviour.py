"""Figures of a user computed from the documents, never by the writer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from profilegen.records import Behaviour, Document

_DAYS_PER_MONTH = 30.44
_LOW_RATING = 2.0
_MIN_FOR_HOURS = 3


def behaviour(documents: Sequence[Document]) -> Behaviour:
    """Return how often, when and how a user writes; what the documents do not tell is None.

    `per_month` counts a stretch of less than a month as one; `spend` sums prices, in whatever currency they
    are; `low_ratings` is the share of ratings of two or less; `active_hours` are the up to three hours of the
    day with most documents, as the timestamps give them, if three documents or more have a time of day.
    """
    times = sorted(document.timestamp for document in documents if document.timestamp)
    prices = [document.price for document in documents if document.price is not None]
    ratings = [document.rating for document in documents if document.rating is not None]
    months = max((times[-1] - times[0]).total_seconds() / 86400 / _DAYS_PER_MONTH, 1.0) if times else None
    timed = [time.hour for time in times if (time.hour, time.minute, time.second) != (0, 0, 0)]
    hours = Counter(timed).most_common(3) if len(timed) >= _MIN_FOR_HOURS else []
    return Behaviour(
        documents=len(documents),
        first=times[0].date().isoformat() if times else None,
        last=times[-1].date().isoformat() if times else None,
        per_month=round(len(times) / months, 2) if months else None,
        spend=round(sum(prices), 2) if prices else None,
        mean_rating=round(sum(ratings) / len(ratings), 2) if ratings else None,
        low_ratings=round(sum(rating <= _LOW_RATING for rating in ratings) / len(ratings), 2) if ratings else None,
        active_hours=tuple(sorted(hour for hour, _ in hours)),
    )
