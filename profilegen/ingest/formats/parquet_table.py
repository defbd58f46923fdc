"""Parquet as a table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, cast

from profilegen.errors import InputError
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import READ_BYTES, Row, Table
from profilegen.language.cleaning import printable

# Rows held at once; few, because a row may hold a text of a megabyte.
_BATCH_ROWS = 256


def _open(file: OpenFile) -> Table:
    """Open Parquet as a table; columns that are not wanted are not read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # The buffer keeps pyarrow from taking whole columns of a row group at once.
        parquet = file.stack.enter_context(pq.ParquetFile(file.seekable(), buffer_size=READ_BYTES))
    except pa.ArrowException as error:
        raise InputError(f"cannot be read as Parquet: {printable(str(error))}") from None
    columns = tuple(parquet.schema_arrow.names)
    wanted = [name for name in columns if file.columns is None or name in file.columns]
    return Table(columns, "record", _rows(parquet, wanted))


FORMATS = (Format("parquet", (".parquet",), _open, magic=b"PAR1"),)


def _rows(file: Any, columns: list[str]) -> Iterator[tuple[int, Row]]:
    import pyarrow as pa

    numbers = count(1)
    try:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
            names = batch.schema.names
            for row in zip(*(_values(column) for column in batch.columns), strict=True):
                yield next(numbers), dict(zip(names, row, strict=True))
    except pa.ArrowException as error:
        raise InputError(f"broken Parquet after record {next(numbers) - 1}: {printable(str(error))}") from None


def _values(column: Any) -> list[object]:
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
        return [_value(value) for value in column]


def _value(value: Any) -> object:
    try:
        return cast(object, value.as_py())
    except (ValueError, OverflowError):
        return None  # a time outside the years that Python knows
