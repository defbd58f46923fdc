from datetime import UTC, datetime, timedelta

import pytest

from profilegen.profiles.behaviour import behaviour
from profilegen.records import Behaviour, Document

NEW_YEAR = datetime(2024, 1, 1, 20, 30, tzinfo=UTC)


def document(number: int = 0, **fields: object) -> Document:
    return Document.model_validate({"id": f"d{number}", "user_id": "u", "text": "a text", **fields})


def written_at(*times: datetime) -> list[Document]:
    return [document(number, timestamp=time) for number, time in enumerate(times)]


def test_what_the_documents_do_not_tell_is_none() -> None:
    assert behaviour([document()]) == Behaviour(documents=1)
    assert behaviour([]) == Behaviour(documents=0)


def test_first_and_last_are_days_whatever_the_order_of_the_documents() -> None:
    found = behaviour(written_at(NEW_YEAR + timedelta(days=40), NEW_YEAR, NEW_YEAR + timedelta(days=5)))
    assert (found.first, found.last) == ("2024-01-01", "2024-02-10")


@pytest.mark.parametrize(("days", "per_month"), [(0, 2.0), (10, 2.0), (61, 1.0), (365, 0.17)])
def test_less_than_a_month_counts_as_one(days: int, per_month: float) -> None:
    assert behaviour(written_at(NEW_YEAR, NEW_YEAR + timedelta(days=days))).per_month == per_month


def test_spend_sums_the_prices_that_there_are() -> None:
    assert behaviour([document(price=19.99), document(price=0.01), document()]).spend == 20.0
    assert behaviour([document(price=0)]).spend == 0.0


def test_ratings_give_their_mean_and_the_share_of_two_or_less() -> None:
    found = behaviour([document(rating=rating) for rating in (5, 4, 2, 1)] + [document()])
    assert (found.mean_rating, found.low_ratings) == (3.0, 0.5)


def test_active_hours_are_the_up_to_three_with_most_documents_in_order_of_the_day() -> None:
    times = [NEW_YEAR.replace(hour=hour) + timedelta(days=day) for day, hour in enumerate((22, 22, 7, 7, 13, 13, 4))]
    assert behaviour(written_at(*times)).active_hours == (7, 13, 22)


def test_two_times_are_too_few_for_active_hours_and_a_bare_date_has_none() -> None:
    assert behaviour(written_at(NEW_YEAR, NEW_YEAR)).active_hours == ()
    midnight = NEW_YEAR.replace(hour=0, minute=0)
    assert behaviour(written_at(NEW_YEAR, NEW_YEAR, midnight)).active_hours == ()
