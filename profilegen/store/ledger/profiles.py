"""Vectors and profiles of users, and the claims that users are found by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from profilegen.records import Kind, NearSegment, UserProfile, batches
from profilegen.store.ledger.history import HistoryTables
from profilegen.store.ledger.packing import pack, unpack_named, unpack_near, unpack_one
from profilegen.store.ledger.tables import BATCH_ROWS, PAGE_ROWS
from profilegen.vectors import Vectors


class ClaimVector(NamedTuple):
    """What a user is found by.

    :param kind: of the claim, or `summary`.
    :param position: among the user's of that kind.
    :param text: of the claim.
    :param support: 0 to 1.
    :param vector: (n_dims,) float32, L2-normalised.
    """

    kind: Kind | Literal["summary"]
    position: int
    text: str
    support: float
    vector: Vectors


class ProfileTables(HistoryTables):
    """Methods of a ledger for users and their profiles; mixed into `Ledger`."""

    # Users

    def put_users(self, rows: Iterable[tuple[str, str, str, Vectors | None]]) -> None:
        """Store users; comes before their profiles and memberships.

        :param rows: (user id, language, hash of the documents, vector); the vector (n_dims,) float32 or None.
        :raises ValueError: a vector holds NaN.
        """
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
        """Return the hash of each user's documents, by user id."""
        return dict(self._rows("SELECT user_id, hash FROM users"))

    def user_languages(self) -> list[str]:
        """Return the language of each user who has a vector, in order of user id."""
        rows = self._rows("SELECT language FROM users WHERE vector IS NOT NULL ORDER BY user_id")
        return [language for (language,) in rows]

    def user_matrix(self) -> tuple[list[str], Vectors]:
        """Return the ids of the users who have a vector, in order, and the vectors.

        :return: the ids, and (n_users, n_dims) float32, rows L2-normalised.
        """
        rows = self._rows("SELECT user_id, vector FROM users WHERE vector IS NOT NULL ORDER BY user_id")
        with self._intact("the vector of a user"):
            return unpack_named(rows)

    def user_vectors(self, user_ids: Sequence[str]) -> dict[str, Vectors]:
        """Return the vectors of users.

        :param user_ids: those without a vector are left out.
        :return: (n_dims,) float32, L2-normalised, by user id.
        """
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
        """Store profiles in place of those that were there.

        The segment of a profile is not stored: memberships hold it.

        :param rows: (profile, hash of what it was made from, what the user is found by).
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
                self._record_claims([profile for profile, *_ in batch])
                self._connection.executemany("DELETE FROM profiles WHERE user_id = ?", [row[:1] for row in profiles])
                self._connection.executemany("INSERT INTO profiles VALUES (?, ?, ?, ?)", profiles)
                self._connection.executemany("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", claims)
                self._put_categories([profile for profile, *_ in batch])
                self._touch()

    def profile_hashes(self) -> dict[str, str]:
        """Return the hash of what each profile was made from, by user id."""
        return dict(self._rows("SELECT user_id, hash FROM profiles"))

    def profile(self, user_id: str) -> UserProfile | None:
        """Return a user's profile as the machine wrote it, with its segment, or None.

        :param user_id: any.
        """
        columns, tables = self._profile_columns()
        row = self._one(f"SELECT {columns} FROM {tables} WHERE user_id = ?", (user_id,))
        return None if row is None else self._profile(row)

    def iter_profiles(self) -> Iterator[UserProfile]:
        """Yield every profile as the machine wrote it, with its segment, in order of user id."""
        columns, tables = self._profile_columns()
        for row in self._paged(f"SELECT {columns} FROM {tables} WHERE user_id > ? ORDER BY user_id LIMIT ?", ""):
            yield self._profile(row)

    def iter_profile_vectors(self) -> Iterator[tuple[UserProfile, Vectors]]:
        """Yield every profile whose user has a vector (n_dims,) float32, in order of user id."""
        columns, tables = self._profile_columns()
        rows = self._paged(
            f"SELECT {columns}, vector FROM {tables} JOIN users USING (user_id)"
            " WHERE user_id > ? AND vector IS NOT NULL ORDER BY user_id LIMIT ?",
            "",
        )
        for *row, blob in rows:
            with self._intact(f"the vector of user {row[0]!r}"):
                vector = unpack_one(blob)
            yield self._profile(row), vector

    # Claims

    def put_claims(self, user_id: str, claims: Sequence[ClaimVector]) -> None:
        """Store what a user is found by, in place of what was there.

        :param user_id: of a user with a profile.
        :param claims: with their vectors.
        """
        rows = [(user_id, *claim[:-1], pack(claim.vector)) for claim in claims]
        with self._transaction():
            self._connection.execute("DELETE FROM claims WHERE user_id = ?", (user_id,))
            self._connection.executemany("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._touch()

    def claims_of(self, user_ids: Sequence[str]) -> dict[str, list[ClaimVector]]:
        """Return what users are found by.

        :param user_ids: those who have nothing to be found by are left out.
        :return: by user id, in order of kind and position.
        """
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
        """Return what users are found by, as one array.

        Of hundreds of users this is quicker than `claims_of`, which makes an array of each claim.

        :param user_ids: of the users.
        :return: (user id, text) of each claim, and (n_claims, n_dims) float32, rows L2-normalised.
        """
        rows = self._among("SELECT user_id, text, vector FROM claims WHERE user_id IN {}", user_ids)
        with self._intact("the vector of a claim"):
            return unpack_named(((user_id, text), blob) for user_id, text, blob in rows)

    # Categories of interests

    def not_categorised(self, taxonomy: str) -> list[str]:
        """Return the ids of users with interests that have no categories of a taxonomy.

        :param taxonomy: its version, as profiles name it.
        """
        rows = self._rows(
            "SELECT user_id FROM profiles WHERE json_extract(record, '$.built_with.taxonomy') IS NOT ?"
            " AND json_array_length(record, '$.interests') > 0 ORDER BY user_id",
            (taxonomy,),
        )
        return [user_id for (user_id,) in rows]

    def put_categories(self, profiles: Iterable[UserProfile]) -> None:
        """Store profiles whose interests have other categories now, and what they were made from has not changed.

        :param profiles: of users who have one.
        """
        for batch in batches(profiles, PAGE_ROWS):
            rows = [(_without_segment(profile).model_dump_json(), profile.user_id) for profile in batch]
            with self._transaction():
                self._connection.executemany("UPDATE profiles SET record = ? WHERE user_id = ?", rows)
                self._put_categories(batch)
                self._touch()

    def categories(self, segment_id: str | None = None) -> Iterator[tuple[str, str, str]]:
        """Yield (segment id, user id, category id) of each category of a user's interests.

        :param segment_id: of one segment; None for all.
        """
        rows = self._rows(
            "SELECT segment_id, user_id, category FROM interest_categories JOIN memberships USING (user_id)"
            " WHERE ? IS NULL OR segment_id = ?",
            (segment_id, segment_id),
        )
        yield from rows

    def categories_of(self, user_ids: Sequence[str]) -> dict[str, set[str]]:
        """Return the ids of the categories of users' interests, by user id.

        :param user_ids: those without categories are left out.
        """
        found: dict[str, set[str]] = {}
        rows = self._among("SELECT user_id, category FROM interest_categories WHERE user_id IN {}", user_ids)
        for user_id, category in rows:
            found.setdefault(user_id, set()).add(category)
        return found

    def _profile_columns(self) -> tuple[str, str]:
        """Return the columns of a profile with its segment, as `_profile` takes them, and the tables that have them."""
        near, join = self._near_segments()
        columns = f"user_id, profiles.record, segment_id, confidence, assigned, {near}"
        return columns, f"profiles LEFT JOIN memberships USING (user_id) {join}"

    def _profile(self, row: Sequence[Any]) -> UserProfile:
        user_id, record, segment, confidence, assigned, near = row
        with self._intact(f"the profile of user {user_id!r}"):
            profile = UserProfile.model_validate_json(record)
            if segment is None:
                return profile
            return profile.model_copy(
                update={
                    "segment": segment,
                    "segment_confidence": float(confidence),
                    "segment_assigned": bool(assigned),
                    "near_segments": tuple(NearSegment(id=id_, weight=weight) for id_, weight in unpack_near(near)),
                }
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
    return profile.model_copy(
        update={"segment": None, "segment_confidence": None, "segment_assigned": False, "near_segments": ()}
    )
