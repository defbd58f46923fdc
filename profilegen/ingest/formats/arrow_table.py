"""Arrow files, Feather files, and Arrow streams such as those of the library `datasets`, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from profilegen.ingest.formats.arrow_rows import rows_of
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import DamagedError, Row, Table
from profilegen.language.cleaning import printable

_FILE_MAGIC = b"ARROW1"
# How the first message of a stream begins, before its length.
_STREAM_MAGIC = b"\xff\xff\xff\xff"


def _open(file: OpenFile) -> Table:
    import pyarrow as pa

    try:
        schema, batches = _batches(file)
    except (pa.ArrowException, OSError) as error:
        raise DamagedError(f"cannot be read as Arrow: {printable(str(error))}") from None
    return Table(tuple(schema.names), "record", _rows(batches, file.columns))


FORMATS = (Format("arrow", (".arrow", ".feather", ".arrows"), _open, magic=(_FILE_MAGIC, _STREAM_MAGIC)),)


def _batches(file: OpenFile) -> tuple[Any, Iterator[Any]]:
    """Return the schema of a file or of a stream, and its batches."""
    import pyarrow as pa

    if not file.head.startswith(_FILE_MAGIC):
        stream = file.stack.enter_context(pa.ipc.open_stream(file.stream))
        return stream.schema, iter(stream)
    place = file.seekable()
    content = file.stack.enter_context(pa.memory_map(place) if isinstance(place, str) else pa.PythonFile(place))
    whole = file.stack.enter_context(pa.ipc.open_file(content))
    return whole.schema, (whole.get_batch(number) for number in range(whole.num_record_batches))


def _rows(batches: Iterator[Any], columns: frozenset[str] | None) -> Iterator[tuple[int, Row]]:
    import pyarrow as pa

    numbers = count(1)
    try:
        for batch in batches:
            wanted = [name for name in batch.schema.names if columns is None or name in columns]
            for row in rows_of(_checked(batch.select(wanted))):
                yield next(numbers), row
    except (pa.ArrowException, OSError) as error:
        raise DamagedError(f"broken Arrow after record {next(numbers) - 1}: {printable(str(error))}") from None


def _checked(batch: Any) -> Any:
    """Return a batch whose offsets lie in its buffers, with its texts as bytes: Arrow itself does not look."""
    import pyarrow as pa

    columns = [_as_bytes(column) for column in batch.columns]
    for column in columns:
        column.validate(full=True)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _as_bytes(column: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_string(column.type):
        return column.view(pa.binary())
    return column.view(pa.large_binary()) if pa.types.is_large_string(column.type) else column
