"""Parquet as a table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import count
from typing import IO, Any, cast

from profilegen.errors import InputError
from profilegen.ingest.columns import ColumnMap, columns_by_field
from profilegen.ingest.rows import READ_BYTES, Row, Table

# Few, since a row may hold a text of a megabyte.
_PARQUET_ROWS = 256


def parquet_table(source: str | IO[bytes], mapping: ColumnMap, stack: contextlib.ExitStack) -> Table:
    """Open Parquet as a table of those of its columns that hold a field.

    :param stack: closes the file.
    :raises InputError: it is not whole, or no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # The buffer keeps pyarrow from taking whole columns of a row group at once.
        file = stack.enter_context(pq.ParquetFile(source, buffer_size=READ_BYTES))
    except pa.ArrowException as error:
        raise InputError(f"cannot be read as Parquet: {error}") from None
    columns = tuple(file.schema_arrow.names)
    return Table(columns, "record", _parquet_rows(file, list(columns_by_field(columns, mapping).values())))


def _parquet_rows(file: Any, columns: list[str]) -> Iterator[tuple[int, Row]]:
    import pyarrow as pa

    numbers = count(1)
    try:
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, columns=columns):
            names = batch.schema.names
            for row in zip(*(_parquet_values(column) for column in batch.columns), strict=True):
                yield next(numbers), dict(zip(names, row, strict=True))
    except pa.ArrowException as error:
        raise InputError(f"broken Parquet after record {next(numbers) - 1}: {error}") from None


def _parquet_values(column: Any) -> list[object]:
    """Return Python values; texts as bytes, since one invalid text would be an error for all 256."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        return cast(list[object], column.to_pylist())
    except (ValueError, OverflowError):
        return [_parquet_value(value) for value in column]


def _parquet_value(value: Any) -> object:
    try:
        return cast(object, value.as_py())
    except (ValueError, OverflowError):
        return None  # a time that Python cannot say
