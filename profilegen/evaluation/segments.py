"""How segments agree with labels, and whether their names describe their users."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np

from profilegen.evaluation.agreement import Codes, Tables, codes
from profilegen.evaluation.bootstrap import share, statistic
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import LeftOut, Measured, SegmentFigures
from profilegen.evaluation.inputs import Labels

_NAMES = ("segments.nmi", "segments.ari", "segments.purity")
_VALUES = (Tables.nmi, Tables.ari, Tables.purity)
_SHUFFLES = 20
_SEED = 20_240


def measure(dataset: Dataset, labels: Labels) -> list[Measured]:
    """Return the agreement of segments and the first label of each user; beside it K-means with the true k.

    :param dataset: the store.
    :param labels: labels of each user.
    """
    rows = [row for row, user in enumerate(dataset.users) if user.segment and labels.get(user.user_id)]
    if not rows:
        reason = "no user with a label has a segment" if labels else "needs --labels"
        return [LeftOut(name=name, reason=reason) for name in _NAMES]
    truth = codes([labels[dataset.users[row].user_id][0] for row in rows])
    return agreement(truth, codes([dataset.users[row].segment for row in rows]), _k_means(dataset, rows, truth))


def agreement(truth: Codes, clusters: Codes, plain: Codes) -> list[Measured]:
    """Return the agreement of labels and clusters of the same users.

    :param truth: (n_users,) label of each user, counted from 0.
    :param clusters: (n_users,) cluster of each user, counted from 0.
    :param plain: (n_users,) the same by a plain method.
    """
    tables, plain_tables = Tables(truth, clusters), Tables(truth, plain)
    everybody = np.ones((1, len(truth)))
    return [
        statistic(
            name,
            partial(value, tables),
            len(truth),
            chance=chance,
            plain=float(value(plain_tables, everybody)[0]),
        )
        for name, value, chance in zip(_NAMES, _VALUES, _agreement_by_chance(truth, clusters), strict=True)
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
    """Return a label as it is embedded: with spaces for underscores, hyphens and slashes.

    :param name: the label.
    """
    return re.sub("[-_/]", " ", name)


def _k_means(dataset: Dataset, rows: Sequence[int], truth: Codes) -> Codes:
    """Return the clusters of user vectors by K-means, told the number of labels."""
    from sklearn.cluster import KMeans

    vectors = dataset.user_vectors[rows]
    return codes(KMeans(min(int(truth.max()) + 1, len(rows)), n_init=4, random_state=_SEED).fit_predict(vectors))


def _agreement_by_chance(truth: Codes, clusters: Codes) -> tuple[float, ...]:
    """Return NMI, ARI and purity with the labels exchanged between users at random, means of some shuffles."""
    random = np.random.default_rng(_SEED)
    everybody = np.ones((1, len(truth)))
    shuffled = [Tables(random.permutation(truth), clusters) for _ in range(_SHUFFLES)]
    return tuple(float(np.mean([value(tables, everybody) for tables in shuffled])) for value in _VALUES)


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
