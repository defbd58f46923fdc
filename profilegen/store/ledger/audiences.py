"""Lists of users that a person saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from profilegen.records import Record
from profilegen.store.ledger.tables import Tables


class Audience(Record):
    """A list of users that a person saved.

    :param name: of the list.
    :param found_by: the question and conditions that found the users, in words.
    :param by: who saved it.
    :param at: when.
    :param size: how many users it has.
    """

    name: str
    found_by: str
    by: str
    at: datetime
    size: int = 0


class AudienceTables(Tables):
    """Methods of a ledger for saved lists; mixed into `Ledger`."""

    def save_audience(self, audience: Audience, user_ids: Sequence[str]) -> None:
        """Store a list of users, in place of one of the same name.

        :param audience: the list; its size is counted when it is read.
        :param user_ids: in order; those who are not in the store are left out.
        """
        with self._transaction():
            self._execute("DELETE FROM audience_users WHERE name = ?", (audience.name,))
            self._execute("INSERT OR REPLACE INTO audiences VALUES (?, ?)", (audience.name, audience.model_dump_json()))
            for position, user_id in enumerate(user_ids):
                # Who chose them may have seen a page from before a build that removed some of them.
                self._execute(
                    "INSERT INTO audience_users SELECT ?, ?, ?"
                    " WHERE EXISTS (SELECT 1 FROM documents WHERE user_id = ?)",
                    (audience.name, position, user_id, user_id),
                )

    def remove_audience(self, name: str) -> None:
        """Remove a saved list.

        :param name: of the list.
        """
        with self._transaction():
            self._execute("DELETE FROM audience_users WHERE name = ?", (name,))
            self._execute("DELETE FROM audiences WHERE name = ?", (name,))

    def audiences(self) -> list[Audience]:
        """Return the saved lists with their sizes, by name."""
        rows = self._added_rows(
            "SELECT record, (SELECT count(*) FROM audience_users WHERE name = audiences.name) FROM audiences"
            " ORDER BY name"
        )
        return [
            self._record(Audience, record, "a saved list").model_copy(update={"size": size}) for record, size in rows
        ]

    def audience_users(self, name: str) -> list[str]:
        """Return the ids of the users of a saved list in its order; empty where there is no such list.

        :param name: of the list.
        """
        rows = self._added_rows("SELECT user_id FROM audience_users WHERE name = ? ORDER BY position", (name,))
        return [user_id for (user_id,) in rows]
