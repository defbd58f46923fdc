"""Decisions of reviewers.

Decisions are written beside a build that is under way, in transactions of their own: they change nothing that a build
writes, and the index needs no rebuilding for them. So they need no write lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from profilegen.errors import ProfilegenError
from profilegen.records import UNSEEN, Decision, Subject
from profilegen.store.ledger.tables import Tables

_NEVER = datetime.min.replace(tzinfo=UTC)
_DECIDED = "('approve', 'edit', 'strike', 'add')"


class ChangedError(ProfilegenError):
    """Somebody decided on the same thing in the meantime, so the decision was not stored."""


class Decided(NamedTuple):
    """How much persons have decided: claims with a decision in force, users with any decision."""

    claims: int
    users: int


class DecisionTables(Tables):
    """Methods of a ledger for decisions; mixed into `Ledger`."""

    def decide(self, decisions: Sequence[Decision], seen: Mapping[Subject, str]) -> None:
        """Store decisions, all or none.

        A decision never comes before one on the same thing, whatever the clock shows.

        :param decisions: by one person at one time.
        :param seen: the version that the person saw of each thing that is decided on.
        :raises ChangedError: one of them has another version now, or its user is gone.
        """
        with self._transaction():
            if any(self.decision_version(on) != version for on, version in seen.items()):
                raise ChangedError("somebody decided on this in the meantime; look at it again")
            if not all(map(self._has_subject, decisions)):
                raise ChangedError("the user is not there any more")
            for decision in decisions:
                self._insert(decision.model_copy(update={"at": max(decision.at, self._earliest(decision.subject))}))

    def import_decisions(self, decisions: Iterable[Decision]) -> int:
        """Add decisions made in another copy of the store, all or none.

        :param decisions: those that are here already are left as they are.
        :return: how many are new.
        """
        with self._transaction():
            return sum(self._insert(decision) for decision in decisions if self._has_subject(decision))

    def decision_version(self, on: Subject) -> str:
        """Return the id of the last decision on something, `UNSEEN` where there is none.

        :param on: what is decided on.
        """
        user_id, kind, text = on
        rows = self._added_rows(
            "SELECT id FROM decisions WHERE user_id = ? AND kind = ? AND text = ? ORDER BY at DESC, rowid DESC LIMIT 1",
            (user_id, kind, text),
        )
        return next((str(row[0]) for row in rows), UNSEEN)

    def decisions_of(self, user_id: str) -> list[Decision]:
        """Return the decisions on a user, in order of time.

        :param user_id: any; without decisions the list is empty.
        """
        rows = self._added_rows("SELECT record FROM decisions WHERE user_id = ? ORDER BY at, rowid", (user_id,))
        return [self._record(Decision, record, f"a decision on {user_id!r}") for (record,) in rows]

    def iter_decisions(self) -> Iterator[Decision]:
        """Yield every decision in order of time."""
        for (record,) in self._added_rows("SELECT record FROM decisions ORDER BY at, rowid"):
            yield self._record(Decision, record, "a decision")

    def decided_users(self) -> set[str]:
        """Return the users on whom there is any decision."""
        return {user_id for (user_id,) in self._added_rows("SELECT DISTINCT user_id FROM decisions")} - {""}

    def segment_names(self) -> dict[str, str]:
        """Return the names that persons gave to segments, by id."""
        rows = self._added_rows(
            "SELECT text, json_extract(record, '$.words') FROM decisions"
            " WHERE user_id = '' AND action = 'rename' ORDER BY at, rowid"
        )
        return dict(rows)

    def decided(self) -> Decided:
        """Return how much persons have decided."""
        sql = (
            "SELECT (SELECT count(*) FROM (SELECT DISTINCT user_id, kind, text FROM decisions"
            f" WHERE action IN {_DECIDED} AND id NOT IN (SELECT undoes FROM decisions))),"
            " (SELECT count(DISTINCT user_id) FROM decisions WHERE user_id <> '')"
        )
        return next((Decided(*row) for row in self._added_rows(sql)), Decided(0, 0))

    def write_again(self, user_id: str) -> None:
        """Make the next build write a user's profile again, whether or not anything has changed.

        :param user_id: a user with a profile.
        """
        with self._transaction():
            self._execute("UPDATE profiles SET hash = '' WHERE user_id = ?", (user_id,))

    def _earliest(self, on: Subject) -> datetime:
        """Return when the next decision on something can be."""
        rows = self._rows("SELECT max(at) FROM decisions WHERE user_id = ? AND kind = ? AND text = ?", on)
        last = next(rows)[0]
        with self._intact("the time of a decision"):
            before = datetime.fromisoformat(last) if last else None
        if before is None:
            return _NEVER
        # Stores of earlier versions may hold the last time that there is.
        return before if before.year == datetime.max.year else before + timedelta(microseconds=1)

    def _has_subject(self, decision: Decision) -> bool:
        """Return whether the user of a decision is there; one who was removed meanwhile does not come back by it."""
        rows = self._rows("SELECT 1 FROM documents WHERE user_id = ? LIMIT 1", (decision.user_id,))
        return not decision.user_id or next(rows, None) is not None

    def _insert(self, decision: Decision) -> int:
        user_id, kind, text = decision.subject
        return self._execute(
            "INSERT OR IGNORE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                decision.id,
                decision.at.isoformat(timespec="microseconds"),
                decision.by,
                decision.action,
                user_id,
                kind,
                text,
                decision.undoes,
                decision.model_dump_json(),
            ),
        )
