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
from typing import IO, Any, Literal, get_args

from profilegen.errors import UsageError
from profilegen.records import Document, Record, Segment, UserProfile
from profilegen.store.store import Store

What = Literal["users", "segments", "documents"]
Format = Literal["jsonl", "csv", "parquet"]

_KINDS: dict[What, type[Record]] = {"users": UserProfile, "segments": Segment, "documents": Document}
_ROWS_TOGETHER = 5_000


def export(store: Store, what: What, format: Format, output: Path | None, *, category: str | None = None) -> int:
    """Write all of a kind to a file, or to standard output where `output` is None; returns how many.

    In CSV and Parquet, lists and records are JSON in a column of text. The file is there when it is whole; one
    that was there before stays until then.

    :param category: of users, only those with an interest of this category (id or name) or of one that it holds.
    :raises UsageError: the file cannot be written, or there is no such category.
    """
    rows: Iterable[Record]
    if what == "users":
        rows = store.users() if category is None else store.with_category(category)
    elif what == "segments":
        rows = store.segments()
    else:
        rows = store.documents()
    try:
        with _opened(output) as stream:
            return _WRITERS[format](rows, _KINDS[what], stream)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"cannot write {output or 'to standard output'}: {error.strerror}") from None


def export_text(text: str, output: Path | None) -> None:
    """Write a page for people where `export` writes rows.

    :raises UsageError: the file cannot be written.
    """
    try:
        with _opened(output) as stream:
            stream.write(text.encode("utf-8", "replace"))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"cannot write {output or 'to standard output'}: {error.strerror}") from None


def users_as_bytes(users: Iterable[UserProfile], format: Format) -> bytes:
    """Return what `export` would write of some users."""
    stream = io.BytesIO()
    _WRITERS[format](users, UserProfile, stream)
    return stream.getvalue()


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
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
    writer.writerow(kind.model_fields)
    count = 0
    for row in rows:
        writer.writerow(_flat(row).values())
        count += 1
    text.detach()
    return count


def _write_parquet(rows: Iterable[Record], kind: type[Record], stream: IO[bytes]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _column_type(pa, field.annotation)) for name, field in kind.model_fields.items()])
    count = 0
    iterator = iter(rows)
    with pq.ParquetWriter(stream, schema) as writer:
        # At least one batch, so that a file without rows has its columns.
        for batch in chain([list(islice(iterator, _ROWS_TOGETHER))], _batches(iterator)):
            writer.write_table(pa.Table.from_pylist([_flat(row) for row in batch], schema=schema))
            count += len(batch)
    return count


def _batches(rows: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(rows, _ROWS_TOGETHER)):
        yield batch


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
