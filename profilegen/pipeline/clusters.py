"""The stages that give every user a segment and a place on the map."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from profilegen.backends import Progress
from profilegen.config import Settings
from profilegen.pipeline.fingerprints import fingerprint
from profilegen.segments import clustering, hierarchy, layout
from profilegen.segments.resolution import Labels
from profilegen.store.ledger import (
    Ledger,
    Membership,
)
from profilegen.vectors import Vectors

T = TypeVar("T")

# Up to this share of users who are new, changed or gone, users are not clustered again.
_FEW_MOVED = 0.05


class Clustered(NamedTuple):
    """What giving users their segments changed.

    :param anew: whether all users were clustered again.
    :param before: id of the segment of each user before.
    :param after: the same, afterwards.
    """

    anew: bool
    before: dict[str, str]
    after: dict[str, str]

    @property
    def moved(self) -> int:
        """The number of users who were in another segment before."""
        return sum(user in self.before and self.before[user] != segment for user, segment in self.after.items())


def cluster_users(ledger: Ledger, settings: Settings, progress: Progress, *, settle: bool = False) -> Clustered:
    """Give every user a segment; segments that go on keep their ids.

    While few users are new, changed or gone, these join the segments that there are, and nobody else moves.

    :param ledger: has the users' vectors, and gets the memberships and the groups of the segments.
    :param settings: seed and smallest segment.
    :param progress: called when the stage begins and ends.
    :param settle: cluster all users even if few have changed since that was last done.
    """
    user_ids, vectors = ledger.user_matrix()
    method = fingerprint(clustering.METHOD, settings.seed, settings.min_cluster_size)
    made_of = fingerprint(method, vectors.tobytes(), "\0".join(user_ids).encode("utf-8", "surrogatepass"))
    memberships = ledger.memberships()
    before = {row.user_id: row.segment_id for row in memberships}
    is_settled = not settle or (ledger.get_meta("clustered") or {}).get("of") == made_of
    if is_settled and ledger.get_meta("clusters") == made_of and len(memberships) == len(user_ids):
        return Clustered(False, before, before)
    progress("segments", 0, 1)
    centred = clustering.remove_language_means(vectors, ledger.user_languages())
    settled = set[str]() if settle else settled_users(ledger, user_ids, method)
    if settled:
        ledger.put_memberships(_joined(user_ids, centred, settled, memberships))
    else:
        found = clustering.cluster(centred, seed=settings.seed, min_cluster_size=settings.min_cluster_size)
        segment_ids = _segment_ids(user_ids, found, memberships)
        # A build that is killed between here and the end of this block clusters again: what users were clustered by
        # would belong to one clustering, and its description to another.
        ledger.set_meta("clustered", None)
        ledger.set_meta("clusters", None)
        ledger.put_memberships(_memberships(user_ids, centred, segment_ids, found))
        ledger.set_meta("segment groups", _groups(centred, segment_ids, ledger.get_meta("segment groups") or {}))
        ledger.mark_clustered()
        ledger.set_meta("clustered", {"method": method, "users": len(user_ids), "of": made_of})
    ledger.set_meta("clusters", made_of)
    progress("segments", 1, 1)
    return Clustered(not settled, before, {row.user_id: row.segment_id for row in ledger.memberships()})


def lay_out_users(ledger: Ledger, settings: Settings, progress: Progress) -> None:
    """Give every user a place on the map; while users join segments that there are, nobody else moves.

    :param ledger: has the users' vectors, and gets the places.
    :param settings: the seed.
    :param progress: called when the stage begins and ends.
    """
    made_of = fingerprint(ledger.get_meta("clusters"), settings.seed)
    if ledger.get_meta("map") == made_of:
        return
    progress("map", 0, 1)
    user_ids, vectors = ledger.user_matrix()
    centred = clustering.remove_language_means(vectors, ledger.user_languages())
    laid_out = fingerprint(ledger.get_meta("clustered"), settings.seed)
    settled = settled_users(ledger, user_ids) if ledger.get_meta("laid out") == laid_out else set()
    points = ledger.points()
    place_of = {user_id: at for user_id, at in zip(points.user_ids, points.places, strict=True) if user_id in settled}
    known = [row for row, user_id in enumerate(user_ids) if user_id in place_of]
    # A build that was killed may have left users who have settled without a place.
    if settled and len(known) == len(settled):
        places = layout.interpolate_positions(
            centred, np.array(known), np.array([place_of[user_ids[row]] for row in known])
        )
    else:
        places = layout.positions(centred, seed=settings.seed)
    ledger.put_points(user_ids, places)
    ledger.set_meta("laid out", laid_out)
    ledger.set_meta("map", made_of)
    progress("map", 1, 1)


def settled_users(ledger: Ledger, user_ids: Sequence[str], method: str | None = None) -> set[str]:
    """Return the users who are as they were when users were clustered; none if too many are not, or the method is new.

    :param ledger: remembers what users were clustered by.
    :param user_ids: all users of now.
    :param method: how they would be clustered now; whatever it was, if None.
    """
    clustered = ledger.get_meta("clustered")
    if not clustered or method not in (None, clustered["method"]):
        return set()
    settled = ledger.unchanged_since_clustering()
    moved = max(len(user_ids), clustered["users"]) - len(settled)
    return settled if moved <= _FEW_MOVED * clustered["users"] else set()


def _joined(
    user_ids: Sequence[str], vectors: Vectors, settled: set[str], memberships: Sequence[Membership]
) -> list[Membership]:
    """Return the membership of each user, with those who are not settled among their neighbours who are."""
    before = {row.user_id: row for row in memberships if row.user_id in settled}
    names = sorted({row.segment_id for row in before.values()})
    label_of = {name: label for label, name in enumerate(names)}
    known = np.array([row for row, user_id in enumerate(user_ids) if user_id in before])
    rows = [before[user_ids[row]] for row in known]
    clusters = clustering.Clusters(
        np.array([label_of[row.segment_id] for row in rows]),
        np.array([row.confidence for row in rows], np.float32),
        np.array([row.assigned for row in rows]),
    )
    found = clustering.assign_by_neighbors(vectors, known, clusters)
    joined = _memberships(user_ids, vectors, [names[label] for label in found.labels], found)
    kept = {
        row.user_id: row._replace(near=tuple(near for near in row.near if near[0] in label_of))
        for row in before.values()
    }
    return [kept.get(row.user_id, row) for row in joined]


def _memberships(
    user_ids: Sequence[str], vectors: Vectors, segment_ids: Sequence[str], found: clustering.Clusters
) -> list[Membership]:
    """Return the membership of each user, with the segments that the user is near to."""
    if not user_ids:
        return []
    names, labels = _numbered(segment_ids)
    near = [
        tuple((names[label], round(float(weight), 2)) for label, weight in zip(*row, strict=True) if weight >= 0.01)
        for row in zip(*hierarchy.nearest_segments(vectors, labels), strict=True)
    ]
    rows = zip(user_ids, segment_ids, found.confidence.tolist(), found.assigned.tolist(), near, strict=True)
    return [Membership(user, segment, round(confidence, 3), *rest) for user, segment, confidence, *rest in rows]


def _groups(
    vectors: Vectors, segment_ids: Sequence[str], before: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the ids of the groups of each segment, the largest first; groups that go on keep their ids.

    :param before: the groups of the segments of the last clustering.
    """
    names, labels = _numbered(segment_ids)
    groups: dict[str, tuple[str, ...]] = dict.fromkeys(names, ())
    for level, group_of in enumerate(hierarchy.group_segments(vectors, labels)):
        members = _members(zip(group_of.tolist(), names, strict=True))
        new = {_group_id(level, segments): segments for segments in members.values()}
        old = _members((ids[level], segment) for segment, ids in before.items() if len(ids) > level)
        continued = clustering.match_ids(new, old)
        for id_, segments in new.items():
            for segment in segments:
                groups[segment] += (continued.get(id_, id_),)
    return groups


