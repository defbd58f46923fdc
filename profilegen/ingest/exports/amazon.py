"""Amazon: the collections of reviews of McAuley, the Customer Reviews of Amazon, and those of SNAP and Kaggle."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, no_texts, table_export

# What stands where nothing is known.
_UNKNOWN = "unknown"
_ASIN, _USER = re.compile(r"[0-9A-Z]{10}"), re.compile(r"A[0-9A-Z]{9,20}")


def _review_2018(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields:
    return {**fields, "image": _first_image(fields.get("image"))}


def _item(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields:
    price = fields.get("price")
    return {**fields, "price": None if price == "None" else price, "image": _first_image(fields.get("image"))}


def _block(row: Mapping[str, object], fields: Mapping[str, object]) -> Fields | Passed:
    if fields.get("user_id") == _UNKNOWN:
        return Passed("from a user without a name")
    known = {field: value for field, value in fields.items() if value != _UNKNOWN}
    score = str(known.get("rating") or "")
    rating, _, scale = score.partition("/")
    if "review/points" in row:
        scale = "100"
    return {**known, "rating": rating or None, "rating_scale": int(scale)} if scale.isdigit() else known


def _first_image(value: object) -> object:
    """Return the address of the first picture: pictures are texts, objects of several sizes, or lists of each size."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, Mapping):
        sizes = (value.get(size) for size in ("large", "large_image_url", "hi_res", "medium_image_url"))
        value = next((size for size in sizes if size), None)
        return value[0] if isinstance(value, list) and value else value
    return value


def _is_ratings_only(look: Look) -> bool:
    return look.columns[:1] == ("column 1",) and len(look.columns) == 4 and _places_of_ids(look) is not None


def _places_of_ids(look: Look) -> tuple[str, str] | None:
    """Return the columns of users and of items: they change places between the collections of 2014 and 2018."""
    for user, item in (("column 1", "column 2"), ("column 2", "column 1")):
        rows = look.rows[:20]
        users = all(_USER.fullmatch(str(row.get(user))) for row in rows)
        if users and all(_ASIN.fullmatch(str(row.get(item))) for row in rows):
            return user, item
    return None


def _ratings_reader(look: Look) -> Reader:
    user, item = _places_of_ids(look) or ("column 1", "column 2")

    def read(row: Mapping[str, object]) -> Iterable[Fields]:
        yield {
            "user_id": row.get(user),
            "item_id": row.get(item),
            "rating": row.get("column 3"),
            "timestamp": row.get("column 4"),
        }

    return read


EXPORTS = (
    table_export(
        "amazon-2014-2018",
        "Amazon reviews of 2014 and 2018",
        ("reviewerID", "asin", ("overall", "reviewText")),
        {
            "user_id": "reviewerID",
            "text": "reviewText",
            "title": "summary",
            "item_id": "asin",
            "rating": "overall",
            "timestamp": ("unixReviewTime", "reviewTime"),
            "image": "image",
        },
        change=_review_2018,
    ),
    table_export(
        "amazon-2014-2018-items",
        "Amazon products of 2014 and 2018",
        ("asin", "title", ("imUrl", "related", "salesRank", "categories", "main_cat", "also_buy", "feature", "rank")),
        {
            "item_id": "asin",
            "item_title": "title",
            "brand": "brand",
            "price": "price",
            "image": ("imUrl", "imageURLHighRes", "imageURL", "image"),
        },
        without=("reviewerID", "user_id", "parent_asin"),
        role="items",
        change=_item,
    ),
    table_export(
        "amazon-2023",
        "Amazon reviews of 2023",
        ("user_id", "parent_asin", "rating", "timestamp"),
        {
            "user_id": "user_id",
            "text": "text",
            "title": "title",
            "item_id": "parent_asin",
            "rating": "rating",
            "timestamp": "timestamp",
            "image": "images",
        },
        change=_review_2018,
    ),
    table_export(
        "amazon-2023-items",
        "Amazon products of 2023",
        ("parent_asin", "title", ("store", "main_category", "average_rating")),
        {"item_id": "parent_asin", "item_title": "title", "brand": "store", "price": "price", "image": "images"},
        without=("user_id",),
        role="items",
        change=_item,
    ),
    Export(
        "amazon-ratings",
        "Amazon ratings without texts",
        {"user_id": "column 1", "item_id": "column 2", "rating": "column 3", "timestamp": "column 4"},
        _is_ratings_only,
        _ratings_reader,
    ),
    table_export(
        "amazon-customer-reviews",
        "Amazon Customer Reviews",
        ("marketplace", "customer_id", "product_id", "product_parent", "review_body"),
        {
            "user_id": "customer_id",
            "text": "review_body",
            "title": "review_headline",
            "item_id": "product_id",
            "item_title": "product_title",
            "rating": "star_rating",
            "timestamp": "review_date",
        },
    ),
    table_export(
        "amazon-books",
        "Amazon book reviews (Kaggle)",
        ("Id", "Title", "User_id", "review/score", "review/text"),
        {
            "user_id": "User_id",
            "text": "review/text",
            "title": "review/summary",
            "item_id": "Id",
            "item_title": "Title",
            "price": "Price",
            "rating": "review/score",
            "timestamp": "review/time",
        },
    ),
    no_texts(
        "amazon-books-items",
        "books that the reviews name already",
        lambda look: {"Title", "authors", "previewLink", "infoLink", "ratingsCount"} <= set(look.columns),
    ),
    table_export(
        "amazon-fine-foods",
        "Amazon fine food reviews (Kaggle)",
        ("ProductId", "UserId", "HelpfulnessNumerator", "Summary", "Text"),
        {
            "user_id": "UserId",
            "text": "Text",
            "title": "Summary",
            "item_id": "ProductId",
            "rating": "Score",
            "timestamp": "Time",
        },
    ),
    table_export(
        "snap-reviews",
        "Reviews in blocks of lines (SNAP)",
        (("review/userId", "review/profileName"), "review/text", "review/time"),
        {
            "user_id": ("review/userId", "review/profileName"),
            "text": "review/text",
            "title": "review/summary",
            "item_id": ("product/productId", "beer/beerId", "wine/wineId"),
            "item_title": ("product/title", "beer/name", "wine/name"),
            "price": "product/price",
            "rating": ("review/score", "review/overall", "review/points"),
            "timestamp": "review/time",
        },
        without=("Id",),
        change=_block,
    ),
)
