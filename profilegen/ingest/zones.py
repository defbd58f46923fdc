"""Time zones by the letters that people write for them, such as CEST, as far as these mean one offset from UTC."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache

# As RFC 2822 has them: in most files they are those of North America, though other places use them too.
_OF_MAIL = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
_OF_UTC = frozenset(("utc", "gmt", "ut", "z"))


def zone_called(letters: str, year: int) -> tzinfo | None:
    """Return the zone that letters stand for in a year, None where no zone is called so.

    :param letters: in small letters, as they stand behind a time of day.
    :param year: of the date, since offsets change.
    :raises ValueError: they stand for several offsets, such as IST, which is in use in India, Ireland and Israel.
    """
    if letters in _OF_UTC:
        return UTC
    if letters in _OF_MAIL:
        return timezone(timedelta(hours=_OF_MAIL[letters]))
    offsets = _offsets(year).get(letters, frozenset())
    if len(offsets) > 1:
        raise ValueError(f"{letters.upper()} is the time of several places")
    return timezone(next(iter(offsets))) if offsets else None


@cache
def _offsets(year: int) -> Mapping[str, frozenset[timedelta]]:
    """Return the offsets that are called so anywhere in a year, by letters, from the database of time zones."""
    from zoneinfo import ZoneInfo, available_timezones

    found: dict[str, set[timedelta]] = defaultdict(set)
    for key in available_timezones():
        zone = ZoneInfo(key)
        for month in (1, 7):
            moment = datetime(year, month, 1, tzinfo=zone)
            name, offset = moment.tzname(), moment.utcoffset()
            if name and offset is not None and name.isalpha():
                found[name.casefold()].add(offset)
    return {name: frozenset(offsets) for name, offsets in found.items()}
