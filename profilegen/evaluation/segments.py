"""How segments agree with labels, and whether their names describe their users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from profilegen.evaluation.agreement import Codes, Tables, codes
from profilegen.evaluation.bootstrap import share, statistic
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import LeftOut, Measured, SegmentFigures
from profilegen.evaluation.inputs import Labels

_NAMES = ("segments.nmi", "segments.ari", "segments.purity")
_SHUFFLES = 20
_SEED = 20_240


def measure(dataset: Dataset, labels: Labels) -> list[Measured]:
    """Return the agreement of segments and labels, over the users who have exactly one label.

    :param dataset: the store.
    :param labels: labels of each user.
    """
    rows = [
        (labels[user.user_id][0], user.segment)
        for user in dataset.users
        if user.segment and len(labels.get(user.user_id, ())) == 1
    ]
    if not rows:
        reason = "no user with a segment has exactly one label" if labels else "needs --labels"
        return [LeftOut(name=name, reason=reason) for name in _NAMES]
    return agreement(codes([label for label, _ in rows]), codes([segment for _, segment in rows]))


def agreement(truth: Codes, clusters: Codes) -> list[Measured]:
    """Return the agreement of labels and clusters of the same users.

    :param truth: (n_users,) label of each user, counted from 0.
    :param clusters: (n_users,) cluster of each user, counted from 0.
    """
    from sklearn import metrics

    tables = Tables(truth, clusters)
    n = len(truth)
    nmi, ari, purity = _agreement_by_chance(truth, clusters)
    nmi_value = metrics.normalized_mutual_info_score(truth, clusters)
    return [
        statistic("segments.nmi", tables.nmi, n, known=nmi_value, chance=nmi),
        statistic("segments.ari", tables.ari, n, known=metrics.adjusted_rand_score(truth, clusters), chance=ari),
        statistic("segments.purity", tables.purity, n, chance=purity),
    ]


def describe(dataset: Dataset, labels: Labels) -> list[SegmentFigures]:
    """Return for each segment its size, the label of most members, and the label nearest to its name and summary.

    :param dataset: the store.
    :param labels: labels of each user.
    """
    names = sorted({name for own in labels.values() for name in own})
    nearest = _nearest_labels(dataset, names)
    assigned = Counter(user.segment for user in dataset.users if user.segment_assigned)
    sizes = Counter(user.segment for user in dataset.users)
    rows = []
    for segment, nearest_label in zip(dataset.segments, nearest, strict=True):
        label, purity = _majority(segment.members, labels)
        rows.append(
            SegmentFigures(
                id=segment.id,
                name=segment.name,
                size=sizes[segment.id],
                assigned=assigned[segment.id],
                label=label,
                purity=purity,
                nearest_label=nearest_label,
            )
        )
    return rows


def naming(dataset: Dataset, labels: Labels, segments: Sequence[SegmentFigures]) -> Measured:
    """Return the share of users whose segment's nearest label is the one that most of its members have.

    :param dataset: the store.
    :param labels: labels of each user.
    :param segments: what `describe` returns.
    """
    if not labels:
        return LeftOut(name="segments.naming", reason="needs --labels")
    is_right = {row.id: row.label is not None and row.label == row.nearest_label for row in segments}
    counted = [user.segment in is_right and user.user_id in labels for user in dataset.users]
    named = [bool(at and is_right[user.segment or ""]) for at, user in zip(counted, dataset.users, strict=True)]
    reason = "no user with a label has a segment"
    return share("segments.naming", named, counted, reason=reason, chance=_naming_by_chance(dataset, labels, segments))


def label_text(name: str) -> str:
    """Return a label as it is embedded: with spaces for underscores.

    :param name: the label.
    """
    return name.replace("_", " ")


def _agreement_by_chance(truth: Codes, clusters: Codes) -> tuple[float, float, float]:
    """Return NMI, ARI and purity with the labels exchanged between users at random, means of some shuffles."""
    random = np.random.default_rng(_SEED)
    everybody = np.ones((1, len(truth)))
    shuffled = [Tables(random.permutation(truth), clusters) for _ in range(_SHUFFLES)]
    nmi, ari, purity = (
        float(np.mean([value(tables, everybody) for tables in shuffled]))
        for value in (Tables.nmi, Tables.ari, Tables.purity)
    )
    return nmi, ari, purity


def _naming_by_chance(dataset: Dataset, labels: Labels, segments: Sequence[SegmentFigures]) -> float:
    """Return the expected share with the nearest labels exchanged between segments at random."""
    labelled = Counter(user.segment for user in dataset.users if user.user_id in labels)
    nearest = Counter(row.nearest_label for row in segments)
    right = sum(labelled[row.id] * nearest[row.label] for row in segments if row.label is not None)
    total = sum(labelled[row.id] for row in segments)
    return right / max(total * len(segments), 1)


def _majority(members: Sequence[str], labels: Labels) -> tuple[str | None, float | None]:
    labelled = [labels[member] for member in members if member in labels]
    counts = Counter(name for names in labelled for name in names)
    if not counts:
        return None, None
    label = min(counts, key=lambda name: (-counts[name], name))
    return label, round(counts[label] / len(labelled), 4)


def _nearest_labels(dataset: Dataset, names: Sequence[str]) -> list[str | None]:
    if not names or not dataset.segments:
        return [None] * len(dataset.segments)
    segments = dataset.embed([f"{segment.name}. {segment.summary}" for segment in dataset.segments])
    cosines = segments @ dataset.embed([label_text(name) for name in names]).T
    return [names[at] for at in np.argmax(cosines, axis=1)]
