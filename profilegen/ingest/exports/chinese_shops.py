"""JD, Taobao and Dianping: what the shops return, and the collections of Zhang's group (Amazon and Dianping)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed, Reader, first_value, table_export

_JD: Mapping[str, tuple[str, ...]] = {
    "user_id": ("userId", "nickname"),
    "text": ("content",),
    "item_id": ("referenceId", "productId"),
    "item_title": ("referenceName", "productName"),
    "rating": ("score",),
    "timestamp": ("creationTime", "referenceTime"),
}
_TAOBAO: Mapping[str, tuple[str, ...]] = {
    "user_id": ("displayUserNick", "user.nick"),
    "text": ("rateContent", "content"),
    "item_id": ("auctionNumId", "aliMallSeller.itemId"),
    "item_title": ("auction.title", "auctionSku"),
    "timestamp": ("rateDate", "date"),
}
_DEFAULTS = ("此用户没有填写评价。", "此用户未填写评价内容", "此用户没有填写评论!", "此用户未及时填写评价内容")


def _one_or_many(
    name: str, title: str, keys: tuple[str, ...], wanted: set[str], fields: Mapping[str, tuple[str, ...]]
) -> Export:
    """Return the export of reviews that are rows, or that stand in a list in a row."""

    def reviews(row: Mapping[str, object]) -> list[Mapping[str, object]]:
        for path in keys:
            inner = first_value(row, (path,))
            if isinstance(inner, list):
                return [each for each in inner if isinstance(each, Mapping)]
        return [row]

    def recognises(look: Look) -> bool:
        return any(wanted <= review.keys() for row in look.rows[:20] for review in reviews(row)[:20])

    def read(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
        for review in reviews(row):
            found = {field: first_value(review, names) for field, names in fields.items()}
            if not found["text"] or str(found["text"]).strip() in _DEFAULTS:
                yield Passed("no text")
            else:
                yield found

    def reader(look: Look) -> Reader:
        return read

    return Export(name, title, dict(fields), recognises, reader)


EXPORTS = (
    _one_or_many("jd", "JD reviews", ("comments",), {"content", "score", "creationTime"}, _JD),
    _one_or_many("taobao", "Taobao reviews", ("rateDetail.rateList", "rateList"), {"rateContent", "rateDate"}, _TAOBAO),
    table_export(
        "dianping",
        "Dianping reviews",
        ("userId", "restId", ("comment", "rating_env")),
        {
            "user_id": "userId",
            "text": "comment",
            "item_id": "restId",
            "rating": "rating",
            "timestamp": "timestamp",
        },
    ),
    table_export(
        "dianping-items",
        "Dianping restaurants",
        ("restId", "name"),
        {"item_id": "restId", "item_title": "name"},
        without=("userId",),
        role="items",
    ),
    table_export(
        "amazon-china",
        "Amazon China reviews",
        ("userId", "productId", "rating", "comment"),
        {
            "user_id": "userId",
            "text": "comment",
            "title": "title",
            "item_id": "productId",
            "rating": "rating",
            "timestamp": "timestamp",
        },
    ),
    table_export(
        "amazon-china-items",
        "Amazon China products",
        ("productId", "name", "catIds"),
        {"item_id": "productId", "item_title": "name"},
        role="items",
    ),
)
