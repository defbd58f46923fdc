"""What builds changed: of each user the claims that were other before, and the segment of before.

A row undoes one change, so that earlier states follow from that of now. Each row names its user, and no row holds a
quote: of a user who is removed all rows go (`removal.py`), and a claim of before goes with the last document that
shows it. Of claims that came, rows have a hash and no words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from profilegen.profiles.changes import claim_states
from profilegen.records import BuildReport, UserProfile
from profilegen.records.history import ClaimState, NumberedBuild
from profilegen.store.ledger.tables import Tables

HISTORY_SINCE = "history since"
"""Under which the ledger has the number of the first build whose end can be known; 0 where all can."""


class HistoryRow(NamedTuple):
    """A change of one user in one build.

    :param number: of the row; later changes have higher ones.
    :param build: number of the build.
    :param user_id: the user.
    :param what: `claims` or `segment`.
    :param record: what undoes it, as JSON.
    """

    number: int
    build: int
    user_id: str
    what: Literal["claims", "segment"]
    record: str


class Undone(NamedTuple):
    """The state of a user before some changes; `claims` is None where there was no profile."""

    claims: tuple[ClaimState, ...] | None
    segment: str | None


class HistoryTables(Tables):
    """Methods of a ledger for what builds changed; mixed into `Ledger`."""

    def builds(self) -> list[NumberedBuild]:
        """Return all builds, the first one first."""
        rows = list(self._rows("SELECT id, finished, report FROM builds ORDER BY id"))
        with self._intact("the report of a build"):
            found = []
            for number, finished, record in rows:
                report = BuildReport.model_validate_json(record)
                found.append(
                    NumberedBuild(
                        number=number,
                        finished=datetime.fromisoformat(finished),
                        users=report.users,
                        documents=report.documents,
                        changed=report.changed,
                    )
                )
            return found

    def history_since(self) -> int | None:
        """Return the number of the first build whose end can be known, 0 where all can; None where none can."""
        since = self.get_meta(HISTORY_SINCE)
        return None if since is None else int(since)

    def history_of(self, user_id: str) -> list[HistoryRow]:
        """Return the changes of a user, the last one first.

        :param user_id: any.
        """
        sql = "SELECT id, build, user_id, what, record FROM history WHERE user_id = ? ORDER BY id DESC"
        return [HistoryRow(*row) for row in self._added_rows(sql, (user_id,))] if self._has_history() else []

    def history_after(self, build: int) -> Iterator[HistoryRow]:
        """Yield the changes of all users after a build, by user, the last one first.

        :param build: number of the build.
        """
        if self._has_history():
            sql = "SELECT id, build, user_id, what, record FROM history WHERE build > ? ORDER BY user_id, id DESC"
            for row in self._rows(sql, (build,)):
                yield HistoryRow(*row)

    def _has_history(self) -> bool:
        return bool(next(self._rows("SELECT 1 FROM sqlite_master WHERE name = 'history'"), None))

    # Within a transaction

    def _record_claims(self, profiles: Sequence[UserProfile]) -> None:
        """Store what undoes new profiles; comes before they replace the old ones."""
        old: dict[str, UserProfile] = {}
        sql = "SELECT user_id, record FROM profiles WHERE user_id IN {}"
        for user_id, record in self._among(sql, [profile.user_id for profile in profiles]):
            old[user_id] = self._record(UserProfile, record, f"the profile of user {user_id!r}")
        for profile in profiles:
            before = old.get(profile.user_id)
            if before is None:
                self._put_history(profile.user_id, "claims", {"new": True})
                continue
            states = {state.key: state for state in claim_states(before)}
            fresh = {state.key: state for state in claim_states(profile)}
            other = [state for key, state in states.items() if fresh.get(key) != state]
            came = [_digest(key) for key in fresh if key not in states]
            known = self._with_documents(other)
            if known or came:
                self._put_history(
                    profile.user_id,
                    "claims",
                    {"before": [state.model_dump(mode="json", exclude_none=True) for state in known], "came": came},
                )

    def _record_moves(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Store the segments of before of users who have another one now."""
        for user_id, segment in after.items():
            if before.get(user_id) != segment:
                self._put_history(user_id, "segment", {"before": before.get(user_id)})

    def _begin_history(self) -> None:
        """Note from which build on states can be known; comes before a build is recorded."""
        if self.get_meta(HISTORY_SINCE) is None:
            self._set_meta(HISTORY_SINCE, self._next_build() - 1)

    def _restart_history(self) -> None:
        """Forget all changes, as when everything is made again by another embedder."""
        self._execute("DELETE FROM history")
        self._set_meta(HISTORY_SINCE, self._next_build())

    def _erase_history(self) -> None:
        """Remove the rows of users who are gone, and from the others what documents showed that are gone."""
        self._execute("DELETE FROM history WHERE user_id NOT IN (SELECT user_id FROM documents)")
        rows = list(
            self._rows(
                "SELECT DISTINCT history.id, history.record FROM history,"
                " json_each(history.record, '$.before') AS state, json_each(state.value, '$.documents') AS document"
                " WHERE history.what = 'claims'"
                " AND NOT EXISTS (SELECT 1 FROM documents WHERE documents.id = document.value)"
            )
        )
        for number, record in rows:
            undo = json.loads(record)
            left = self._with_documents(ClaimState.model_validate(state) for state in undo["before"])
            undo["before"] = [state.model_dump(mode="json", exclude_none=True) for state in left]
            self._execute("UPDATE history SET record = ? WHERE id = ?", (json.dumps(undo), number))

    def _with_documents(self, states: Iterable[ClaimState]) -> list[ClaimState]:
        """Return claims with those of their documents that are in the ledger, without claims that have none."""
        wanted = list(states)
        ids = {document for state in wanted for document in state.documents}
        there = {id_ for (id_,) in self._among("SELECT id FROM main.documents WHERE id IN {}", sorted(ids))}
        left = [
            state.model_copy(update={"documents": tuple(id_ for id_ in state.documents if id_ in there)})
            for state in wanted
        ]
        return [state for state in left if state.documents]

    def _put_history(self, user_id: str, what: str, record: Mapping[str, Any]) -> None:
        self._execute(
            "INSERT INTO history (build, user_id, what, record) VALUES (?, ?, ?, ?)",
            (self._next_build(), user_id, what, json.dumps(record, ensure_ascii=False)),
        )

    def _next_build(self) -> int:
        return self._count("SELECT coalesce(max(id), 0) + 1 FROM builds")


def undo(now: Undone, rows: Iterable[HistoryRow]) -> Undone:
    """Return the state of a user before some changes.

    :param now: the state after them.
    :param rows: the changes of the user, the last one first.
    """
    states = None if now.claims is None else {state.key: state for state in now.claims}
    segment = now.segment
    for row in rows:
        record = json.loads(row.record)
        if row.what == "segment":
            segment = record["before"]
        elif record.get("new"):
            states = None
        else:
            came = set(record["came"])
            states = {key: state for key, state in (states or {}).items() if _digest(key) not in came}
            states |= {(s := ClaimState.model_validate(each)).key: s for each in record["before"]}
    return Undone(None if states is None else tuple(states.values()), segment)


def _digest(key: tuple[str, str, str]) -> str:
    return blake2b("\0".join(key).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
