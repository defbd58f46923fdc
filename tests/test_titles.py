"""What titles say of a thing beside its name."""

import pytest

from profilegen.claims.phrases import heads
from profilegen.claims.titles import compatible_model, modifier


def keys_of(phrase: str) -> tuple[str, ...]:
    return heads(phrase, "en")[0][1]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Red Robin Gift Card", "Red Robin"),
        ("Visa $50 Gift Cards (plus $4.95 Purchase Fee)", "Visa"),
        ("Amazon.com Gift Card in a Holiday Pop-Up Box", "Amazon.com"),
        ("Best Restaurants in Town Paper Gift Card", None),
        ("A Very Long Name of a Gift Card", None),
        ("Box for a Gift Card", None),
        ("Gift Card", None),
        ("Gift Card Holder", None),
        ("", None),
        ("🎁 " * 3 + "Gift Card", "🎁 🎁 🎁"),
    ],
)
def test_what_a_short_title_calls_a_thing_stands_before_it(title: str, name: str | None) -> None:
    assert modifier(title, keys_of("gift card"), "en") == name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Slim Flip Phone Case for Samsung Galaxy S21 5G, Leather", "Samsung Galaxy S21 5G"),
        ("Compatible with iPhone 11/XR Phone Case", "iPhone 11"),
        ("Phone Case for iPhone – Blue", "iPhone"),
        ("Phone Case for Garmin Fenix 7", "Garmin Fenix 7"),
        ("Phone Case for Kids Ages 3 and up", None),
        ("Phone Case for Gym Running 15", None),
        ("Cable for Samsung Galaxy S21", None),
        ("Phone Case for Daily Use with 90 Days Warranty", None),
        ("Phone Case for 2 iPhones", None),
        ("Phone Case for", None),
        ("for " * 300, None),
        ("", None),
    ],
)
def test_what_a_thing_is_for_is_told_where_it_is_a_model(title: str, name: str | None) -> None:
    assert compatible_model(title, "phone case", keys_of("phone case"), "en") == name
    assert compatible_model(title, "phone case", keys_of("phone case"), "zh") is None