def _group_id(level: int, segments: Sequence[str]) -> str:
    """Return the id of a new group; a group and the only group in it have different ones."""
    return _new_id([str(level), *segments]).replace("seg-", "group-", 1)


def _numbered(segment_ids: Sequence[str]) -> tuple[list[str], Labels]:
    """Return the distinct ids in order, and the number of each id among them."""
    names = sorted(set(segment_ids))
    number_of = {name: number for number, name in enumerate(names)}
    return names, np.array([number_of[segment_id] for segment_id in segment_ids], np.int64)


def _members(pairs: Iterable[tuple[T, str]]) -> dict[T, list[str]]:
    """Return the members of each group, from pairs of group and member."""
    members: dict[T, list[str]] = {}
    for group, member in pairs:
        members.setdefault(group, []).append(member)
    return members


def _segment_ids(user_ids: Sequence[str], found: clustering.Clusters, memberships: Sequence[Membership]) -> list[str]:
    """Return the id of each user's segment: that of an earlier one, if one goes on."""
    members: dict[int, list[str]] = {}
    for user_id, label in zip(user_ids, found.labels, strict=True):
        members.setdefault(int(label), []).append(user_id)
    new = {_new_id(group): group for group in members.values()}
    old: dict[str, list[str]] = {}
    for membership in memberships:
        old.setdefault(membership.segment_id, []).append(membership.user_id)
    kept = clustering.match_ids(new, old)
    ids = {label: kept.get(fresh := _new_id(group), fresh) for label, group in members.items()}
    return [ids[int(label)] for label in found.labels]


def _new_id(members: Iterable[str]) -> str:
    """Return the id of a new segment: a hash of its first members, whatever their order."""
    digest = hashlib.sha256("\0".join(sorted(members)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"seg-{digest[:6]}"
