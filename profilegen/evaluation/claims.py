"""Whether claims are carried, are the user's own, differ from each other and cover what the user is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset, Vectors
from profilegen.evaluation.figures import LeftOut, Measured
from profilegen.evaluation.inputs import Labels
from profilegen.evaluation.segments import label_text
from profilegen.records import KINDS, Claim, Kind

_MANY_DOCUMENTS = 4
_ENOUGH_CLAIMS = 3
_SEVERAL = (2, 5)
# Two claims say the same from here on: the share of the way from the mean cosine of two claims to one. Read off
# pairs of English and Chinese claims: above it, pairs such as "gaming headset" and "gaming headphone".
_SAME = 0.7
# Of two users, the claim's own and one rival, each is as likely to be the nearer one by chance.
_OWN_BY_CHANCE = 1 / 2


@dataclass(frozen=True)
class Stated:
    """The claims of one user with their unit vectors, (n_claims, n_dims)."""

    row: int
    kinds: tuple[Kind, ...]
    claims: tuple[Claim, ...]
    vectors: Vectors


def measure(dataset: Dataset) -> list[Measured]:
    """Return what needs no vectors: quotes, support, how many, and on how many documents."""
    users = dataset.users
    said = [[claim for _, claim in user.iter_claims()] for user in users]
    quotes = [[evidence for claim in claims for evidence in claim.evidence] for claims in said]
    texts = [{document.id: document.text for document in documents} for documents in dataset.documents]
    verbatim = [
        sum(evidence.quote.strip() != "" and evidence.quote in own.get(evidence.document, "") for evidence in quoted)
        for quoted, own in zip(quotes, texts, strict=True)
    ]
    told = [user.status == "ok" for user in users]
    many = [user.status == "ok" and len(own) >= _MANY_DOCUMENTS for user, own in zip(users, texts, strict=True)]
    broad = [sum(len({e.document for e in claim.evidence}) > 1 for claim in user.interests) for user in users]
    counts = [len(claims) for claims in said]
    none, few = "there are no claims", f"no user has {_MANY_DOCUMENTS} documents and a profile"
    return [
        share("claims.verbatim", verbatim, [len(quoted) for quoted in quotes], reason=none, check=True),
        share("claims.support", [sum(claim.support for claim in claims) for claims in said], counts, reason=none),
        share("claims.per_user", np.multiply(told, counts), told, reason="no user has a profile"),
        share("claims.three", np.multiply(many, np.array(counts) >= _ENOUGH_CLAIMS), many, reason=few),
        share("claims.breadth", np.multiply(many, broad), np.multiply(many, _interests(dataset)), reason=few),
    ]


def stated(dataset: Dataset) -> list[Stated]:
    """Embed the claims of the users who are asked, each text once; users without claims are left out."""
    users = [(int(row), tuple(dataset.users[row].iter_claims())) for row in dataset.asked]
    texts = sorted({claim.text for _, claims in users for _, claim in claims})
    vectors = dict(zip(texts, dataset.embed(texts), strict=True)) if texts else {}
    return [
        Stated(
            row,
            tuple(kind for kind, _ in claims),
            tuple(claim for _, claim in claims),
            np.stack([vectors[claim.text] for _, claim in claims]),
        )
        for row, claims in users
        if claims
    ]


def own(dataset: Dataset, told: Sequence[Stated]) -> list[Measured]:
    """Return the share of claims nearer to the user's documents than to those of a user of another segment.

    It is the mean over all users of other segments, which is what drawing one at random gives on average.
    """
    segments = np.array([user.segment or "" for user in dataset.users])
    nearer = [np.zeros(0)] * len(told)
    for at, user in enumerate(told):
        others = segments != segments[user.row]
        if others.any():
            nearest = np.stack(list(dataset.nearest_documents(user.vectors)))
            mine, theirs = nearest[:, [user.row]], nearest[:, others]
            nearer[at] = (theirs < mine).mean(axis=1) + 0.5 * (theirs == mine).mean(axis=1)
    figures = [_own("claims.own", told, nearer, tuple(KINDS))]
    return figures + [_own(f"claims.own.{kind.key}", told, nearer, (kind.name,)) for kind in KINDS.values()]


def distinct(told: Sequence[Stated]) -> Measured:
    """Return the share of claims that no claim before them, of the same user, says already."""
    if not told:
        return LeftOut(name="claims.distinct", reason="there are no claims")
    # The mean cosine of two claims is the squared length of the mean vector.
    chance = float(np.square(np.concatenate([user.vectors for user in told]).mean(axis=0)).sum())
    again = []
    for user in told:
        above = np.tril((user.vectors @ user.vectors.T - chance) / max(1 - chance, 1e-9), k=-1)
        again.append(int((above.max(axis=1, initial=0) >= _SAME).sum()))
    counts = np.array([len(user.claims) for user in told])
    return share("claims.distinct", counts - again, counts, reason="there are no claims")


def covered_labels(dataset: Dataset, told: Sequence[Stated], labels: Labels) -> list[Measured]:
    """Return, of users with several labels, the share of them that some claim's nearest label is."""
    reason = "no user has several labels" if labels else "needs --labels"
    names = sorted({name for found in labels.values() for name in found})
    near = dataset.embed([label_text(name) for name in names]).T if names else np.zeros((0, 0))
    hits: dict[int, int] = {}
    counts: dict[int, int] = {}
    for row in dataset.asked:
        wanted = labels.get(dataset.users[row].user_id, ())
        if len(wanted) >= _SEVERAL[0]:
            counts[int(row)], hits[int(row)] = len(wanted), 0
    reached: dict[int, set[str]] = {row: set() for row in counts}
    for user in told:
        if user.row in counts:
            reached[user.row] = {names[at] for at in np.argmax(user.vectors @ near, axis=1)}
            hits[user.row] = len(reached[user.row] & set(labels[dataset.users[user.row].user_id]))
    reached_by = Counter(name for found in reached.values() for name in found)
    few = [row for row in counts if counts[row] <= _SEVERAL[1]]

    def expected(row: int) -> float:
        """Return the hits of a user with the claims of another one of these users, on average."""
        others = sum(reached_by[name] for name in labels[dataset.users[row].user_id]) - hits[row]
        return others / max(len(reached) - 1, 1)

    return [
        share(
            name,
            [hits[row] for row in rows],
            [counts[row] for row in rows],
            reason=reason,
            chance=sum(map(expected, rows)) / max(sum(counts[row] for row in rows), 1),
        )
        for name, rows in (("claims.labels", list(counts)), ("claims.labels.two_to_five", few))
    ]


def _interests(dataset: Dataset) -> list[int]:
    return [len(user.interests) for user in dataset.users]


def _own(
    name: str, told: Sequence[Stated], nearer: Sequence[npt.NDArray[np.float64]], kinds: Sequence[Kind]
) -> Measured:
    wanted = [
        [value for kind, value in zip(user.kinds, values, strict=False) if kind in kinds]
        for user, values in zip(told, nearer, strict=True)
    ]
    return share(
        name,
        [sum(values) for values in wanted],
        [len(values) for values in wanted],
        reason="no user with such a claim has users of other segments beside them",
        chance=_OWN_BY_CHANCE,
    )
