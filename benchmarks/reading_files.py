"""Measures how fast files become rows and documents, and in how much memory, beside the plain readers of Python.

    python -m benchmarks.reading_files --rows 1000000 --documents 100000

Files are written anew, each with the same rows. Every figure comes from a process of its own. The plain reader of a
format (the csv module, json.loads on each line, pyarrow's batches) does less: it knows neither encodings nor rows that
are broken.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
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


def main() -> int:
    """Write the files, measure each in a process, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of a file")
    parser.add_argument("--documents", type=int, default=100_000, help="rows that become documents")
    parser.add_argument("--measure", nargs=3, metavar=("WHAT", "FILE", "ROWS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, file, rows = options.measure
        print(json.dumps(_measured(_READERS[what], Path(file), int(rows))))
        return 0
    print("| file | MB | what | rows a second | peak memory, MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for form in _FORMATS:
            path = _written(Path(folder) / f"rows.{form}", form, options.rows)
            for what, rows in (("plain", options.rows), ("rows", options.rows), ("documents", options.documents)):
                command = [sys.executable, "-m", "benchmarks.reading_files", "--measure", what, str(path), str(rows)]
                found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                speed, memory = found["rows"] / found["seconds"], found["memory_mb"]
                print(
                    f"| {form} | {path.stat().st_size / 1e6:.0f} | {what} | {speed:,.0f} | {memory:.0f} |", flush=True
                )
            path.unlink()
    return 0


def _written(path: Path, form: str, count: int) -> Path:
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
    return path


def _measured(reader: Callable[[Path], Iterable[Any]], path: Path, most: int) -> dict[str, float]:
    start = time.perf_counter()
    rows = sum(1 for _ in islice(reader(path), most))
    seconds = time.perf_counter() - start
    return {"rows": rows, "seconds": seconds, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _plain(path: Path) -> Iterator[Any]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
            yield from batch.to_pylist()
        return
    with path.open(newline="") as file:
        yield from csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, file)


def _rows(path: Path) -> Iterator[Any]:
    from profilegen.ingest.sources import Source
    from profilegen.ingest.tables import open_table

    with open_table(Source(str(path), below=path.name)) as table:
        yield from table.rows


def _documents(path: Path) -> Iterator[Any]:
    from profilegen.ingest import Intake, read_documents

    return read_documents([str(path)], mapping={}, intake=Intake())


_READERS: dict[str, Callable[[Path], Iterable[Any]]] = {"plain": _plain, "rows": _rows, "documents": _documents}


if __name__ == "__main__":
    sys.exit(main())
