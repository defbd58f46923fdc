"""The ledger of a store: documents, vectors, users, profiles and segments in one SQLite file.

One process writes at a time, under `write_lock`; any number read beside it and need no lock. Every batch is
one transaction, so a kill loses the batch that was under way. Vectors are float16 in the file; in memory they
are float32, L2-normalised, or zero where there is none.

New input is first written to a file of its own (`stage`) and is taken into the ledger in one transaction
(`apply_staged`): a build that is killed, or that refuses its input half-way, has changed nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from profilegen.errors import StoreError
from profilegen.records import BuildReport
from profilegen.store.files import INCOMING_FILE, LEDGER_FILE, write_lock
from profilegen.store.ledger.audiences import Audience, AudienceTables
from profilegen.store.ledger.decisions import ChangedError, Decided, DecisionTables
from profilegen.store.ledger.documents import DocumentTables, UserDocuments
from profilegen.store.ledger.files import connect
from profilegen.store.ledger.forgetting import Forgetting
from profilegen.store.ledger.history import HistoryRow, HistoryTables, Undone, undo
from profilegen.store.ledger.profiles import ClaimVector, ProfileTables
from profilegen.store.ledger.readings import ReadingTables, StoredReading
from profilegen.store.ledger.removal import COMMON_COUNTS
from profilegen.store.ledger.review import Filters, ReviewTables
from profilegen.store.ledger.schema import SCHEMA_VERSION
from profilegen.store.ledger.segments import Membership, Points, SegmentTables
from profilegen.store.ledger.staging import Changes, Removals, Staged, Staging

__all__ = [
    "COMMON_COUNTS",
    "INCOMING_FILE",
    "LEDGER_FILE",
    "SCHEMA_VERSION",
    "Audience",
    "Build",
    "ChangedError",
    "Changes",
    "ClaimVector",
    "Counts",
    "Decided",
    "Filters",
    "HistoryRow",
    "Ledger",
    "Membership",
    "Points",
    "Removals",
    "Staged",
    "StoredReading",
    "Undone",
    "UserDocuments",
    "open_ledger",
    "undo",
    "write_lock",
]


class Counts(NamedTuple):
    """Numbers of what a store holds; `ok`, `insufficient` and `failed` are numbers of profiles."""

    documents: int
    users: int
    ok: int
    insufficient: int
    failed: int
    segments: int
    claims: int


class Build(NamedTuple):
    """When a build finished, and its report."""

    finished: datetime
    report: BuildReport


def open_ledger(directory: Path, *, create: bool = False, read_only: bool = False) -> Ledger:
    """Open the ledger of a store.

    :param directory: the store.
    :param create: make the store if it is missing.
    :param read_only: open it to read alone, which needs no permission to write.
    :raises StoreError: there is no store, or its ledger is damaged or of a newer version of profilegen.
    """
    return Ledger(directory / LEDGER_FILE, connect(directory, create=create, read_only=read_only), read_only=read_only)


class Ledger(
    Staging,
    Forgetting,
    DocumentTables,
    ReadingTables,
    ProfileTables,
    SegmentTables,
    DecisionTables,
    AudienceTables,
    ReviewTables,
    HistoryTables,
):
    """An open ledger. Threads may read it side by side; only one thread may write."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except StoreError:
            if error is None:
                raise
            # What was interrupted may still have a query open, which keeps the log from being emptied.

    def close(self) -> None:
        """Close the file; one that may be written to first erases what was removed since."""
        try:
            if not self._read_only:
                self._erase_removed()
        finally:
            self._connection.close()

    def counts(self) -> Counts:
        """Count what the store holds; users are counted by their documents, with or without a profile."""
        status: dict[str, int] = dict(self._rows("SELECT status, count(*) FROM profiles GROUP BY status"))
        return Counts(
            documents=self._count("SELECT count(*) FROM documents"),
            users=self._count("SELECT count(DISTINCT user_id) FROM documents"),
            ok=status.get("ok", 0),
            insufficient=status.get("insufficient", 0),
            failed=status.get("failed", 0),
            segments=self._count("SELECT count(*) FROM segments"),
            claims=self._count("SELECT count(*) FROM claims"),
        )

    def record_build(self, report: BuildReport) -> None:
        """Store the report of a build that is finished, and erase what it removed.

        Where another process is reading the removed text, this waits for some seconds, then logs a warning.

        :param report: what the build did.
        """
        with self._transaction():
            self._begin_history()
            self._connection.execute(
                "INSERT INTO builds (finished, report) VALUES (?, ?)",
                (datetime.now(UTC).isoformat(), report.model_dump_json()),
            )
        self._erase_removed(finished=True)

    def last_build(self) -> Build | None:
        """Return the build that finished last, or None."""
        row = self._one("SELECT finished, report FROM builds ORDER BY id DESC LIMIT 1")
        if row is None:
            return None
        with self._intact("the report of the last build"):
            return Build(datetime.fromisoformat(row[0]), BuildReport.model_validate_json(row[1]))
