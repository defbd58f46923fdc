"""The stages that give every user a segment and a place on the map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from profilegen.backends import Progress
from profilegen.config import Settings
from profilegen.pipeline.fingerprints import fingerprint
from profilegen.segments import clustering, description, layout
from profilegen.store.ledger import (
    Ledger,
    Membership,
)
from profilegen.vectors import Vectors

# Up to this share of users who are new, changed or gone, users are not clustered again.
_FEW_MOVED = 0.05


def cluster_users(ledger: Ledger, settings: Settings, progress: Progress) -> None:
    """Give every user a segment; segments that go on keep their ids.

    While few users are new, changed or gone, these join the segments that there are, and nobody else moves.

    :param ledger: has the users' vectors, and gets the memberships.
    :param settings: seed and smallest segment.
    :param progress: called when the stage begins and ends.
    """
    user_ids, vectors = ledger.user_matrix()
    method = fingerprint(clustering.METHOD, settings.seed, settings.min_cluster_size)
    made_of = fingerprint(method, vectors.tobytes(), "\0".join(user_ids).encode("utf-8", "surrogatepass"))
    memberships = ledger.memberships()
    if ledger.get_meta("clusters") == made_of and len(memberships) == len(user_ids):
        return
    progress("segments", 0, 1)
    centred = clustering.remove_language_means(vectors, ledger.user_languages())
    settled = settled_users(ledger, user_ids, method)
    if settled:
        segment_ids, found = _joined(user_ids, centred, settled, memberships)
    else:
        found = clustering.cluster(centred, seed=settings.seed, min_cluster_size=settings.min_cluster_size)
        segment_ids = _segment_ids(user_ids, found, memberships)
    ledger.put_memberships(
        Membership(user_id, segment_id, round(float(confidence), 3), bool(assigned))
        for user_id, segment_id, confidence, assigned in zip(
            user_ids, segment_ids, found.confidence, found.assigned, strict=True
        )
    )
    if not settled:
        ledger.mark_clustered()
        ledger.set_meta("clustered", {"method": method, "users": len(user_ids), "of": made_of})
    ledger.set_meta("clusters", made_of)
    progress("segments", 1, 1)


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
) -> tuple[list[str], clustering.Clusters]:
    """Return the segment of each user, with those who are not settled among their neighbours who are."""
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
    return [names[label] for label in found.labels], found


def _segment_ids(user_ids: Sequence[str], found: clustering.Clusters, memberships: Sequence[Membership]) -> list[str]:
    """Return the id of each user's segment: that of an earlier one, if one goes on."""
    members: dict[int, list[str]] = {}
    for user_id, label in zip(user_ids, found.labels, strict=True):
        members.setdefault(int(label), []).append(user_id)
    new = {description.new_id(group): group for group in members.values()}
    old: dict[str, list[str]] = {}
    for membership in memberships:
        old.setdefault(membership.segment_id, []).append(membership.user_id)
    kept = clustering.match_ids(new, old)
    ids = {label: kept.get(fresh := description.new_id(group), fresh) for label, group in members.items()}
    return [ids[int(label)] for label in found.labels]
