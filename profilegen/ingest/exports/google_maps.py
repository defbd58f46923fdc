"""Google Maps: a person's reviews and saved places, a business's reviews, and Google Local of UCSD."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Columns, Export, Fields, Look, Passed, Reader, first_value, table_export

_TAKEOUT: Mapping[str, tuple[str, ...]] = {
    "text": ("review_text_published", "review_text", "Review Comment", "Comment"),
    "item_id": ("google_maps_url", "Google Maps URL"),
    "item_title": ("location.name", "Location.Business Name", "Title", "Location.Address", "location.address"),
    "rating": ("five_star_rating_published", "Star Rating"),
    "timestamp": ("date", "Published"),
}
_STARS = {"ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5}


def _places(row: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return what is said of the places of a row, which is one place, or the whole collection."""
    features = row.get("features")
    found = []
    for each in features if isinstance(features, list) else [row]:
        properties = each.get("properties") if isinstance(each, Mapping) else None
        if isinstance(properties, Mapping):
            found.append(properties)
    return found


def _is_takeout(look: Look) -> bool:
    places = [place for row in look.rows[:20] for place in _places(row)[:20]]
    return bool(places) and all(not {"google_maps_url", "Google Maps URL"}.isdisjoint(place) for place in places)


def _takeout_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        for place in _places(row):
            fields = {field: first_value(place, names) for field, names in _TAKEOUT.items()}
            yield {**fields, "event": "saved" if fields["rating"] is None else "review"}

    return read


_BUSINESS: Mapping[str, tuple[str, ...]] = {
    "user_id": ("reviewer.displayName",),
    "text": ("comment",),
    "rating": ("starRating",),
    "timestamp": ("createTime",),
}


def _reviews(row: Mapping[str, object]) -> list[object]:
    reviews = row.get("reviews")
    return reviews if isinstance(reviews, list) else [row]


def _is_business(look: Look) -> bool:
    reviews = [each for row in look.rows[:20] for each in _reviews(row)[:20]]
    return any(
        isinstance(each, Mapping) and {"reviewer", "starRating", "createTime"} <= each.keys() for each in reviews
    )


def _business_reader(look: Look) -> Reader:
    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        for review in _reviews(row):
            if isinstance(review, Mapping):
                fields = {field: first_value(review, names) for field, names in _BUSINESS.items()}
                if not fields["text"]:
                    yield Passed("a rating without a text")
                else:
                    yield {**fields, "rating": _STARS.get(str(fields["rating"]))}

    return read


_TAKEOUT_FIELDS: Mapping[str, Columns] = {
    field: tuple(f"properties.{name}" for name in names) for field, names in _TAKEOUT.items()
}

EXPORTS = (
    Export("google-maps", "Google Maps reviews and places (Takeout)", _TAKEOUT_FIELDS, _is_takeout, _takeout_reader),
    Export("google-business", "Google Business Profile reviews", _BUSINESS, _is_business, _business_reader),
    table_export(
        "google-local",
        "Google Local reviews (UCSD)",
        ("user_id", "gmap_id", "rating", "text"),
        {"user_id": "user_id", "text": "text", "item_id": "gmap_id", "rating": "rating", "timestamp": "time"},
    ),
    table_export(
        "google-local-items",
        "Google Local places (UCSD)",
        ("gmap_id", "name", ("avg_rating", "num_of_reviews", "address")),
        {"item_id": "gmap_id", "item_title": "name"},
        without=("user_id",),
        role="items",
    ),
    table_export(
        "google-local-2018",
        "Google Local reviews of 2018 (UCSD)",
        ("gPlusUserId", "gPlusPlaceId", "reviewText"),
        {
            "user_id": "gPlusUserId",
            "text": "reviewText",
            "item_id": "gPlusPlaceId",
            "rating": "rating",
            "timestamp": "unixReviewTime",
        },
    ),
    table_export(
        "google-local-2018-items",
        "Google Local places of 2018 (UCSD)",
        ("gPlusPlaceId", "name"),
        {"item_id": "gPlusPlaceId", "item_title": "name"},
        without=("gPlusUserId",),
        role="items",
    ),
    table_export(
        "google-maps-outscraper",
        "Google Maps reviews (Outscraper)",
        ("place_id", "author_title", "review_text", "review_rating"),
        {
            "user_id": ("author_id", "author_title"),
            "text": "review_text",
            "item_id": "place_id",
            "item_title": "name",
            "rating": "review_rating",
            "timestamp": ("review_datetime_utc", "review_timestamp"),
        },
    ),
    table_export(
        "google-maps-apify",
        "Google Maps reviews (Apify)",
        ("reviewerId", "placeId", "stars", "text", "publishedAtDate"),
        {
            "user_id": "reviewerId",
            "text": "text",
            "item_id": "placeId",
            "item_title": "title",
            "rating": "stars",
            "timestamp": "publishedAtDate",
        },
    ),
)
