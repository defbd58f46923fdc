"""The part of the ledger that persons write, decisions and audiences, and what a page asks of it a little at a time.

Decisions are written beside a build that is under way, in transactions of their own: they change nothing that a build
writes, and the index needs no rebuilding for them. So they need no write lock.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from profilegen.decisions import UNSEEN, Decision, On
from profilegen.errors import ProfilegenError
from profilegen.records import Record

Row = tuple[Any, ...]

SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    action TEXT NOT NULL,
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    undoes TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS decisions_on ON decisions (user_id, kind, text, at);
CREATE TABLE IF NOT EXISTS audiences (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audience_users (
    name TEXT NOT NULL REFERENCES audiences ON DELETE CASCADE,
    position INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (name, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS points (
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    x REAL NOT NULL,
    y REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clustered (
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    hash TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claims_support ON claims (support, user_id);
CREATE INDEX IF NOT EXISTS profiles_failed ON profiles (user_id) WHERE status = 'failed';
"""
"""What came to the ledger after its first version; made when a ledger without it is opened to write."""

_DECIDED = "('approve', 'edit', 'strike', 'add')"


class ChangedError(ProfilegenError):
    """Somebody decided on the same thing in the meantime, so the decision was not taken."""


class Audience(Record):
    """A list of users that a person saved under a name. `found_by` says in words how it was found."""

    name: str
    found_by: str
    by: str
    at: datetime
    size: int = 0


class Filters(Record):
    """Conditions on users, all of which must be met. `support` is the least of a user's best supported claim.

    `since` is a day that the user's last document is not before; ratings are means.
    """

    segment: str | None = None
    language: str | None = None
    status: Literal["ok", "insufficient", "failed"] | None = None
    support: float | None = None
    documents: int | None = None
    since: date | None = None
    spend: float | None = None
    rating_from: float | None = None
    rating_to: float | None = None


class Points(NamedTuple):
    """Users on the map, in order of id: ids, places (n_users, 2) float32, and segment ids (None: no segment)."""

    user_ids: list[str]
    places: NDArray[np.float32]
    segments: list[str | None]


class Decided(NamedTuple):
    """How much persons have decided: claims with a decision in force, users with any decision."""

    claims: int
    users: int


