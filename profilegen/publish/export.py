"""Users, segments and documents as JSON Lines, CSV or Parquet."""

from __future__ import annotations

import csv
import io
import json
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, Literal, cast, get_args

from profilegen.disk import full_disk, is_full
from profilegen.errors import UsageError
from profilegen.publish.output import TerminalStream
from profilegen.publish.withholding import withhold_small
from profilegen.records import Document, Record, Segment, UserProfile, batches
from profilegen.store.store import Store

What = Literal["users", "segments", "documents"]
Format = Literal["jsonl", "csv", "parquet"]

_KINDS: dict[What, type[Record]] = {"users": UserProfile, "segments": Segment, "documents": Document}
_ROWS_TOGETHER = 5_000
# A spreadsheet evaluates a cell that begins with one of these (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def export(
    store: Store,
    what: What,
    format: Format,
    output: Path | None,
    *,
    category: str | None = None,
    min_segment_users: int = 1,
) -> int:
    """Write all users, segments or documents to a file or to standard output; returns how many.

    In CSV and Parquet, lists and records are JSON in a column of text. In CSV, text that a spreadsheet would take for
    a formula has an apostrophe before it; JSON Lines and Parquet hold every text exactly. The file appears when it is
    complete; an earlier one stays until then. Claims of a kind that `facets.toml` no longer has are in JSON Lines only.

    :param store: where they are read.
    :param what: which of the three.
    :param format: `jsonl`, `csv` or `parquet`.
    :param output: the file; None for standard output.
    :param category: of users, only those with an interest of this category (id or name) or of a category below it.
    :param min_segment_users: segments of fewer users are withheld, as `withhold_small` does it.
    :return: how many rows were written.
    :raises UsageError: the file cannot be written, or there is no such category.
    """
    rows: Iterable[Record]
    if what == "users":
        rows = store.users() if category is None else store.with_category(category)
    elif what == "segments":
        rows = withhold_small(store.segments(), min_segment_users)
    else:
        rows = store.documents()
    try:
        with _opened(output) as stream:
            return _WRITERS[format](rows, _KINDS[what], stream)
    except BrokenPipeError:
        raise
    except OSError as error:
        if output and is_full(error):
            raise full_disk(output) from error
        raise UsageError(f"cannot write {output or 'to standard output'}: {error.strerror}") from None


def export_text(text: str, output: Path | None) -> None:
    """Write a text to a file or to standard output; a file appears when it is complete.

    :param text: the whole content.
    :param output: the file; None for standard output.
    :raises UsageError: the file cannot be written.
    """
    try:
        with _opened(output) as stream:
            stream.write(text.encode("utf-8", "replace"))
    except BrokenPipeError:
        raise
    except OSError as error:
        if output and is_full(error):
            raise full_disk(output) from error
        raise UsageError(f"cannot write {output or 'to standard output'}: {error.strerror}") from None


def users_as_bytes(users: Iterable[UserProfile], format: Format) -> bytes:
    """Return what `export` would write of some users.

    :param users: their profiles.
    :param format: `jsonl`, `csv` or `parquet`.
    :return: the content of the file.
    """
    stream = io.BytesIO()
    _WRITERS[format](users, UserProfile, stream)
    return stream.getvalue()


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield cast("IO[bytes]", TerminalStream()) if sys.stdout.isatty() else sys.stdout.buffer
        sys.stdout.flush()
        return
    if output.exists() and not output.is_file():  # a named pipe, a device; of a directory this says that it is one
        with output.open("wb") as stream:
            yield stream
        return
    whole = output.resolve()  # A link stays one.
    draft = whole.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with draft.open("xb") as stream:
            yield stream
        draft.replace(whole)
    finally:
        draft.unlink(missing_ok=True)


def _write_jsonl(rows: Iterable[Record], kind: type[Record], stream: IO[bytes]) -> int:
    count = 0
    for row in rows:
        stream.write(row.model_dump_json().encode() + b"\n")
        count += 1
    return count


def _write_csv(rows: Iterable[Record], kind: type[Record], stream: IO[bytes]) -> int:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    columns = kind.exported_fields()
    writer.writerow(columns)
    count = 0
    for row in rows:
        cells = _flat(row)
        writer.writerow(_csv_cell(cells[column]) for column in columns)
        count += 1
    text.detach()
    return count


def _csv_cell(value: Any) -> Any:
    """Return a cell that a spreadsheet shows and never evaluates: such text gets an apostrophe, numbers stay."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


def _write_parquet(rows: Iterable[Record], kind: type[Record], stream: IO[bytes]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _column_type(pa, annotation)) for name, annotation in kind.exported_fields().items()])
    count = 0
    iterator = iter(rows)
    with pq.ParquetWriter(stream, schema) as writer:
        # At least one batch, so that a file without rows has its columns.
        for batch in chain([list(islice(iterator, _ROWS_TOGETHER))], batches(iterator, _ROWS_TOGETHER)):
            writer.write_table(pa.Table.from_pylist([_flat(row) for row in batch], schema=schema))
            count += len(batch)
    return count


def _flat(row: Record) -> dict[str, Any]:
    plain = row.model_dump(mode="json")
    return {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
        for name, value in plain.items()
    }


def _column_type(pa: Any, annotation: Any) -> Any:
    """Return the Parquet type of a field; a time is text in ISO 8601, as in JSON."""
    kinds = [part for part in get_args(annotation) or (annotation,) if part is not type(None)]
    scalar = kinds[0] if len(kinds) == 1 else str
    if scalar is datetime:
        return pa.string()
    return {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}.get(scalar, pa.string())


_WRITERS = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet}
