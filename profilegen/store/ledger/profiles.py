"""What a build makes of each user: vectors, profiles, and the claims that users are found by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from profilegen.records import Kind, UserProfile, batches
from profilegen.store.ledger.packing import pack, unpack_named, unpack_one
from profilegen.store.ledger.tables import BATCH_ROWS, PAGE_ROWS, Tables
from profilegen.vectors import Vectors

_PROFILE = "user_id, profiles.record, segment_id, confidence, assigned"
_PROFILES = "profiles LEFT JOIN memberships USING (user_id)"


class ClaimVector(NamedTuple):
    """One thing to be found by: a claim at its position among its kind, or the summary, with its vector."""

    kind: Kind | Literal["summary"]
    position: int
    text: str
    support: float
    vector: Vectors


class ProfileTables(Tables):
    """What a ledger can do with users and their profiles; mixed into `Ledger`."""

    # Users

    def put_users(self, rows: Iterable[tuple[str, str, str, Vectors | None]]) -> None:
        """Store (user id, language, hash, vector); comes before the user's profile and membership."""
        for batch in batches(rows, BATCH_ROWS):
            packed = [(user_id, language, hash_, pack(vector)) for user_id, language, hash_, vector in batch]
            with self._transaction():
                written = self._connection.executemany(
                    "INSERT INTO users VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                    " SET language = excluded.language, hash = excluded.hash, vector = excluded.vector"
                    " WHERE (language, hash, vector)"
                    " IS NOT (excluded.language, excluded.hash, excluded.vector)",
                    packed,
                ).rowcount
                if written:
                    self._touch()

    def user_hashes(self) -> dict[str, str]:
        """Return the hash of each user that was put."""
        return dict(self._rows("SELECT user_id, hash FROM users"))

    def user_languages(self) -> list[str]:
        """Return the language of each user that has a vector, in order of id."""
        rows = self._rows("SELECT language FROM users WHERE vector IS NOT NULL ORDER BY user_id")
        return [language for (language,) in rows]

    def user_matrix(self) -> tuple[list[str], Vectors]:
        """Return the users that have a vector, in order of id, and their vectors (n_users, n_dims)."""
        rows = self._rows("SELECT user_id, vector FROM users WHERE vector IS NOT NULL ORDER BY user_id")
        with self._intact("the vector of a user"):
            return unpack_named(rows)

    def user_vectors(self, user_ids: Sequence[str]) -> dict[str, Vectors]:
        """Return the vectors (n_dims,) of the users named that have one."""
        rows = self._among("SELECT user_id, vector FROM users WHERE vector IS NOT NULL AND user_id IN {}", user_ids)
        with self._intact("the vector of a user"):
            return dict(zip(*unpack_named(rows), strict=True))

    def matching_users(self, segment: str | None, language: str | None, categories: Iterable[str]) -> set[str]:
        """Return the ids of the users who meet all conditions.

        :param segment: id of the user's segment, None for any.
        :param language: a code such as `en`, None for any.
        :param categories: ids, of one of which an interest of the user must be; none for any.
        """
        wanted = list(categories)
        rows = self._rows(
            "SELECT user_id FROM users LEFT JOIN memberships USING (user_id)"
            " WHERE (?1 IS NULL OR segment_id = ?1) AND (?2 IS NULL OR language = ?2) AND (?3 = '[]' OR user_id IN"
            " (SELECT user_id FROM interest_categories WHERE category IN (SELECT value FROM json_each(?3))))",
            (segment, language, json.dumps(wanted)),
        )
        return {user_id for (user_id,) in rows}

    # Profiles

    def put_profiles(self, rows: Iterable[tuple[UserProfile, str, Sequence[ClaimVector]]]) -> None:
        """Store (profile, hash of what it was made from, what it is found by) in place of what was there.

        What the profile says of its segment is not stored: memberships say it when the profile is read.
        """
        for batch in batches(rows, PAGE_ROWS):
            profiles = [
                (profile.user_id, hash_, profile.status, _without_segment(profile).model_dump_json())
                for profile, hash_, _ in batch
            ]
            claims = [
                (profile.user_id, claim.kind, claim.position, claim.text, claim.support, pack(claim.vector))
                for profile, _, claim_vectors in batch
                for claim in claim_vectors
            ]
            with self._transaction():
                self._connection.executemany("DELETE FROM profiles WHERE user_id = ?", [row[:1] for row in profiles])
                self._connection.executemany("INSERT INTO profiles VALUES (?, ?, ?, ?)", profiles)
                self._connection.executemany("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", claims)
                self._put_categories([profile for profile, *_ in batch])
                self._touch()

    def profile_hashes(self) -> dict[str, str]:
        """Return the hash of each user's profile."""
        return dict(self._rows("SELECT user_id, hash FROM profiles"))

    def profile(self, user_id: str) -> UserProfile | None:
        """Return a user's profile with its segment, or None."""
        row = self._one(f"SELECT {_PROFILE} FROM {_PROFILES} WHERE user_id = ?", (user_id,))
        return None if row is None else self._profile(row)

    def iter_profiles(self) -> Iterator[UserProfile]:
        """Give every profile with its segment, in order of user id."""
        for row in self._paged(f"SELECT {_PROFILE} FROM {_PROFILES} WHERE user_id > ? ORDER BY user_id LIMIT ?", ""):
            yield self._profile(row)

    def iter_profile_vectors(self) -> Iterator[tuple[UserProfile, Vectors]]:
        """Give every profile whose user has a vector (n_dims,), in order of user id."""
        rows = self._paged(
            f"SELECT {_PROFILE}, vector FROM {_PROFILES} JOIN users USING (user_id)"
            " WHERE user_id > ? AND vector IS NOT NULL ORDER BY user_id LIMIT ?",
            "",
        )
        for *row, blob in rows:
            with self._intact(f"the vector of user {row[0]!r}"):
                vector = unpack_one(blob)
            yield self._profile(row), vector

    # Claims

    def put_claims(self, user_id: str, claims: Sequence[ClaimVector]) -> None:
        """Store what a user with a profile is found by, in place of what was there."""
        rows = [(user_id, *claim[:-1], pack(claim.vector)) for claim in claims]
        with self._transaction():
            self._connection.execute("DELETE FROM claims WHERE user_id = ?", (user_id,))
            self._connection.executemany("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._touch()

    def claims_of(self, user_ids: Sequence[str]) -> dict[str, list[ClaimVector]]:
        """Return what the users named are found by."""
        found: dict[str, list[ClaimVector]] = {}
        rows = self._among(
            "SELECT user_id, kind, position, text, support, vector FROM claims"
            " WHERE user_id IN {} ORDER BY user_id, kind, position",
            user_ids,
        )
        for user_id, kind, position, text, support, blob in rows:
            with self._intact(f"a claim of {user_id!r}"):
                claim = ClaimVector(kind, position, text, float(support), unpack_one(blob))
            found.setdefault(user_id, []).append(claim)
        return found

    def claim_matrix(self, user_ids: Sequence[str]) -> tuple[list[tuple[str, str]], Vectors]:
        """Return (user id, text) of what the users named are found by, and the vectors (n_claims, n_dims).

        Of hundreds of users this is quicker than `claims_of`, which makes an array of each.
        """
        rows = self._among("SELECT user_id, text, vector FROM claims WHERE user_id IN {}", user_ids)
        with self._intact("the vector of a claim"):
            return unpack_named(((user_id, text), blob) for user_id, text, blob in rows)

    def interest_vectors(self, texts: Iterable[str]) -> dict[str, Vectors]:
        """Return the vectors of the texts that are an interest of some user."""
        rows = self._among("SELECT text, vector FROM claims WHERE kind = 'interest' AND text IN {}", texts)
        with self._intact("the vector of a claim"):
            return dict(zip(*unpack_named(rows), strict=True))

    # Categories of interests

    def not_categorised(self, taxonomy: str) -> list[str]:
        """Return the users with interests whose categories are not of this version of a taxonomy."""
        rows = self._rows(
            "SELECT user_id FROM profiles WHERE json_extract(record, '$.built_with.taxonomy') IS NOT ?"
            " AND json_array_length(record, '$.interests') > 0 ORDER BY user_id",
            (taxonomy,),
        )
        return [user_id for (user_id,) in rows]

    def put_categories(self, profiles: Iterable[UserProfile]) -> None:
        """Store profiles whose interests have other categories now; what they are made from is as it was."""
        for batch in batches(profiles, PAGE_ROWS):
            rows = [(_without_segment(profile).model_dump_json(), profile.user_id) for profile in batch]
            with self._transaction():
                self._connection.executemany("UPDATE profiles SET record = ? WHERE user_id = ?", rows)
                self._put_categories(batch)
                self._touch()

    def categories(self, segment_id: str | None = None) -> Iterator[tuple[str, str, str]]:
        """Give (segment id, user id, category id) of each category of a user's interests, of one segment or of all."""
        rows = self._rows(
            "SELECT segment_id, user_id, category FROM interest_categories JOIN memberships USING (user_id)"
            " WHERE ? IS NULL OR segment_id = ?",
            (segment_id, segment_id),
        )
        yield from rows

    def categories_of(self, user_ids: Sequence[str]) -> dict[str, set[str]]:
        """Return the ids of the categories of each user's interests; who has none is left out."""
        found: dict[str, set[str]] = {}
        rows = self._among("SELECT user_id, category FROM interest_categories WHERE user_id IN {}", user_ids)
        for user_id, category in rows:
            found.setdefault(user_id, set()).add(category)
        return found

    def _profile(self, row: Sequence[Any]) -> UserProfile:
        user_id, record, segment, confidence, assigned = row
        with self._intact(f"the profile of user {user_id!r}"):
            profile = UserProfile.model_validate_json(record)
            if segment is None:
                return profile
            return profile.model_copy(
                update={"segment": segment, "segment_confidence": float(confidence), "segment_assigned": bool(assigned)}
            )

    def _put_categories(self, profiles: Sequence[UserProfile]) -> None:
        rows = {
            (profile.user_id, claim.category.id)
            for profile in profiles
            for claim in profile.interests
            if claim.category
        }
        delete = "DELETE FROM interest_categories WHERE user_id = ?"
        self._connection.executemany(delete, [(profile.user_id,) for profile in profiles])
        self._connection.executemany("INSERT INTO interest_categories VALUES (?, ?)", sorted(rows))


def _without_segment(profile: UserProfile) -> UserProfile:
    return profile.model_copy(update={"segment": None, "segment_confidence": None, "segment_assigned": False})
