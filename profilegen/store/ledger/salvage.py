"""What can still be read of a damaged ledger: each row of each table is looked at, and sound ones can be copied.

The texts of users stand in the input, and all that was made of them can be made again. What persons decided and saved
stands in the ledger alone, so that a row of theirs that cannot be read is lost.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from pydantic import ValidationError

from profilegen.records import STORED, BuildReport, Decision, Document, Record, Segment, UserProfile
from profilegen.store.files import LEDGER_FILE
from profilegen.store.ledger.audiences import Audience
from profilegen.store.ledger.files import connect, empty, explained, newer, unknown_field
from profilegen.store.ledger.packing import unpack_near, unpack_one
from profilegen.store.ledger.removal import COMMON_COUNTS
from profilegen.store.ledger.schema import SCHEMA_VERSION, TABLES
from profilegen.store.ledger.tables import Row

R = TypeVar("R", bound=Record)

DAMAGED_FILE = f"{LEDGER_FILE}.damaged"
"""What a ledger is called once a repaired one is in its place; the next build that finishes removes it."""
_REPAIRED_FILE = f"{LEDGER_FILE}.repaired"

_AGAIN_FROM_FILES = "read again from the files by the next build"
_AGAIN = "made again by the next build"
_LOST = "lost unless you have a copy of the store"
# Those that are made again have a price: of readings, what a writer reads.
_TABLES: Mapping[str, str] = {
    "meta": f"{_AGAIN}, but for what persons chose: name --mask and --pseudonyms as before, and take whom you had "
    "forgotten out of the files",
    "documents": _AGAIN_FROM_FILES,
    "users": _AGAIN,
    "readings": "read by the writer again when their users change",
    "profiles": _AGAIN,
    "claims": _AGAIN,
    "interest_categories": _AGAIN,
    "memberships": _AGAIN,
    "near_segments": _AGAIN,
    "clustered": _AGAIN,
    "points": _AGAIN,
    "segments": _AGAIN,
    "builds": "lost: reports of builds",
    "history": "lost: what earlier builds changed",
    "decisions": _LOST,
    "audiences": _LOST,
    "audience_users": _LOST,
    "forgotten": "lost: who was forgotten comes back from files that have their texts",
}
# All that a clustering left, which is of use only as a whole.
_CLUSTERING = ("memberships", "near_segments", "clustered", "points")
_CLUSTERING_FACTS = ("clusters", "clustered", "laid out", "map")


class TableState(NamedTuple):
    """What is left of a table.

    :param table: its name.
    :param rows: number of sound rows.
    :param unreadable: number of rows that hold something else than they should.
    :param is_whole: whether all rows could be reached; else it is not known how many are missing.
    :param consequence: what becomes of rows that are not sound, in words.
    """

    table: str
    rows: int
    unreadable: int
    is_whole: bool
    consequence: str

    @property
    def is_sound(self) -> bool:
        """Whether nothing of the table is damaged."""
        return self.is_whole and not self.unreadable


class LedgerState(NamedTuple):
    """What is left of a ledger.

    :param tables: of each table what is left.
    :param fault: the first thing that SQLite finds wrong with the file; empty if nothing.
    """

    tables: tuple[TableState, ...]
    fault: str

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.fault and all(table.is_sound for table in self.tables)


def examine_ledger(directory: Path) -> LedgerState:
    """Return what is left of a ledger, from looking at every row; nothing is changed.

    :param directory: the store.
    :raises StoreError: there is no ledger, nothing of it can be read, or it is of a newer version.
    """
    with closing(_opened(directory)) as connection:
        tables = tuple(_state(connection, table) for table in _TABLES)
    # As others open it, for whom a file that is cut off is damaged even where no row is missing.
    with closing(connect(directory, create=False, read_only=True, check=False)) as connection:
        try:
            found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
        except sqlite3.DatabaseError as error:
            found = str(error)
    return LedgerState(tables, "" if found == "ok" else found.strip().splitlines()[-1])


def repair_ledger(directory: Path) -> LedgerState:
    """Put a ledger in place that holds the sound rows of a damaged one; needs the write lock.

    The damaged file is renamed to `DAMAGED_FILE`. Rows that hang together go as a whole: a profile with its claims, a
    clustering with the map.

    :param directory: the store.
    :return: what was left of the damaged one.
    :raises StoreError: nothing of the ledger can be read, or it is of a newer version.
    """
    path, draft = directory / LEDGER_FILE, directory / _REPAIRED_FILE
    state = examine_ledger(directory)
    remove_damaged(directory)
    with (
        closing(_opened(directory)) as damaged,
        explained(draft),
        closing(connect(directory, create=True, read_only=False, name=_REPAIRED_FILE)) as repaired,
    ):
        repaired.execute("PRAGMA foreign_keys = OFF")  # Rows come before those that they refer to.
        repaired.execute("BEGIN IMMEDIATE")
        _copy(damaged, repaired, {table.table: table.is_sound for table in state.tables})
        repaired.execute("COMMIT")
        repaired.execute("PRAGMA journal_mode = DELETE")  # All in one file, which is then renamed.
    with draft.open("rb+") as written:
        os.fsync(written.fileno())
    set_aside(directory)
    draft.replace(path)
    return state


def set_aside(directory: Path) -> None:
    """Give a damaged ledger the name `DAMAGED_FILE` too, and take its log from it; needs the write lock.

    The log goes before a new ledger comes: SQLite would write what stands in it into that one.

    :param directory: the store.
    """
    _remove(directory / DAMAGED_FILE)
    files = _with_logs(directory / LEDGER_FILE)
    for old, new in zip(files, _with_logs(directory / DAMAGED_FILE), strict=True):
        with suppress(FileNotFoundError):
            os.link(old, new)
    for log in files[1:]:
        log.unlink(missing_ok=True)


def remove_damaged(directory: Path) -> int:
    """Remove the damaged ledger that a repair left beside the new one, and what a killed repair left.

    :param directory: the store.
    :return: how many of these two there were.
    """
    left = [directory / DAMAGED_FILE, directory / _REPAIRED_FILE]
    count = sum(any(file.exists() for file in _with_logs(path)) for path in left)
    for path in left:
        _remove(path)
    return count


def _remove(path: Path) -> None:
    for file in _with_logs(path):
        file.unlink(missing_ok=True)


def _with_logs(path: Path) -> tuple[Path, Path, Path]:
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _opened(directory: Path) -> sqlite3.Connection:
    """Open a ledger, damaged or not, to read what can be read of it."""
    path = directory / LEDGER_FILE
    if path.is_file() and not path.stat().st_size:
        raise empty(path)
    connection = connect(directory, create=False, read_only=True, check=False)
    try:
        with explained(path):
            connection.execute("PRAGMA writable_schema = ON")  # Else SQLite reads nothing of a file that is cut off.
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise newer(path, f"ledger version {version}")
    except BaseException:
        connection.close()
        raise
    return connection


# --- one table --------------------------------------------------------------------------------------------


def _state(connection: sqlite3.Connection, table: str) -> TableState:
    rows = unreadable = 0
    is_whole = True
    size = _vector_bytes(connection)
    for row in _rows(connection, table):
        if row is None:
            is_whole = False
        elif _is_sound(table, row, size):
            rows += 1
        else:
            unreadable += 1
    return TableState(table, rows, unreadable, is_whole, _TABLES[table])


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[Row | None]:
    """Yield the rows of a table: those before a damaged page, None, and those behind the last damaged page."""
    try:
        key = _key(connection, table)
    except sqlite3.DatabaseError:
        yield None
        return
    if not key:
        if f"CREATE TABLE {table} (" in TABLES:  # Those of later versions are made when a build opens the ledger.
            yield None
        return
    seen: set[Row] = set()
    for order in ("ASC", "DESC"):
        by = ", ".join(f"{name} {order}" for name in key)
        try:
            for row in connection.execute(f"SELECT {', '.join(key)}, * FROM {table} ORDER BY {by}"):
                if row[: len(key)] in seen:
                    return
                seen.add(row[: len(key)])
                yield row[len(key) :]
            return
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            yield None


def _key(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns that a table is stored by; none where there is no such table."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    if not columns:
        return []
    try:
        connection.execute(f"SELECT rowid FROM {table} LIMIT 0")
    except sqlite3.OperationalError:  # It is without.
        return [row[1] for row in sorted(columns, key=lambda row: row[5]) if row[5]]
    return ["rowid"]


# --- one row ----------------------------------------------------------------------------------------------


def _vector_bytes(connection: sqlite3.Connection) -> int:
    """Return the length of most vectors of users; 0 where there is none that can be read."""
    sql = "SELECT length(vector) FROM users WHERE vector IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC"
    with suppress(sqlite3.DatabaseError):
        return int((connection.execute(sql).fetchone() or (0,))[0] or 0)
    return 0


def _is_sound(table: str, row: Row, vector_bytes: int) -> bool:
    """Return whether a row holds what it should; a field that is not known is no damage, and raised.

    :param vector_bytes: as of `_vector_bytes`.
    """
    try:
        vectors = [row[at] for at in _VECTORS.get(table, ()) if row[at] is not None]
        if vector_bytes and any(len(vector) != vector_bytes for vector in vectors):
            return False
        return _CHECKS.get(table, _holds_something)(row)
    except (ValueError, TypeError, LookupError, AttributeError):
        return False


def _holds_something(row: Row) -> bool:
    return all(value is not None for value in row)


def _is_fact(row: Row) -> bool:
    json.loads(row[1])
    return bool(row[0])


def _is_document(row: Row) -> bool:
    id_, user_id, hash_, embedded, record, text_vector, item_vector = row
    document = _record(Document, record)
    return (
        hash_ == blake2b(record.encode(), digest_size=16).digest()
        and len(embedded) == 16
        and (document.id, document.user_id) == (id_, user_id)
        and _is_vector(text_vector)
        and _is_vector(item_vector)
    )


def _is_user(row: Row) -> bool:
    return _holds_something(row[:3]) and _is_vector(row[3])


def _is_claim(row: Row) -> bool:
    return _holds_something(row) and isinstance(row[4], float) and _is_vector(row[5])


def _is_profile(row: Row) -> bool:
    profile = _record(UserProfile, row[3])
    return (profile.user_id, profile.status) == (row[0], row[2])


def _is_segment(row: Row) -> bool:
    return _record(Segment, row[2]).id == row[0] and _is_vector(row[3])


def _is_membership(row: Row) -> bool:
    return _holds_something(row) and 0 <= float(row[2]) <= 1


def _is_near(row: Row) -> bool:
    return bool(row[0]) and unpack_near(row[1]) is not None


def _is_point(row: Row) -> bool:
    return bool(np.isfinite([float(row[1]), float(row[2])]).all())


def _is_reading(row: Row) -> bool:
    stored = json.loads(row[2])
    return _holds_something(row) and isinstance(stored["passages"], list) and isinstance(stored["notes"], list)


def _is_build(row: Row) -> bool:
    return bool(datetime.fromisoformat(row[1])) and bool(_record(BuildReport, row[2]))


def _is_history(row: Row) -> bool:
    json.loads(row[4])
    return _holds_something(row)


def _is_decision(row: Row) -> bool:
    decision = _record(Decision, row[8])
    return (decision.id, decision.action) == (row[0], row[3]) and bool(datetime.fromisoformat(row[1]))


def _is_audience(row: Row) -> bool:
    return bool(_record(Audience, row[1]))


def _is_vector(blob: Any) -> bool:
    return blob is None or (isinstance(blob, bytes) and len(blob) > 0 and unpack_one(blob) is not None)


def _record(kind: type[R], record: Any) -> R:
    try:
        return kind.model_validate_json(record, context=STORED)
    except ValidationError as error:
        if name := unknown_field(error):
            raise newer(Path(LEDGER_FILE), f"the field {name!r}") from error
        raise


# Where the vectors of a row are.
_VECTORS: Mapping[str, tuple[int, ...]] = {"documents": (5, 6), "users": (3,), "claims": (5,), "segments": (3,)}
_CHECKS: Mapping[str, Callable[[Row], bool]] = {
    "meta": _is_fact,
    "documents": _is_document,
    "users": _is_user,
    "profiles": _is_profile,
    "claims": _is_claim,
    "segments": _is_segment,
    "memberships": _is_membership,
    "near_segments": _is_near,
    "points": _is_point,
    "readings": _is_reading,
    "builds": _is_build,
    "history": _is_history,
    "decisions": _is_decision,
    "audiences": _is_audience,
}


# --- a copy -----------------------------------------------------------------------------------------------


def _copy(damaged: sqlite3.Connection, repaired: sqlite3.Connection, sound: Mapping[str, bool]) -> None:
    """Copy the sound rows, without those that others of theirs are missing for."""
    left_out = set() if all(sound[table] for table in _CLUSTERING) else {*_CLUSTERING} - {"memberships"}
    size = _vector_bytes(damaged)
    for table in [table for table in _TABLES if table not in left_out]:
        for row in _rows(damaged, table):
            if row is not None and _is_sound(table, row, size):
                # Or ignore: the revision is a new one, so that the index is made again.
                repaired.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    knows_embedder = repaired.execute("SELECT 1 FROM meta WHERE key = 'embedder'").fetchone() is not None
    if not knows_embedder:
        repaired.execute("UPDATE documents SET text_vector = NULL, item_vector = NULL")
        repaired.execute("DELETE FROM users")
    if not sound["claims"]:
        _drop_profiles_without_claims(repaired)
    _drop_orphans(repaired)
    _put_categories(repaired)
    outdated = [COMMON_COUNTS] if not sound["documents"] else []
    if left_out or not (sound["users"] and sound["documents"] and knows_embedder):
        outdated += _CLUSTERING_FACTS
    repaired.executemany("DELETE FROM meta WHERE key = ?", [(key,) for key in outdated])


def _drop_profiles_without_claims(connection: sqlite3.Connection) -> None:
    """Remove the profiles that have not all their claims in the table of claims."""
    counts: dict[str, int] = dict(connection.execute("SELECT user_id, count(*) FROM claims GROUP BY 1").fetchall())
    for user_id, record in connection.execute("SELECT user_id, record FROM profiles").fetchall():
        claims = sum(1 for _ in UserProfile.model_validate_json(record, context=STORED).iter_claims())
        if claims != counts.get(user_id, 0):
            connection.execute("DELETE FROM profiles WHERE user_id = ?", (user_id,))


def _drop_orphans(connection: sqlite3.Connection) -> None:
    for table, parent in (
        ("users", "documents"),
        ("readings", "documents"),
        ("history", "documents"),
        ("profiles", "users"),
        ("claims", "profiles"),
        ("memberships", "users"),
        ("near_segments", "memberships"),
        ("clustered", "users"),
        ("points", "users"),
    ):
        connection.execute(f"DELETE FROM {table} WHERE user_id NOT IN (SELECT user_id FROM {parent})")
    connection.execute("DELETE FROM audience_users WHERE name NOT IN (SELECT name FROM audiences)")


def _put_categories(connection: sqlite3.Connection) -> None:
    """Fill the table of categories from the profiles."""
    connection.execute("DELETE FROM interest_categories")
    for user_id, record in connection.execute("SELECT user_id, record FROM profiles").fetchall():
        profile = UserProfile.model_validate_json(record, context=STORED)
        categories = {claim.category.id for claim in profile.interests if claim.category}
        connection.executemany(
            "INSERT INTO interest_categories VALUES (?, ?)", [(user_id, category) for category in sorted(categories)]
        )
