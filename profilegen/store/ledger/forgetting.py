"""Users who are removed for good: a mark until all of it is done, and salted hashes of their ids afterwards."""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, count
from typing import Any

from profilegen.records import MAX_NOTE_CHARS, Claim, Decision, Segment, UserProfile
from profilegen.segments.composed import phrases_in, unlike_others
from profilegen.store.ledger.audiences import Audience
from profilegen.store.ledger.files import explained
from profilegen.store.ledger.removal import COMMON_COUNTS, Removal
from profilegen.store.ledger.segments import GROUP_PROFILES
from profilegen.store.user_words import user_pattern

FORGOTTEN_WORD = "[forgotten]"
"""What stands in notes of reviewers and in names of files where the id of a forgotten user stood."""

_MARK, _SALT = "forgetting", "forgotten salt"
_SALT_BYTES = 32
_NAME = re.compile(r'"name":"((?:[^"\\]|\\.)*)"')
# What a receipt calls the rows of the tables; those of other tables are called by the table.
_KINDS = {
    "documents": "documents",
    "profiles": "profiles",
    "claims": "claims",
    "readings": "readings with notes",
    "decisions": "decisions of reviewers",
    "audience_users": "places in saved lists",
    "memberships": "memberships of segments",
    "points": "places on the map",
}
_IN = "IN (SELECT value FROM json_each(?))"
_IN_1 = "IN (SELECT value FROM json_each(?1))"
# Fields of the report of a build that may have the id of a user.
_NAMING = {"file", "reason", "owner", "warnings"}
# Rows that say nothing by themselves and would only fill a receipt.
_UNCOUNTED = {"users", "near_segments", "clustered", "interest_categories"}


