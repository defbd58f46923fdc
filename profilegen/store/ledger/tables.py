"""An open ledger: its transactions, and its rows a page at a time."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from profilegen.records import STORED, Record, batches
from profilegen.store.ledger.files import damaged, explained, newer, unknown_field

Row = tuple[Any, ...]
T = TypeVar("T")
R = TypeVar("R", bound=Record)

BATCH_ROWS = 1_000
# Rows read at once. Pages instead of one long cursor: a reader that stays in one transaction for the hours of
# a build keeps SQLite from ever folding the write-ahead log back into the file.
PAGE_ROWS = 256


class Tables:
    """What the parts of `Ledger` are made of, each of which knows some of its tables.

    :param path: of the SQLite file, for messages.
    :param connection: open to that file, in autocommit mode.
    :param read_only: whether nothing may be written through it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, read_only: bool) -> None:
        self._path = path
        self._connection = connection
        self._read_only = read_only

    def get_meta(self, key: str) -> Any:
        """Return a fact about the store, or None.

        :param key: the name under which `set_meta` stored it.
        :return: a JSON value.
        :raises StoreError: it is damaged.
        """
        row = self._one("SELECT value FROM meta WHERE key = ?", (key,))
        if row is None:
            return None
        with self._intact(f"the fact {key!r}"):
            return json.loads(row[0])

    def set_meta(self, key: str, value: Any) -> None:
        """Store a fact about the store, which is no change of revision.

        :param key: its name.
        :param value: a JSON value, in place of what was there.
        """
        with self._transaction():
            self._set_meta(key, value)

    def revision(self) -> str:
        """Return a random word that is another after every change of what the index holds."""
        return str(self.get_meta("revision"))

    @contextmanager
    def _intact(self, what: str) -> Iterator[None]:
        """Raise errors in what a row holds as errors of the ledger.

        :param what: the row, in words, as `the profile of 'u1'`.
        :raises StoreError: the row cannot be read.
        """
        try:
            yield
        except (ValueError, TypeError) as error:  # pydantic's and json's errors are ValueErrors.
            if isinstance(error, ValidationError) and (name := unknown_field(error)):
                raise newer(self._path, f"{what} has the field {name!r}") from error
            raise damaged(self._path, f"{what} cannot be read: {_first_line(error)}") from error

    def _record(self, kind: type[R], record: str, what: str) -> R:
        """Return a stored record; parameters as of `_intact`."""
        with self._intact(what):
            return kind.model_validate_json(record, context=STORED)

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        with explained(self._path):
            # Not `yield from`: it would close the cursor of a generator that Ctrl-C left behind, after the connection.
            for row in self._connection.execute(sql, parameters):  # noqa: UP028
                yield row

    def _added_rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        """Yield the rows of a query on the tables of `ADDED`; none where an older version made the ledger."""
        if next(self._rows("SELECT 1 FROM sqlite_master WHERE name = 'decisions'"), None):
            yield from self._rows(sql, parameters)

    def _near_segments(self) -> tuple[str, str]:
        """Return the column of near segments and the join that brings it; NULL where an older version made the ledger.

        :return: two pieces of SQL for a query on memberships.
        """
        if next(self._rows("SELECT 1 FROM sqlite_master WHERE name = 'near_segments'"), None):
            return "near", "LEFT JOIN near_segments USING (user_id)"
        return "NULL", ""

    def _among(self, sql: str, values: Iterable[str]) -> Iterator[Row]:
        """Yield the rows of a query for many values, so many at a time; they go where `{}` stands in it."""
        for batch in batches(values, PAGE_ROWS):
            yield from self._rows(sql.format(f"({_marks(batch)})"), batch)

    def _one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        return next(self._rows(sql, parameters), None)

    def _count(self, sql: str) -> int:
        return int(next(self._rows(sql))[0])

    def _paged(self, sql: str, start: str | int) -> Iterator[Row]:
        """Yield the rows of a query over (key to start after, how many) whose first column is the key."""
        while rows := list(self._rows(sql, (start, PAGE_ROWS))):
            yield from rows
            start = rows[-1][0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement inside a transaction; returns how many rows it touched."""
        return self._connection.execute(sql, parameters).rowcount

    def _set_meta(self, key: str, value: Any) -> None:
        self._connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (key, json.dumps(value)),
        )

    def _touch(self) -> None:
        # A random word and not a number that grows: after a ledger was restored from a copy, or made again
        # beside an old index, a number would come again and that index would pass as this ledger's.
        self._set_meta("revision", secrets.token_hex(8))


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join([*map(str, first["loc"]), first["msg"]])
    return str(error).partition("\n")[0]
