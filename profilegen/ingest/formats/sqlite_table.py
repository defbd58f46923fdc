"""A table of an SQLite database."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from urllib.parse import quote

from profilegen.errors import InputError
from profilegen.ingest.formats.choice import Candidate, choose
from profilegen.ingest.formats.format import Format, OpenFile
from profilegen.ingest.rows import MAX_RECORD_BYTES, Row, Table
from profilegen.language.cleaning import printable

_SAMPLE_ROWS = 50


def _open(file: OpenFile) -> Table:
    """Open a table of a database, which is not written to: the one with users and texts, or the one that was named."""
    try:
        database = _connect(file)
        chosen = choose(_tables(database), file.part, "table")
        wanted = [name for name in chosen.columns if file.columns is None or name in file.columns]
        context = {"table": chosen.name}
        return Table(chosen.columns, "record", _rows(database, chosen.name, wanted), context)
    except sqlite3.Error as error:
        raise InputError(f"cannot be read as SQLite: {printable(str(error))}") from None


FORMATS = (Format("sqlite", (".sqlite", ".sqlite3", ".db3", ".db"), _open, magic=b"SQLite format 3\0", has_parts=True),)


def _connect(file: OpenFile) -> sqlite3.Connection:
    """Open a database that nothing is changed in; what its log holds is read from a copy of both."""
    path = file.on_disk()
    log = Path(f"{path}-wal")
    mode = "immutable=1"
    if file.path is not None and log.is_file() and log.stat().st_size:
        folder = file.stack.enter_context(tempfile.TemporaryDirectory())
        path = shutil.copy(path, f"{folder}/copy.db")
        shutil.copy(log, f"{path}-wal")
        mode = "mode=rw"
    database = sqlite3.connect(f"file:{quote(str(Path(path).absolute()))}?{mode}", uri=True)
    file.stack.callback(database.close)
    database.text_factory = _text
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_RECORD_BYTES)
    # A file of a stranger may bring code of SQL: none of it runs but what SQLite holds harmless.
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA query_only = ON")
    return database


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value  # Who uses it counts its row as broken.


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _tables(database: sqlite3.Connection) -> list[Candidate]:
    """Return the tables that hold rows; views and virtual tables could compute without an end."""
    found = database.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' "
        "AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
    ).fetchall()
    return [each for (name,) in found if (each := _looked_at(database, name)).rows]


def _looked_at(database: sqlite3.Connection, name: str) -> Candidate:
    table = _quoted(name)
    # Hidden columns are left out here, and computed ones, which may be expensive, too.
    columns = tuple(row[1] for row in database.execute(f"PRAGMA table_info({table})"))
    (rows,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    sample = [row for _, row in zip(range(_SAMPLE_ROWS), _mappings(database, name, columns), strict=False)]
    return Candidate(name, columns, rows, sample)


def _rows(database: sqlite3.Connection, name: str, columns: list[str]) -> Iterator[tuple[int, Row]]:
    numbers = count(1)
    try:
        for row in _mappings(database, name, tuple(columns)):
            yield next(numbers), row
    except sqlite3.Error as error:
        raise InputError(f"broken SQLite after record {next(numbers) - 1}: {printable(str(error))}") from None


def _mappings(database: sqlite3.Connection, name: str, columns: tuple[str, ...]) -> Iterator[Mapping[str, object]]:
    wanted = ", ".join(map(_quoted, columns)) or "1"
    for row in database.execute(f"SELECT {wanted} FROM {_quoted(name)}"):
        yield dict(zip(columns, row, strict=False))
