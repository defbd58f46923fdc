"""The trend of a claim by the days of its evidence."""

from datetime import date, timedelta

import pytest

from profilegen.claims.trend import Timeline, trend
from profilegen.records import Evidence

NEWEST = date(2024, 12, 31)


def written(*ages: int, half_life_days: float = 180) -> Timeline:
    """Give the timeline of a user whose documents are so many days older than the newest."""
    days = {f"d{age}": NEWEST - timedelta(days=age) for age in (0, *ages)}
    return Timeline(days, half_life_days)


def shown(*ages: int) -> list[Evidence]:
    return [Evidence(document=f"d{age}", quote="q", verdict=0.9) for age in ages]


@pytest.mark.parametrize(
    ("ages", "expected"),
    [((10,), "recent"), ((900,), "fading"), ((10, 900), "lasting"), ((10, 20, 30), "recent"), ((900, 800), "fading")],
)
def test_a_claim_is_recent_fading_or_lasting_by_when_it_was_shown(ages: tuple[int, ...], expected: str) -> None:
    assert trend(shown(*ages), written(1_000, *ages)) == expected


def test_with_a_longer_half_life_old_evidence_fades_later() -> None:
    assert trend(shown(300), written(1_000, 300)) == "fading"
    assert trend(shown(300), written(1_000, 300, half_life_days=500)) == "recent"


def test_of_a_user_who_wrote_for_less_than_a_half_life_nothing_is_told() -> None:
    assert trend(shown(100), written(100)) is None


def test_evidence_without_a_day_tells_nothing() -> None:
    assert trend([Evidence(document="undated", quote="q", verdict=0.9)], written(1_000)) is None


def test_the_clock_is_the_newest_document_and_not_today() -> None:
    later = Timeline({name: day + timedelta(days=4_000) for name, day in written(1_000, 10).days.items()})
    assert trend(shown(10), later) == trend(shown(10), written(1_000, 10))
