"""Figures that are computed from the documents of a user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from profilegen.records import Behaviour, Document

_DAYS_PER_MONTH = 30.44
_MAX_LOW_RATING = 2.0
_MIN_DOCUMENTS_WITH_HOUR = 3


def behaviour(documents: Sequence[Document]) -> Behaviour:
    """Return how often and when a user writes, and the user's ratings and prices.

    `active_hours` needs three documents with a time of day; 00:00:00 counts as a date without one.

    :param documents: all documents of the user, in any order.
    """
    times = sorted(document.timestamp for document in documents if document.timestamp)
    prices = [document.price for document in documents if document.price is not None]
    ratings = [stars for document in documents if (stars := document.stars) is not None]
    months = max((times[-1] - times[0]).total_seconds() / 86400 / _DAYS_PER_MONTH, 1.0) if times else None
    hours = [time.hour for time in times if (time.hour, time.minute, time.second) != (0, 0, 0)]
    active = Counter(hours).most_common(3) if len(hours) >= _MIN_DOCUMENTS_WITH_HOUR else []
    return Behaviour(
        documents=len(documents),
        first=times[0].date().isoformat() if times else None,
        last=times[-1].date().isoformat() if times else None,
        per_month=round(len(times) / months, 2) if months else None,
        spend=round(sum(prices), 2) if prices else None,
        mean_rating=round(sum(ratings) / len(ratings), 2) if ratings else None,
        low_ratings=round(sum(rating <= _MAX_LOW_RATING for rating in ratings) / len(ratings), 2) if ratings else None,
        active_hours=tuple(sorted(hour for hour, _ in active)),
    )
