"""What the writer noted of users, a reading at a time, and what the verifier said of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from profilegen.records import batches
from profilegen.store.ledger.tables import BATCH_ROWS, PAGE_ROWS, Tables


class StoredReading(NamedTuple):
    """Some passages of a user that the writer read at once.

    :param user_id: who wrote them.
    :param hash: of the passages and of what the notes depend on: writer, prompt, facets.
    :param record: passages and notes, with verdicts once they are checked, as JSON.
    :param checked_by: fingerprint of the verifier and the method of checking; empty before.
    """

    user_id: str
    hash: str
    record: str
    checked_by: str = ""


class ReadingTables(Tables):
    """Methods of a ledger for readings; mixed into `Ledger`."""

    def reading_hashes(self, user_id: str) -> set[str]:
        """Return the hashes of a user's readings.

        :param user_id: any.
        """
        return {hash_ for (hash_,) in self._rows("SELECT hash FROM readings WHERE user_id = ?", (user_id,))}

    def put_readings(self, rows: Iterable[StoredReading]) -> None:
        """Store readings, each in place of one of the same user and hash.

        :param rows: of users in the table of users.
        """
        for batch in batches(rows, BATCH_ROWS):
            with self._transaction():
                self._connection.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?)", batch)

    def keep_readings(self, user_id: str, hashes: Iterable[str]) -> None:
        """Remove the readings of a user but for some.

        :param user_id: whose.
        :param hashes: of the readings that stay.
        """
        gone = self.reading_hashes(user_id) - set(hashes)
        if gone:
            with self._transaction():
                self._connection.executemany(
                    "DELETE FROM readings WHERE user_id = ? AND hash = ?", [(user_id, hash_) for hash_ in gone]
                )

    def readings_of(self, user_ids: Sequence[str]) -> dict[str, list[StoredReading]]:
        """Return the readings of users, by user id, in order of hash.

        :param user_ids: those without readings are left out.
        """
        found: dict[str, list[StoredReading]] = {}
        rows = self._among(
            "SELECT user_id, hash, record, checked_by FROM readings WHERE user_id IN {} ORDER BY user_id, hash",
            user_ids,
        )
        for row in rows:
            found.setdefault(row[0], []).append(StoredReading(*row))
        return found

    def count_unchecked(self, checked_by: str) -> int:
        """Return the number of readings that were not checked in this way.

        :param checked_by: as of `StoredReading`.
        """
        (count,) = next(self._rows("SELECT count(*) FROM readings WHERE checked_by <> ?", (checked_by,)))
        return int(count)

    def unchecked_readings(self, checked_by: str) -> Iterator[StoredReading]:
        """Yield the readings that were not checked in this way, in order; verdicts may be stored meanwhile.

        :param checked_by: as of `StoredReading`.
        """
        last = ("", "")
        while True:
            page = list(
                self._rows(
                    "SELECT user_id, hash, record, checked_by FROM readings WHERE checked_by <> ?"
                    " AND (user_id, hash) > (?, ?) ORDER BY user_id, hash LIMIT ?",
                    (checked_by, *last, PAGE_ROWS),
                )
            )
            if not page:
                return
            yield from (StoredReading(*row) for row in page)
            last = page[-1][0], page[-1][1]
