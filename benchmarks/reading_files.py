"""Measures how fast files become rows and documents, and in how much memory, beside the plain readers of Python.

    python -m benchmarks.reading_files --rows 10000000 --documents 100000

Files are written anew, each with the same rows. Every figure comes from a process of its own. The work of all but
`documents` is the same: every row comes out as Python values of user, text, rating and time, a part of the file at a
time. `plain` is the reader of the standard library (the csv module, json.loads on each line) or pyarrow's batches;
`duckdb` and `polars` are those libraries, which decode in all threads that there are (`--threads 1` for one). All
but ours know the names of the columns and their types, and take the encoding and whole rows for granted.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

_WORDS = (
    "boots",
    "kettle",
    "trail",
    "winter",
    "garden",
    "quiet",
    "coffee",
    "saddle",
    "lamp",
    "music",
    "river",
    "bread",
)
_FORMATS = ("csv", "jsonl", "parquet")
_COLUMNS = ("user_id", "text", "rating", "timestamp")
_BATCH_ROWS = 10_000


def main() -> int:
    """Write the files, measure each in a process, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of a file")
    parser.add_argument("--documents", type=int, default=100_000, help="rows that become documents")
    parser.add_argument("--measure", nargs=3, metavar=("WHAT", "FILE", "ROWS"), help=argparse.SUPPRESS)
    parser.add_argument("--write", nargs=3, metavar=("FILE", "FORMAT", "ROWS"), help=argparse.SUPPRESS)
    parser.add_argument("--formats", nargs="+", choices=_FORMATS, default=_FORMATS, help="formats that are measured")
    parser.add_argument("--threads", type=int, default=0, help="threads of DuckDB and Polars; 0 for all")
    options = parser.parse_args()
    if options.threads:
        os.environ["POLARS_MAX_THREADS"] = os.environ["BENCH_DUCKDB_THREADS"] = str(options.threads)
    if options.write:
        file, form, rows = options.write
        _write(Path(file), form, int(rows))
        return 0
    if options.measure:
        what, file, rows = options.measure
        print(json.dumps(_measured(_READERS[what], Path(file), int(rows))))
        return 0
    print("| file | MB | what | rows a second | rows a CPU second | peak memory, MB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for form in options.formats:
            path = Path(folder) / f"rows.{form}"
            # In a process of its own: the peak memory of a process is at least that of the one that started it.
            _run("--write", str(path), form, str(options.rows))
            for what in _READERS:
                rows = options.documents if what == "documents" else options.rows
                found = json.loads(_run("--measure", what, str(path), str(rows)))
                speed, work = found["rows"] / found["seconds"], found["rows"] / found["cpu_seconds"]
                size, memory = path.stat().st_size / 1e6, found["memory_mb"]
                print(f"| {form} | {size:.0f} | {what} | {speed:,.0f} | {work:,.0f} | {memory:.0f} |", flush=True)
            path.unlink()
    return 0


def _run(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.reading_files", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _write(path: Path, form: str, count: int) -> None:
    rows = (
        {
            "user_id": f"u{number % 9973}",
            "text": " ".join(_WORDS[(number * step) % len(_WORDS)] for step in range(1, 13)) + f" {number}",
            "rating": number % 5 + 1,
            "timestamp": 1_500_000_000 + number,
        }
        for number in range(count)
    )
    if form == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["user_id", "text", "rating", "timestamp"])
            writer.writeheader()
            writer.writerows(rows)
    elif form == "jsonl":
        with path.open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        first = pa.Table.from_pylist(list(islice(rows, 1)))
        with pq.ParquetWriter(path, first.schema) as writer:
            writer.write_table(first)
            while part := list(islice(rows, 50_000)):
                writer.write_table(pa.Table.from_pylist(part))


def _measured(reader: Callable[[Path], Iterable[Any]], path: Path, most: int) -> dict[str, float]:
    start = time.perf_counter()
    rows = sum(1 for _ in islice(reader(path), most))
    seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu_seconds = used.ru_utime + used.ru_stime
    return {"rows": rows, "seconds": seconds, "cpu_seconds": cpu_seconds, "memory_mb": used.ru_maxrss / 1024}


def _plain(path: Path) -> Iterator[Any]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH_ROWS):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
        return
    with path.open(newline="") as file:
        for row in csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, file):
            yield row["user_id"], row["text"], float(row["rating"]), int(row["timestamp"])


def _duckdb(path: Path) -> Iterator[Any]:
    import duckdb

    connection = duckdb.connect()
    if threads := os.environ.get("BENCH_DUCKDB_THREADS"):
        connection.execute(f"SET threads = {int(threads)}")
    connection.execute("SET memory_limit = '1.4GB'")
    reader = {".csv": "read_csv", ".jsonl": "read_json", ".parquet": "read_parquet"}[path.suffix]
    # A result of execute() is given in parts as they are read.
    result = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM {reader}(?)", [str(path)])
    while rows := result.fetchmany(_BATCH_ROWS):
        yield from rows


def _polars(path: Path) -> Iterator[Any]:
    import polars as pl

    scan = {".csv": pl.scan_csv, ".jsonl": pl.scan_ndjson, ".parquet": pl.scan_parquet}[path.suffix]
    for batch in scan(path).select(_COLUMNS).collect_batches(chunk_size=_BATCH_ROWS):
        yield from batch.iter_rows()


def _rows(path: Path) -> Iterator[Any]:
    from profilegen.ingest.columns import decoded
    from profilegen.ingest.sources import Source
    from profilegen.ingest.tables import open_table
    from profilegen.ingest.values import parse_number

    with open_table(Source(str(path), below=path.name), frozenset(_COLUMNS)) as table:
        for _, row in table.rows:
            assert isinstance(row, Mapping)
            text = decoded(row["text"])
            yield decoded(row["user_id"]), text, parse_number(row["rating"]), parse_number(row["timestamp"])


def _documents(path: Path) -> Iterator[Any]:
    from profilegen.ingest import Intake, read_documents

    return read_documents([str(path)], mapping={}, intake=Intake())


_READERS: dict[str, Callable[[Path], Iterable[Any]]] = {
    "plain": _plain,
    "duckdb": _duckdb,
    "polars": _polars,
    "rows": _rows,
    "documents": _documents,
}


if __name__ == "__main__":
    sys.exit(main())
