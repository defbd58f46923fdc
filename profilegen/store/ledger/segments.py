"""Segments, their members, and the map of users."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from profilegen.records import Segment, SegmentGroup
from profilegen.store.ledger.history import HistoryTables
from profilegen.store.ledger.packing import pack, unpack_named, unpack_near
from profilegen.vectors import Vectors


class Membership(NamedTuple):
    """The segment of a user.

    :param user_id: of the user.
    :param segment_id: of the segment.
    :param confidence: 0 to 1.
    :param assigned: whether HDBSCAN called the user noise.
    :param near: (segment id, weight) of other segments that the user is near to, the nearest first.
    """

    user_id: str
    segment_id: str
    confidence: float
    assigned: bool
    near: tuple[tuple[str, float], ...] = ()


class Points(NamedTuple):
    """Users on the map, in order of user id.

    :param user_ids: of the users.
    :param places: (n_users, 2) float32.
    :param segments: their segments' ids, None without one.
    """

    user_ids: list[str]
    places: NDArray[np.float32]
    segments: list[str | None]


GROUP_PROFILES = "segment group profiles"
"""Under which the names and texts of groups of segments are kept in the ledger, by id."""


class SegmentTables(HistoryTables):
    """Methods of a ledger for segments and the map; mixed into `Ledger`."""

    def segment_groups(self) -> dict[str, SegmentGroup]:
        """Return the groups that segments belong to, by id; none where segments are few."""
        kept: dict[str, dict[str, str]] = self.get_meta(GROUP_PROFILES) or {}
        return {
            id_: SegmentGroup(id=id_, name=row["name"], criterion=row["criterion"], summary=row["summary"])
            for id_, row in kept.items()
        }

    def put_memberships(self, rows: Iterable[Membership]) -> None:
        """Store the segments of users in place of all that were there.

        :param rows: one for each user.
        """
        memberships = sorted(Membership(*row) for row in rows)
        before = self.memberships()
        if memberships == before:
            return
        with self._transaction():
            self._record_moves(
                {row.user_id: row.segment_id for row in before}, {row.user_id: row.segment_id for row in memberships}
            )
            self._connection.execute("DELETE FROM memberships")
            self._connection.executemany(
                "INSERT INTO memberships VALUES (?, ?, ?, ?)", [row[:4] for row in memberships]
            )
            self._execute("DELETE FROM near_segments")
            near = [(row.user_id, json.dumps(row.near)) for row in memberships if row.near]
            self._connection.executemany("INSERT INTO near_segments VALUES (?, ?)", near)
            self._touch()

    def memberships(self) -> list[Membership]:
        """Return the segment of each user that has one, in order of user id."""
        near, join = self._near_segments()
        rows = self._rows(
            f"SELECT user_id, segment_id, confidence, assigned, {near} FROM memberships {join} ORDER BY user_id"
        )
        with self._intact("the segment of a user"):
            return [
                Membership(user_id, segment, float(certain), bool(noise), unpack_near(near))
                for user_id, segment, certain, noise, near in rows
            ]

    def count_unclustered(self) -> int:
        """Count the users whom HDBSCAN called noise."""
        return self._count("SELECT count(*) FROM memberships WHERE assigned")

    def segments_of(self, user_ids: Sequence[str]) -> dict[str, str]:
        """Return the ids of the segments of users, by user id.

        :param user_ids: those without a segment are left out.
        """
        return dict(self._among("SELECT user_id, segment_id FROM memberships WHERE user_id IN {}", user_ids))

    def put_segments(self, rows: Iterable[tuple[Segment, str, Vectors | None]]) -> None:
        """Store segments in place of all that were there.

        :param rows: (segment, hash of what it was made from, vector); the vector (n_dims,) float32 or None.
        """
        segments = [(segment.id, hash_, segment.model_dump_json(), pack(vector)) for segment, hash_, vector in rows]
        if segments == list(self._rows("SELECT id, hash, record, vector FROM segments ORDER BY rowid")):
            return
        with self._transaction():
            self._connection.execute("DELETE FROM segments")
            self._connection.executemany("INSERT INTO segments VALUES (?, ?, ?, ?)", segments)
            self._touch()

    def segments(self) -> list[Segment]:
        """Return all segments as the machine wrote them, in the order in which they were stored."""
        rows = self._rows("SELECT id, record FROM segments ORDER BY rowid")
        return [self._record(Segment, record, f"segment {id_!r}") for id_, record in rows]

    def segment(self, segment_id: str) -> Segment | None:
        """Return one segment as the machine wrote it, or None.

        :param segment_id: its id.
        """
        row = self._one("SELECT record FROM segments WHERE id = ?", (segment_id,))
        return None if row is None else self._record(Segment, row[0], f"segment {segment_id!r}")

    def segment_hashes(self) -> dict[str, str]:
        """Return the hash of what each segment was made from; empty for one that lost a member since."""
        return dict(self._rows("SELECT id, hash FROM segments"))

    def segment_matrix(self) -> tuple[list[str], Vectors]:
        """Return the ids of the segments that have a vector, in the order stored, and the vectors.

        :return: the ids, and (n_segments, n_dims) float32, rows L2-normalised.
        """
        rows = self._rows("SELECT id, vector FROM segments WHERE vector IS NOT NULL ORDER BY rowid")
        with self._intact("the vector of a segment"):
            return unpack_named(rows)

    # Whom the clusters were made of

    def mark_clustered(self) -> None:
        """Store the hash of every user's documents as what users were clustered by."""
        with self._transaction():
            self._execute("DELETE FROM clustered")
            self._execute("INSERT INTO clustered SELECT user_id, hash FROM users")

    def unchanged_since_clustering(self) -> set[str]:
        """Return the ids of the users whose documents are those that they were clustered by."""
        return {user_id for (user_id,) in self._rows("SELECT user_id FROM clustered NATURAL JOIN users")}

    # The map

    def put_points(self, user_ids: Sequence[str], places: NDArray[np.float32]) -> None:
        """Store the places of users on the map, instead of all that were there.

        :param user_ids: of the users.
        :param places: (n_users, 2) float32.
        """
        with self._transaction():
            self._execute("DELETE FROM points")
            for user_id, (x, y) in zip(user_ids, places, strict=True):
                self._execute("INSERT INTO points VALUES (?, ?, ?)", (user_id, float(x), float(y)))

    def points(self) -> Points:
        """Return the places of users on the map."""
        rows = list(
            self._added_rows(
                "SELECT user_id, x, y, segment_id FROM points LEFT JOIN memberships USING (user_id) ORDER BY user_id"
            )
        )
        with self._intact("a place on the map"):
            places = np.array([row[1:3] for row in rows], np.float32).reshape(len(rows), 2)
        return Points([row[0] for row in rows], places, [row[3] for row in rows])