class Forgetting(Removal):
    """What a ledger does to forget users; mixed into `Ledger`."""

    # The mark

    def start_forgetting(self, user_ids: Sequence[str]) -> None:
        """Mark users as to be forgotten. From here on, whatever is killed is finished by who writes next.

        :param user_ids: the users.
        """
        self._connection.execute("PRAGMA synchronous = FULL")  # Else a loss of power could undo it after it was done.
        self._connection.execute("PRAGMA temp_store = MEMORY")
        self.set_meta(_MARK, {"users": [*user_ids], "build pending": self.is_erasure_pending()})

    def users_to_forget(self) -> tuple[str, ...]:
        """Return the users who are marked and not forgotten yet."""
        return tuple((self.get_meta(_MARK) or {}).get("users", ()))

    def end_forgetting(self) -> None:
        """Take the mark away, when nothing of the users is left but old pages of the write-ahead log."""
        mark = self.get_meta(_MARK) or {}
        with self._transaction():
            self._execute("DELETE FROM meta WHERE key = ?", (_MARK,))
            if not mark.get("build pending"):
                self._set_log_pending()

    # Who is known, and who was forgotten

    def known_users(self, user_ids: Iterable[str]) -> set[str]:
        """Return those of some users of whom any table has a row.

        :param user_ids: their ids.
        """
        wanted = [*user_ids]
        return {
            user_id
            for table in self._tables_of_users()
            for (user_id,) in self._among(f'SELECT DISTINCT user_id FROM "{table}" WHERE user_id IN {{}}', wanted)
        }

    def forgotten_test(self) -> Callable[[str], bool]:
        """Return a function that says of the id of a user whether that user was forgotten."""
        hashes = frozenset(hash_ for (hash_,) in self._rows("SELECT hash FROM forgotten"))
        salt = self.get_meta(_SALT)

        @lru_cache(maxsize=100_000)
        def is_forgotten(user_id: str) -> bool:
            return _hash(user_id, salt) in hashes

        return is_forgotten if hashes and salt else lambda user_id: False

    def is_anybody_forgotten(self) -> bool:
        """Return whether the store passes over anybody's rows."""
        return next(self._rows("SELECT 1 FROM forgotten LIMIT 1"), None) is not None

    def readmit(self, user_ids: Iterable[str]) -> None:
        """Let users who were forgotten come in again.

        :param user_ids: their ids.
        """
        salt = self.get_meta(_SALT)
        rows = [(_hash(user_id, salt),) for user_id in user_ids] if salt else []
        if rows:
            with self._transaction():
                self._connection.executemany("DELETE FROM forgotten WHERE hash = ?", rows)

    # Removal

    def remove_marked_users(self) -> Counter[str]:
        """Remove the marked users from all tables, with all that names or quotes them, in one transaction.

        Segments that they were in, or that quote them, lose all their words; the next build describes them again.

        :return: how much was removed, by kind.
        """
        users = self.users_to_forget()
        named = json.dumps(users)
        removed: Counter[str] = Counter()
        with self._transaction():
            bare = self._segments_of(users, named)
            texts = {text for (text,) in self._rows(f"SELECT text FROM claims WHERE user_id {_IN}", (named,))}
            texts |= {claim.text for profile in self._profiles_of(named) for _, claim in profile.iter_claims()}
            removed["vectors"] = self._count_vectors(named)
            for table in self._tables_of_users():
                (count,) = next(self._rows(f'SELECT count(*) FROM "{table}" WHERE user_id {_IN}', (named,)))
                if table not in _UNCOUNTED:
                    removed[_KINDS.get(table, table)] += count
            for table in self._tables_of_users():
                self._execute(f'DELETE FROM "{table}" WHERE user_id {_IN}', (named,))
            self._strike_from_segments()
            self._forget_removed()
            self._execute("DELETE FROM meta WHERE key = ?", (COMMON_COUNTS,))
            fallen = self._rename_claims(texts)
            removed["names of claims of others"] = len(fallen)
            bare |= {segment.id for segment in self.segments() if not fallen.isdisjoint(_texts_of(segment))}
            removed["texts of segments"] = self._strip_segments(bare)
            removed["words of reviewers"] = self._redact_reviewers(users)
            removed["reports of builds"] = self._redact_builds(users)
            removed["evaluations"] = self._execute("DELETE FROM meta WHERE key = 'evaluation'")
            self._remember_hashes(users)
            self._touch()
        return +removed

    def compact(self) -> None:
        """Write the whole file anew, without the space that what was removed has left."""
        with explained(self._path):
            self._connection.execute("VACUUM")

    def _tables_of_users(self) -> list[str]:
        rows = self._rows(
            "SELECT tables.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns"
            " WHERE tables.type = 'table' AND columns.name = 'user_id' ORDER BY tables.rowid DESC"
        )
        return [name for (name,) in rows]

    def _segments_of(self, users: Sequence[str], named: str) -> set[str]:
        """Return the ids of the segments that users are in or that quote them."""
        found = {id_ for (id_,) in self._rows(f"SELECT segment_id FROM memberships WHERE user_id {_IN}", (named,))}
        documents = {id_ for (id_,) in self._rows(f"SELECT id FROM documents WHERE user_id {_IN}", (named,))}
        gone = set(users)
        for segment in self.segments():
            quoted = {part.document for _, claim in segment.iter_claims() for part in claim.evidence}
            if not gone.isdisjoint(segment.members) or not documents.isdisjoint(quoted | set(segment.exemplars)):
                found.add(segment.id)
        return found

    def _profiles_of(self, named: str) -> Iterator[UserProfile]:
        for (record,) in self._rows(f"SELECT record FROM profiles WHERE user_id {_IN}", (named,)):
            yield self._record(UserProfile, record, "a profile")

    def _count_vectors(self, named: str) -> int:
        (count,) = next(
            self._rows(
                "SELECT (SELECT coalesce(sum((text_vector IS NOT NULL) + (item_vector IS NOT NULL)), 0)"
                f" FROM documents WHERE user_id {_IN_1}) + (SELECT count(vector) FROM users WHERE user_id {_IN_1})"
                f" + (SELECT count(*) FROM claims WHERE user_id {_IN_1})",
                (named,),
            )
        )
        return int(count)

    def _rename_claims(self, texts: set[str]) -> set[str]:
        """Take from claims of others the names that were wordings of the removed users alone; return those names."""
        fallen: set[str] = set()
        renamed = []
        for user_id, record in self._rows("SELECT user_id, record FROM profiles"):
            if texts.isdisjoint(json.loads(f'"{name}"') for name in _NAME.findall(record)):
                continue
            profile = self._record(UserProfile, record, f"the profile of user {user_id!r}")
            claims: dict[str, list[Claim]] = {}
            for kind, claim in profile.iter_claims():
                if claim.name in texts and not self._is_wording(kind, claim.name or ""):
                    fallen.add(claim.name or "")
                    claim = claim.model_copy(update={"name": None})
                claims.setdefault(kind, []).append(claim)
            renamed.append((profile.with_claims(claims).model_dump_json(), user_id))
        self._connection.executemany("UPDATE profiles SET record = ? WHERE user_id = ?", renamed)
        for id_, record in list(self._rows("SELECT id, record FROM decisions")):
            decision = self._record(Decision, record, "a decision")
            name = decision.claim.name if decision.claim else None
            if decision.claim and name in texts and not self._is_wording(decision.kind, name or ""):
                fallen.add(name or "")
                unnamed = decision.claim.model_copy(update={"name": None})
                self._update_decision(id_, decision.model_copy(update={"claim": unnamed}))
        return fallen

    def _is_wording(self, kind: str | None, text: str) -> bool:
        rows = self._rows("SELECT 1 FROM claims WHERE text = ?2 AND (?1 IS NULL OR kind = ?1) LIMIT 1", (kind, text))
        return next(rows, None) is not None

    def _strip_segments(self, segment_ids: set[str]) -> int:
        """Take all words from segments, and from the groups above them; the next build describes both again."""
        stripped = 0
        taken: set[str] = set()
        for segment in self.segments():
            if segment.id in segment_ids:
                mixed = phrases_in(segment.language)["mixed"]
                name = unlike_others(iter([mixed, f"{mixed} {segment.id.rpartition('-')[2]}"]), taken, segment.id)
                taken.add(name.casefold())
                nothing = {"criterion": "", "summary": "", "keyphrases": (), "exemplars": ()}
                bare = segment.with_claims({kind: () for kind in segment.claims}, name=name, **nothing)
                self._execute(
                    "UPDATE segments SET record = ?, hash = '' WHERE id = ?", (bare.model_dump_json(), segment.id)
                )
                stripped += 1
        groups: dict[str, dict[str, str]] = self.get_meta(GROUP_PROFILES) or {}
        above: Mapping[str, Sequence[str]] = self.get_meta("segment groups") or {}
        touched = {group for segment in segment_ids for group in above.get(segment, ())} & groups.keys()
        for group in touched:
            name = f"{phrases_in('en')['mixed']} {group.rpartition('-')[2]}"
            groups[group] = {"name": name, "criterion": "", "summary": "", "hash": ""}
        if touched:
            self._set_meta(GROUP_PROFILES, groups)
        return stripped + len(touched)

    def _redact_reviewers(self, users: Sequence[str]) -> int:
        """Take ids from what reviewers wrote of others: notes, names and lists."""
        changed = 0
        for id_, record in list(self._rows("SELECT id, record FROM decisions")):
            decision = self._record(Decision, record, "a decision")
            # The placeholder may be longer than the id, and a longer note than the longest could not be read again.
            words = _redacted(decision.words, users)[:MAX_NOTE_CHARS]
            if words != decision.words:
                self._update_decision(id_, decision.model_copy(update={"words": words}))
                changed += 1
        for name, record in list(self._rows("SELECT name, record FROM audiences")):
            audience = self._record(Audience, record, "a saved list")
            told = audience.model_copy(update={"found_by": _redacted(audience.found_by, users)})
            if (redacted := _redacted(name, users)) != name:
                told = told.model_copy(update={"name": self._free_list_name(redacted)})
            if told != audience:
                self._rename_audience(name, told)
                changed += 1
        return changed

    def _update_decision(self, id_: str, decision: Decision) -> None:
        self._execute("UPDATE decisions SET record = ? WHERE id = ?", (decision.model_dump_json(), id_))

    def _free_list_name(self, name: str) -> str:
        """Return a name that no saved list has: lists named after two forgotten users stay two."""
        taken = {taken for (taken,) in self._rows("SELECT name FROM audiences")}
        return next(each for each in chain([name], (f"{name} {at}" for at in count(2))) if each not in taken)

    def _rename_audience(self, name: str, audience: Audience) -> None:
        rows = list(self._rows("SELECT position, user_id FROM audience_users WHERE name = ?", (name,)))
        self._execute("DELETE FROM audience_users WHERE name = ?", (name,))
        self._execute("DELETE FROM audiences WHERE name = ?", (name,))
        self._execute("INSERT INTO audiences VALUES (?, ?)", (audience.name, audience.model_dump_json()))
        self._connection.executemany(
            "INSERT INTO audience_users VALUES (?, ?, ?)", [(audience.name, *row) for row in rows]
        )

    def _redact_builds(self, users: Sequence[str]) -> int:
        """Take ids from the reports of builds of earlier versions: names of files, and why rows were passed over."""
        changed = 0
        for id_, report in list(self._rows("SELECT id, report FROM builds")):
            with self._intact("the report of a build"):
                told = json.loads(report)
            clean = _without_ids(told, users)
            if clean != told:
                self._execute("UPDATE builds SET report = ? WHERE id = ?", (json.dumps(clean), id_))
                changed += 1
        return changed

    def _remember_hashes(self, users: Sequence[str]) -> None:
        salt = self.get_meta(_SALT) or secrets.token_hex(_SALT_BYTES)
        self._set_meta(_SALT, salt)
        rows = [(_hash(user, salt),) for user in users]
        self._connection.executemany("INSERT OR IGNORE INTO forgotten VALUES (?)", rows)


def _hash(user_id: str, salt: str) -> bytes:
    return blake2b(user_id.encode("utf-8", "surrogatepass"), key=bytes.fromhex(salt), digest_size=16).digest()


def _texts_of(segment: Segment) -> set[str]:
    return {claim.text for _, claim in segment.iter_claims()} | set(segment.keyphrases)


def _redacted(text: str, users: Sequence[str]) -> str:
    return user_pattern(users).sub(FORGOTTEN_WORD, text)


def _without_ids(told: Any, users: Sequence[str], *, is_name: bool = False) -> Any:
    """Return the report of a build without ids of users in the fields that may have one, such as names of files."""
    if isinstance(told, dict):
        return {key: _without_ids(value, users, is_name=is_name or key in _NAMING) for key, value in told.items()}
    if isinstance(told, list):
        return [_without_ids(value, users, is_name=is_name) for value in told]
    return _redacted(told, users) if isinstance(told, str) and is_name else told
