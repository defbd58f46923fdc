"""Amazon: what a person ordered, from Amazon's copy of one's data and from the order reports of before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from profilegen.ingest.exports.export import Export, Fields, Look, Passed
from profilegen.ingest.exports.nested import as_text

_COLUMNS = {"item_title": "Product Name", "item_id": "ASIN", "price": "Unit Price", "timestamp": "Order Date"}
_REPORT = {
    "item_title": "Title",
    "item_id": "ASIN/ISBN",
    "price": "Purchase Price Per Unit",
    "timestamp": "Order Date",
}


def _is_orders(look: Look) -> bool:
    return {"Order ID", *_COLUMNS.values()} <= set(look.columns)


def _is_report(look: Look) -> bool:
    return {"Order ID", *_REPORT.values()} <= set(look.columns)


def _order(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    return _item(row, _COLUMNS)


def _report(row: Mapping[str, object]) -> Iterable[Fields | Passed]:
    return _item(row, _REPORT)


def _item(row: Mapping[str, object], columns: Mapping[str, str]) -> Iterable[Fields | Passed]:
    if as_text(row.get("Order Status")).strip().casefold() in ("cancelled", "canceled"):
        yield Passed("cancelled")
        return
    known = {field: as_text(row.get(column)).strip() for field, column in columns.items()}
    yield {field: value for field, value in known.items() if value != "Not Available"} | {"event": "ordered"}


EXPORTS = (
    Export("amazon-orders", "Amazon order history", _COLUMNS, _is_orders, lambda look: _order),
    Export("amazon-order-report", "Amazon order report", _REPORT, _is_report, lambda look: _report),
)
