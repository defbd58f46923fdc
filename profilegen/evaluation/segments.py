"""How the segments agree with labels, and whether their names say what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from profilegen.evaluation.agreement import Codes, Tables, codes
from profilegen.evaluation.bootstrap import share, statistic
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import LeftOut, Measured, SegmentFigures
from profilegen.evaluation.inputs import Labels

_SHUFFLES = 20
_SEED = 20_240
_AGAINST_LABELS = ("segments.nmi", "segments.ari", "segments.purity", "segments.v_measure")


def measure(dataset: Dataset, labels: Labels) -> list[Measured]:
    """Return the agreement of segments and labels, over the users who have one label."""
    rows = [
        (labels[user.user_id][0], user.segment)
        for user in dataset.users
        if user.segment and len(labels.get(user.user_id, ())) == 1
    ]
    if not rows:
        reason = "no user with a segment has exactly one label" if labels else "needs --labels"
        return [LeftOut(name=name, reason=reason) for name in _AGAINST_LABELS]
    return against(codes([label for label, _ in rows]), codes([segment for _, segment in rows]))


def against(truth: Codes, found: Codes) -> list[Measured]:
    """Return the agreement of two clusterings, (n_users,) numbers from 0."""
    from sklearn import metrics

    tables = Tables(truth, found)
    n = len(truth)
    nmi, ari, purity = _by_chance(truth, found)
    known = metrics.normalized_mutual_info_score(truth, found)
    return [
        statistic("segments.nmi", tables.nmi, n, known=known, chance=nmi),
        statistic("segments.ari", tables.ari, n, known=metrics.adjusted_rand_score(truth, found), chance=ari),
        statistic("segments.purity", tables.purity, n, chance=purity),
        statistic("segments.v_measure", tables.nmi, n, known=metrics.v_measure_score(truth, found), chance=nmi),
    ]


def _by_chance(truth: Codes, found: Codes) -> tuple[float, float, float]:
    """Return NMI, ARI and purity with the labels exchanged between users at random, means of some shuffles."""
    random = np.random.default_rng(_SEED)
    everybody = np.ones((1, len(truth)))
    shuffled = [Tables(random.permutation(truth), found) for _ in range(_SHUFFLES)]
    nmi, ari, purity = (
        float(np.mean([value(tables, everybody) for tables in shuffled]))
        for value in (Tables.nmi, Tables.ari, Tables.purity)
    )
    return nmi, ari, purity


def describe(dataset: Dataset, labels: Labels) -> list[SegmentFigures]:
    """Return for each segment what labels its members have, and which label's name is nearest to what it says."""
    names = sorted({name for found in labels.values() for name in found})
    nearest = _nearest_labels(dataset, names)
    assigned = Counter(user.segment for user in dataset.users if user.segment_assigned)
    sizes = Counter(user.segment for user in dataset.users)
    rows = []
    for segment, near in zip(dataset.segments, nearest, strict=True):
        label, purity = _majority(segment.members, labels)
        rows.append(
            SegmentFigures(
                id=segment.id,
                name=segment.name,
                size=sizes[segment.id],
                assigned=assigned[segment.id],
                label=label,
                purity=purity,
                nearest_label=near,
            )
        )
    return rows


def naming(dataset: Dataset, labels: Labels, segments: Sequence[SegmentFigures]) -> Measured:
    """Return the share of users whose segment's nearest label is the one that most of its members have."""
    if not labels:
        return LeftOut(name="segments.naming", reason="needs --labels")
    right = {row.id: row.label is not None and row.label == row.nearest_label for row in segments}
    counted = [user.segment in right and user.user_id in labels for user in dataset.users]
    named = [bool(at and right[user.segment or ""]) for at, user in zip(counted, dataset.users, strict=True)]
    reason = "no user with a label has a segment"
    return share("segments.naming", named, counted, reason=reason, chance=_naming_by_chance(dataset, labels, segments))


def _naming_by_chance(dataset: Dataset, labels: Labels, segments: Sequence[SegmentFigures]) -> float:
    """Return the expected share where the nearest labels are exchanged between segments at random."""
    labelled = Counter(user.segment for user in dataset.users if user.user_id in labels)
    nearest = Counter(row.nearest_label for row in segments)
    right = sum(labelled[row.id] * nearest[row.label] for row in segments if row.label is not None)
    total = sum(labelled[row.id] for row in segments)
    return right / max(total * len(segments), 1)


def label_text(name: str) -> str:
    """Return a label as it is embedded: with spaces for underscores."""
    return name.replace("_", " ")


def _majority(members: Sequence[str], labels: Labels) -> tuple[str | None, float | None]:
    found = [labels[member] for member in members if member in labels]
    counts = Counter(name for names in found for name in names)
    if not counts:
        return None, None
    label = min(counts, key=lambda name: (-counts[name], name))
    return label, round(counts[label] / len(found), 4)


def _nearest_labels(dataset: Dataset, names: Sequence[str]) -> list[str | None]:
    if not names or not dataset.segments:
        return [None] * len(dataset.segments)
    told = dataset.embed([f"{segment.name}. {segment.summary}" for segment in dataset.segments])
    likeness = told @ dataset.embed([label_text(name) for name in names]).T
    return [names[at] for at in np.argmax(likeness, axis=1)]
