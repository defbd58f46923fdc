"""How many users have a profile and a segment."""

from __future__ import annotations

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import Measured


def measure(dataset: Dataset) -> list[Measured]:
    """Return the share of users with a profile, with a segment, and of the latter those whom HDBSCAN placed.

    :param dataset: the store.
    """
    users = dataset.users
    ones = [1] * len(users)
    segmented = [user.segment is not None for user in users]
    placed = [user.segment is not None and not user.segment_assigned for user in users]
    return [
        share("coverage.profile", [user.status == "ok" for user in users], ones, reason="there are no users"),
        share("coverage.segment", segmented, ones, reason="there are no users"),
        share("coverage.segment.placed", placed, segmented, reason="no user has a segment"),
    ]
