"""Queries of the review page, a page of users at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat

from profilegen.records import KINDS, Record
from profilegen.store.ledger.tables import Tables


class Filters(Record):
    """Conditions on users, all of which must be met.

    :param segment: id of the user's segment.
    :param language: of the profile, a code such as `en`.
    :param status: of the profile.
    :param support: minimum of the user's best supported claim, 0 to 1.
    :param documents: minimum number of documents.
    :param since: earliest day of the user's last document.
    :param spend: minimum of what the user spent.
    :param rating_from: minimum of the user's mean rating, in stars of five.
    :param rating_to: maximum of the user's mean rating, in stars of five.
    """

    segment: str | None = None
    language: str | None = None
    status: Literal["ok", "insufficient", "failed"] | None = None
    support: Annotated[float, Field(ge=0, le=1)] | None = None
    documents: Annotated[int, Field(ge=0, le=2**53)] | None = None
    since: date | None = None
    spend: FiniteFloat | None = None
    rating_from: FiniteFloat | None = None
    rating_to: FiniteFloat | None = None


class ReviewTables(Tables):
    """What a ledger can do for review; mixed into `Ledger`."""

    def user_language_counts(self) -> dict[str, int]:
        """Return how many users write in each language, the most frequent first."""
        return dict(self._rows("SELECT language, count(*) FROM users GROUP BY 1 ORDER BY 2 DESC, 1"))

    def trait_counts(self) -> dict[tuple[str, str], int]:
        """Return how many users have each claim, but of interests, by (kind, name that the claims of users share)."""
        keys = {kind.name: kind.key for kind in KINDS.values() if kind.name != "interest"}
        rows = self._rows(
            "WITH named AS (SELECT DISTINCT keys.key AS kind, claim.value ->> '$.text' AS text,"
            " claim.value ->> '$.name' AS name FROM profiles, json_each(?) AS keys,"
            " json_each(profiles.record, '$.' || keys.value) AS claim WHERE claim.value ->> '$.name' IS NOT NULL)"
            " SELECT claims.kind, coalesce(named.name, claims.text), count(DISTINCT user_id) FROM claims"
            " LEFT JOIN named ON named.kind = claims.kind AND named.text = claims.text"
            " WHERE claims.kind <> 'interest' GROUP BY 1, 2",
            (json.dumps(keys),),
        )
        return {(kind, name): count for kind, name, count in rows}

    def flagged_users(self) -> list[str]:
        """Return the ids of the users whose profiles are flagged, the longest flagged first."""
        # The columns beside max() are those of the row that has it, as SQLite documents.
        rows = self._added_rows(
            "SELECT user_id, action, max(at) FROM decisions WHERE action IN ('flag', 'unflag') GROUP BY user_id"
            " ORDER BY max(at)"
        )
        return [user_id for user_id, action, _ in rows if action == "flag"]

    def failed_users(self, limit: int) -> list[str]:
        """Return ids of users whose profiles failed and are not to be written again anyhow, in order.

        :param limit: maximum number of users.
        """
        rows = self._added_rows(
            "SELECT user_id FROM profiles WHERE status = 'failed' AND user_id NOT IN (SELECT user_id FROM decisions"
            " WHERE action = 'rewrite' AND at > coalesce((SELECT max(finished) FROM builds), ''))"
            " ORDER BY user_id LIMIT ?",
            (limit,),
        )
        return [user_id for (user_id,) in rows]

    def partly_reviewed_users(self) -> list[str]:
        """Return ids of users with decisions, but perhaps not on every claim, in order of the first decision."""
        rows = self._added_rows(
            "SELECT user_id, min(at) FROM decisions WHERE user_id <> '' AND EXISTS ("
            "SELECT 1 FROM claims WHERE claims.user_id = decisions.user_id AND NOT EXISTS ("
            "SELECT 1 FROM decisions AS those WHERE those.user_id = claims.user_id AND those.kind = claims.kind"
            " AND those.text = claims.text)) GROUP BY user_id ORDER BY min(at)"
        )
        return [user_id for user_id, _ in rows]

    def iter_by_support(self) -> Iterator[tuple[str, float]]:
        """Yield (user id, support) of every claim at the last build, the least supported first."""
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
        """Return ids of the users who meet conditions, in order.

        :param filters: the conditions.
        :param offset: how many to skip.
        :param limit: maximum number of users.
        """
        where, parameters = _conditions(filters)
        rows = self._rows(
            f"SELECT user_id FROM profiles LEFT JOIN memberships USING (user_id) WHERE {where}"
            " ORDER BY user_id LIMIT ? OFFSET ?",
            (*parameters, limit, offset),
        )
        return [user_id for (user_id,) in rows]

    def filter_users(self, user_ids: Sequence[str], filters: Filters) -> list[str]:
        """Return those of some users who meet conditions.

        :param user_ids: in the order in which they are returned.
        :param filters: the conditions.
        """
        where, parameters = _conditions(filters)
        rows = self._rows(
            "SELECT user_id FROM profiles LEFT JOIN memberships USING (user_id)"
            f" WHERE {where} AND user_id IN (SELECT value FROM json_each(?))",
            (*parameters, json.dumps(list(user_ids))),
        )
        met = {user_id for (user_id,) in rows}
        return [user_id for user_id in user_ids if user_id in met]


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