class ReviewTables:
    """What a ledger can do for review; mixed into `Ledger`, which runs the SQL."""

    @abstractmethod
    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]: ...

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _execute(self, sql: str, parameters: Sequence[Any] = ()) -> int: ...

    # Decisions

    def decide(self, decisions: Sequence[Decision], seen: Mapping[On, str]) -> None:
        """Write down decisions, all or none.

        A decision never comes before one on the same thing, whatever the clock says.

        :param seen: the version that the person saw of each thing that is decided on.
        :raises ChangedError: one of them has another version now.
        """
        with self._transaction():
            if any(self.decision_version(on) != version for on, version in seen.items()):
                raise ChangedError("somebody decided on this in the meantime; look at it again")
            for decision in decisions:
                self._insert(decision.model_copy(update={"at": max(decision.at, self._earliest(decision.on))}))

    def import_decisions(self, decisions: Iterable[Decision]) -> int:
        """Add decisions made elsewhere, all or none; returns how many were not here yet."""
        with self._transaction():
            return sum(self._insert(decision) for decision in decisions)

    def decision_version(self, on: On) -> str:
        """Return the id of the last decision on something, `UNSEEN` where there is none."""
        user_id, kind, text = on
        rows = self._review_rows(
            "SELECT id FROM decisions WHERE user_id = ? AND kind = ? AND text = ? ORDER BY at DESC, rowid DESC LIMIT 1",
            (user_id, kind, text),
        )
        return next((str(row[0]) for row in rows), UNSEEN)

    def decisions_of(self, user_id: str) -> list[Decision]:
        """Return the decisions on a user, in order of time."""
        rows = self._review_rows("SELECT record FROM decisions WHERE user_id = ? ORDER BY at, rowid", (user_id,))
        return [Decision.model_validate_json(record) for (record,) in rows]

    def iter_decisions(self) -> Iterator[Decision]:
        """Give every decision in order of time."""
        for (record,) in self._review_rows("SELECT record FROM decisions ORDER BY at, rowid"):
            yield Decision.model_validate_json(record)

    def decided_users(self) -> set[str]:
        """Return the users on whom there is any decision."""
        return {user_id for (user_id,) in self._review_rows("SELECT DISTINCT user_id FROM decisions")} - {""}

    def decided_versions(self) -> list[str]:
        """Return the ids of all decisions on claims and what took them back."""
        rows = self._review_rows("SELECT id FROM decisions WHERE kind <> '' ORDER BY id")
        return [decision_id for (decision_id,) in rows]

    def segment_names(self) -> dict[str, str]:
        """Return the names that persons gave to segments, by id."""
        rows = self._review_rows(
            "SELECT text, json_extract(record, '$.words') FROM decisions"
            " WHERE user_id = '' AND action = 'rename' ORDER BY at, rowid"
        )
        return dict(rows)

    def decided(self) -> Decided:
        """Count what persons have decided."""
        sql = (
            "SELECT (SELECT count(*) FROM (SELECT DISTINCT user_id, kind, text FROM decisions"
            f" WHERE action IN {_DECIDED} AND id NOT IN (SELECT undoes FROM decisions))),"
            " (SELECT count(DISTINCT user_id) FROM decisions WHERE user_id <> '')"
        )
        return next((Decided(*row) for row in self._review_rows(sql)), Decided(0, 0))

    def write_again(self, user_id: str) -> None:
        """Have the next build write a user's profile, whether or not anything has changed."""
        with self._transaction():
            self._execute("UPDATE profiles SET hash = '' WHERE user_id = ?", (user_id,))

    def _earliest(self, on: On) -> datetime:
        """Return when the next decision on something can be."""
        rows = self._rows("SELECT max(at) FROM decisions WHERE user_id = ? AND kind = ? AND text = ?", on)
        last = next(rows)[0]
        return datetime.fromisoformat(last) + timedelta(microseconds=1) if last else datetime.min.replace(tzinfo=UTC)

    def _insert(self, decision: Decision) -> int:
        user_id, kind, text = decision.on
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

    def _forget_removed(self) -> None:
        """Remove decisions on users who are gone, and from the others the quotes of texts that are gone or changed."""
        self._execute("DELETE FROM decisions WHERE user_id <> '' AND user_id NOT IN (SELECT user_id FROM documents)")
        self._execute("DELETE FROM audience_users WHERE user_id NOT IN (SELECT user_id FROM documents)")
        # instr and not LIKE: a quote may hold wildcards.
        rows = self._rows(
            "SELECT decisions.id, decisions.record, evidence.value ->> 'document', evidence.value ->> 'quote'"
            " FROM decisions, json_each(decisions.record, '$.claim.evidence') AS evidence"
            " WHERE NOT EXISTS (SELECT 1 FROM documents WHERE documents.id = evidence.value ->> 'document'"
            " AND instr(documents.record ->> 'text', evidence.value ->> 'quote'))"
        )
        gone: dict[str, tuple[str, set[tuple[str, str]]]] = {}
        for decision_id, record, document, quote in rows:
            gone.setdefault(decision_id, (record, set()))[1].add((document, quote))
        for decision_id, (record, quotes) in gone.items():
            left = _without(Decision.model_validate_json(record), quotes)
            self._execute("UPDATE decisions SET record = ? WHERE id = ?", (left.model_dump_json(), decision_id))

    # Audiences

    def save_audience(self, audience: Audience, user_ids: Sequence[str]) -> None:
        """Store a list of users under its name, in place of one that had the name."""
        with self._transaction():
            self._execute("DELETE FROM audience_users WHERE name = ?", (audience.name,))
            self._execute("INSERT OR REPLACE INTO audiences VALUES (?, ?)", (audience.name, audience.model_dump_json()))
            for position, user_id in enumerate(user_ids):
                self._execute("INSERT INTO audience_users VALUES (?, ?, ?)", (audience.name, position, user_id))

    def remove_audience(self, name: str) -> None:
        """Remove a saved list; its users stay."""
        with self._transaction():
            self._execute("DELETE FROM audience_users WHERE name = ?", (name,))
            self._execute("DELETE FROM audiences WHERE name = ?", (name,))

    def audiences(self) -> list[Audience]:
        """Return the saved lists with their sizes, by name."""
        rows = self._review_rows(
            "SELECT record, (SELECT count(*) FROM audience_users WHERE name = audiences.name) FROM audiences"
            " ORDER BY name"
        )
        return [Audience.model_validate_json(record).model_copy(update={"size": size}) for record, size in rows]

    def audience_users(self, name: str) -> list[str]:
        """Return the users of a saved list in its order; empty when there is no such list."""
        rows = self._review_rows("SELECT user_id FROM audience_users WHERE name = ? ORDER BY position", (name,))
        return [user_id for (user_id,) in rows]

    # The map

    def put_points(self, user_ids: Sequence[str], places: NDArray[np.float32]) -> None:
        """Store where users stand on the map, (n_users, 2), in place of all that was there."""
        with self._transaction():
            self._execute("DELETE FROM points")
            for user_id, (x, y) in zip(user_ids, places, strict=True):
                self._execute("INSERT INTO points VALUES (?, ?, ?)", (user_id, float(x), float(y)))

    def points(self) -> Points:
        """Return where users stand on the map."""
        rows = list(
            self._review_rows(
                "SELECT user_id, x, y, segment_id FROM points LEFT JOIN memberships USING (user_id) ORDER BY user_id"
            )
        )
        places = np.array([row[1:3] for row in rows], np.float32).reshape(len(rows), 2)
        return Points([row[0] for row in rows], places, [row[3] for row in rows])

    # Whom the clusters were made of

    def put_clustered(self) -> None:
        """Remember what every user is made of now, as what users were clustered by."""
        with self._transaction():
            self._execute("DELETE FROM clustered")
            self._execute("INSERT INTO clustered SELECT user_id, hash FROM users")

    def still_clustered(self) -> set[str]:
        """Return the users who are still made of what they were made of when users were clustered."""
        return {user_id for (user_id,) in self._rows("SELECT user_id FROM clustered NATURAL JOIN users")}

    # What a page asks

    def user_language_counts(self) -> dict[str, int]:
        """Return how many users write in each language, the most frequent first."""
        return dict(self._rows("SELECT language, count(*) FROM users GROUP BY 1 ORDER BY 2 DESC, 1"))

    def trait_counts(self) -> dict[tuple[str, str], int]:
        """Return how many users each value and lifestyle trait is told of, by (kind, name)."""
        rows = self._rows(
            "WITH named AS (SELECT DISTINCT claim.value ->> '$.text' AS text, claim.value ->> '$.trait' AS trait"
            " FROM profiles, json_each(profiles.record, '$.values') AS claim WHERE trait IS NOT NULL)"
            " SELECT kind, coalesce(trait, claims.text), count(*) FROM claims"
            " LEFT JOIN named ON kind = 'value' AND named.text = claims.text WHERE kind <> 'interest' GROUP BY 1, 2"
        )
        return {(kind, name): count for kind, name, count in rows}

    def flagged_users(self) -> list[str]:
        """Return the users whose profiles carry a flag, the longest flagged first."""
        # The columns beside max() are those of the row that has it, as SQLite documents.
        rows = self._review_rows(
            "SELECT user_id, action, max(at) FROM decisions WHERE action IN ('flag', 'unflag') GROUP BY user_id"
            " ORDER BY max(at)"
        )
        return [user_id for user_id, action, _ in rows if action == "flag"]

    def failed_users(self, limit: int) -> list[str]:
        """Return users whose profiles failed and are not to be written again anyhow, in order of id."""
        rows = self._review_rows(
            "SELECT user_id FROM profiles WHERE status = 'failed' AND user_id NOT IN (SELECT user_id FROM decisions"
            " WHERE action = 'rewrite' AND at > coalesce((SELECT max(finished) FROM builds), ''))"
            " ORDER BY user_id LIMIT ?",
            (limit,),
        )
        return [user_id for (user_id,) in rows]

    def begun_users(self) -> list[str]:
        """Return users on whom there are decisions but perhaps not on every claim, the longest decided on first."""
        rows = self._review_rows(
            "SELECT user_id, min(at) FROM decisions WHERE user_id <> '' AND EXISTS ("
            "SELECT 1 FROM claims WHERE claims.user_id = decisions.user_id AND NOT EXISTS ("
            "SELECT 1 FROM decisions AS those WHERE those.user_id = claims.user_id AND those.kind = claims.kind"
            " AND those.text = claims.text)) GROUP BY user_id ORDER BY min(at)"
        )
        return [user_id for user_id, _ in rows]

    def iter_weakest(self) -> Iterator[tuple[str, float]]:
        """Give (user id, support) of every claim as the index knows it, the least supported first."""
        support, after = -1.0, ""
        while rows := list(
            self._rows(
                "SELECT DISTINCT user_id, support FROM claims WHERE (support, user_id) > (?, ?)"
                " ORDER BY support, user_id LIMIT 200",
                (support, after),
            )
        ):
            yield from rows
            after, support = rows[-1]

    def find_users(self, filters: Filters, offset: int, limit: int) -> list[str]:
        """Return the users who meet the conditions, in order of id."""
        where, parameters = _conditions(filters)
        rows = self._rows(
            f"SELECT user_id FROM profiles LEFT JOIN memberships USING (user_id) WHERE {where}"
            " ORDER BY user_id LIMIT ? OFFSET ?",
            (*parameters, limit, offset),
        )
        return [user_id for (user_id,) in rows]

    def which_meet(self, user_ids: Sequence[str], filters: Filters) -> list[str]:
        """Return those of the users named who meet the conditions, in the order given."""
        where, parameters = _conditions(filters)
        rows = self._rows(
            "SELECT user_id FROM profiles LEFT JOIN memberships USING (user_id)"
            f" WHERE {where} AND user_id IN (SELECT value FROM json_each(?))",
            (*parameters, json.dumps(list(user_ids))),
        )
        met = {user_id for (user_id,) in rows}
        return [user_id for user_id in user_ids if user_id in met]

    def _review_rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        """Give the rows of a query on these tables; none where an older version made the ledger."""
        if next(self._rows("SELECT 1 FROM sqlite_master WHERE name = 'decisions'"), None):
            yield from self._rows(sql, parameters)


_BEHAVIOUR = "profiles.record ->> '$.behaviour."
_FILTERS = {
    "segment": "segment_id = ?",
    "language": "profiles.record ->> '$.language' = ?",
    "status": "status = ?",
    "support": "EXISTS (SELECT 1 FROM claims WHERE claims.user_id = profiles.user_id AND claims.support >= ?)",
    "documents": f"{_BEHAVIOUR}documents' >= ?",
    "since": f"{_BEHAVIOUR}last' >= ?",
    "spend": f"{_BEHAVIOUR}spend' >= ?",
    "rating_from": f"{_BEHAVIOUR}mean_rating' >= ?",
    "rating_to": f"{_BEHAVIOUR}mean_rating' <= ?",
}


def _conditions(filters: Filters) -> tuple[str, list[Any]]:
    given = filters.model_dump(mode="json", exclude_none=True)
    return " AND ".join([_FILTERS[name] for name in given]) or "true", list(given.values())


def _without(decision: Decision, quotes: set[tuple[str, str]]) -> Decision:
    assert decision.claim is not None
    kept = tuple(part for part in decision.claim.evidence if (part.document, part.quote) not in quotes)
    return decision.model_copy(update={"claim": decision.claim.model_copy(update={"evidence": kept})})
