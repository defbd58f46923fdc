"""Parquet as a table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from profilegen.ingest.formats.arrow_rows import BATCH_ROWS, rows_of
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import READ_BYTES, DamagedError, Row, Table
from profilegen.language.cleaning import printable


def _open(file: OpenFile) -> Table:
    """Open Parquet as a table; columns that are not wanted are not read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # The buffer keeps pyarrow from taking whole columns of a row group at once.
        parquet = file.stack.enter_context(pq.ParquetFile(file.seekable(), buffer_size=READ_BYTES))
    except pa.ArrowException as error:
        raise DamagedError(f"cannot be read as Parquet: {printable(str(error))}") from None
    columns = tuple(parquet.schema_arrow.names)
    wanted = [name for name in columns if file.columns is None or name in file.columns]
    return Table(columns, "record", _rows(parquet, wanted))


FORMATS = (Format("parquet", (".parquet", ".pq"), _open, magic=b"PAR1"),)


def _rows(file: Any, columns: list[str]) -> Iterator[tuple[int, Row]]:
    import pyarrow as pa

    numbers = count(1)
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns):
            for row in rows_of(batch):
                yield next(numbers), row
    except (pa.ArrowException, OSError) as error:
        raise DamagedError(f"broken Parquet after record {next(numbers) - 1}: {printable(str(error))}") from None
