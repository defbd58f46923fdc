"""The map: every user a point, as bytes that a browser draws, and the users inside a polygon drawn on it."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from profilegen.errors import UsageError
from profilegen.store.ledger import Points

NO_SEGMENT = 65_535
_MAX_CORNERS = 500
_MAX_COORDINATE = 1e6  # The map is from 0 to 1; of numbers near the largest, products overflow.


class Map(NamedTuple):
    """Where users stand.

    :param version: changes whenever the map does.
    :param user_ids: n_users of them.
    :param places: (n_users, 2) float32, x and y from 0 to 1.
    :param segment_numbers: (n_users,), the place of each user's segment in the page's list, or `NO_SEGMENT`.
    :param centres: the median (x, y) of its users, by segment id.
    :param data: little-endian: x and y of each user as float32, then the segment numbers as uint16.
    """

    version: str
    user_ids: list[str]
    places: NDArray[np.float32]
    segment_numbers: NDArray[np.uint16]
    centres: dict[str, tuple[float, float]]
    data: bytes


def make_map(points: Points, segment_ids: Sequence[str], version: str) -> Map | None:
    """Return the map, or None where the store has none yet.

    :param points: where the layout put the users, on any scale.
    :param segment_ids: in the order of the page's list.
    :param version: changes whenever the map does.
    """
    if not points.user_ids:
        return None
    places = _into_square(points.places)
    number_of = {segment_id: number for number, segment_id in enumerate(segment_ids)}
    numbers = np.array([number_of.get(segment or "", NO_SEGMENT) for segment in points.segments], np.uint16)
    medians = {
        segment_id: np.median(places[numbers == number], axis=0)
        for segment_id, number in number_of.items()
        if (numbers == number).any()
    }
    centres = {segment_id: (round(float(x), 4), round(float(y), 4)) for segment_id, (x, y) in medians.items()}
    data = places.astype("<f4").tobytes() + numbers.astype("<u2").tobytes()
    return Map(version, points.user_ids, places, numbers, centres, data)


def inside(places: NDArray[np.float32], polygon: str) -> NDArray[np.intp]:
    """Return the rows of the places inside a polygon, given as `x,y,x,y,…`.

    By crossings of a ray (Shimrat 1962).

    :param places: (n_users, 2) float32.
    :param polygon: at least three corners, on the scale of the places.
    :return: (n_inside,) row numbers, ascending.
    :raises UsageError: it is no polygon.
    """
    try:
        numbers = [float(number) for number in polygon.split(",")]
        corners = np.array(numbers, np.float64).reshape(-1, 2)
    except ValueError:
        raise UsageError("the line on the map is broken; draw it again") from None
    if not 3 <= len(corners) <= _MAX_CORNERS or not (np.abs(corners) <= _MAX_COORDINATE).all():
        raise UsageError("the line on the map has no inside; draw it again")
    x, y = places[:, 0], places[:, 1]
    within = np.zeros(len(places), np.bool_)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (y1 > y) != (y2 > y)
        if y1 != y2:
            within ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return np.flatnonzero(within)


def colours(count: int) -> list[str]:
    """Return colours that are easy to distinguish, as `#rrggbb`, readable on the dark and the light theme.

    :param count: how many.
    """
    return [_colour(number) for number in range(count)]


def _colour(number: int) -> str:
    # Hues by the golden angle: however many there are, neighbours in the list are far apart.
    hue = (number * 0.618_034 + 0.58) % 1
    lightness = (0.5, 0.42, 0.58)[number // 8 % 3]
    parts = colorsys.hls_to_rgb(hue, lightness, 0.62)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def _into_square(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move and scale places into 0 to 1, each axis by itself, with a margin.

    How far apart UMAP puts two islands means little, so those far out are drawn nearer, by the inverse hyperbolic sine.
    """
    low, middle, high = np.percentile(places, [10, 50, 90], axis=0)
    drawn = np.arcsinh((places - middle) / np.maximum((high - low) / 2, 1e-6))
    least, most = drawn.min(axis=0), drawn.max(axis=0)
    return np.asarray((drawn - least) / np.maximum(most - least, 1e-6) * 0.92 + 0.04, np.float32)
