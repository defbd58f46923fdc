"""How a file writes its ratings and times: from its first rows, and from more where these do not show it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import NamedTuple

from profilegen.ingest.ratings import DEFAULT_SCALE, parse_rating, scale_of
from profilegen.ingest.times import Order, needs_order, order_of

# As many rows are read on; a column of which so many are alike is taken to be all alike.
_MAX_ROWS = 50_000
# So many ratings of which the best one is the best of a scale are enough to know it.
_ENOUGH_RATINGS = 50


class Notation(NamedTuple):
    """How a file writes what can be read in several ways.

    :param rating_scale: the best rating of the scale of ratings without one; 0 where they are on none.
    :param order: how dates in figures are written.
    :param warnings: what of this is a guess.
    """

    rating_scale: float = DEFAULT_SCALE
    order: Order = Order()
    warnings: tuple[str, ...] = ()


USUAL = Notation()


def find_notation(sample: Iterable[Mapping[str, object]], rest: Iterator[Mapping[str, object]]) -> Notation:
    """Return how a file writes its ratings and times.

    :param sample: ratings, with their scale, and times of its first documents, by our names.
    :param rest: those of further ones, looked through where the sample does not show it; at most 50,000.
    """
    fields = list(sample)
    if not _is_shown(fields):
        fields.extend(islice(rest, _MAX_ROWS))
    ratings = list(_plain_ratings(fields))
    scale = scale_of(ratings)
    order, is_guess = order_of(each.get("timestamp") for each in fields)
    warnings = []
    if is_guess:
        first = "day" if order.day_first else "month"
        warnings.append(f"dates such as {_ambiguous(fields)} may be read in two ways; the {first} is taken to be first")
    if scale is None:
        span = f"{min(ratings):g} to {max(ratings):g}"
        warnings.append(f"ratings from {span} are on no usual scale and are not read; say it with rating_scale")
    return Notation(scale or 0.0, order, tuple(warnings))


def _is_shown(fields: list[Mapping[str, object]]) -> bool:
    ratings = list(_plain_ratings(fields))
    is_scale_shown = not ratings or (len(ratings) >= _ENOUGH_RATINGS and max(ratings) in (5, 10, 100))
    times = [each.get("timestamp") for each in fields]
    return is_scale_shown and not (any(map(needs_order, times)) and order_of(iter(times))[1])


def _plain_ratings(fields: Iterable[Mapping[str, object]]) -> Iterator[float]:
    for each in fields:
        rating = parse_rating(each.get("rating")) if each.get("rating_scale") in (None, "") else None
        if rating is not None and rating.scale is None:
            yield rating.value


def _ambiguous(fields: Iterable[Mapping[str, object]]) -> str:
    return str(next(chain((t for each in fields if needs_order(t := each.get("timestamp"))), [""])))[:40]
