"""Rows of Arrow's batches as Python values: what Parquet and Arrow files share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

# Rows held at once; few, because a row may hold a text of a megabyte.
BATCH_ROWS = 256
# Bytes that are no character: who uses such a value counts its row as broken.
_INVALID = b"\xff"


def rows_of(batch: Any) -> Iterator[dict[str, object]]:
    """Yield the rows of a batch: structs and maps as dicts, lists as lists.

    :param batch: a `pyarrow.RecordBatch` of any size.
    """
    names = batch.schema.names
    for start in range(0, batch.num_rows, BATCH_ROWS):
        part = batch.slice(start, BATCH_ROWS)
        for row in zip(*(_values(column) for column in part.columns), strict=True):
            yield dict(zip(names, row, strict=True))


def _values(column: Any) -> list[object]:
    """Return Python values; texts as bytes, since one invalid text would be an error for all of them."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        return cast(list[object], column.to_pylist(maps_as_pydicts="lossy"))
    except (ValueError, OverflowError):
        return [_value(value) for value in column]


def _value(value: Any) -> object:
    try:
        return cast(object, value.as_py(maps_as_pydicts="lossy"))
    except UnicodeDecodeError:
        return _INVALID
    except (ValueError, OverflowError):
        return None  # a time outside the years that Python knows
