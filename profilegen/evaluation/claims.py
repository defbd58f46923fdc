"""Whether claims are supported, are specific to the user, differ from each other and cover the user's labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import LeftOut, Measured
from profilegen.evaluation.inputs import Labels
from profilegen.evaluation.segments import label_text
from profilegen.records import KINDS, Claim, Kind
from profilegen.vectors import Vectors

_MANY_DOCUMENTS = 4
_ENOUGH_CLAIMS = 3
_SEVERAL_LABELS = (2, 5)
# Two claims mean the same from here on: the share of the way from the mean cosine of two claims to one. Read off
# pairs of English and Chinese claims: above it, pairs such as "gaming headset" and "gaming headphone".
_SAME_MEANING = 0.7
# Of two users, the claim's own and one rival, each is as likely to be the nearer one by chance.
_SPECIFICITY_BY_CHANCE = 1 / 2


@dataclass(frozen=True)
class EmbeddedClaims:
    """The claims of one user with their vectors.

    :param row: row of the user in the dataset.
    :param kinds: kind of each claim.
    :param claims: the claims.
    :param vectors: (n_claims, n_dims) float32, rows L2-normalised.
    """

    row: int
    kinds: tuple[Kind, ...]
    claims: tuple[Claim, ...]
    vectors: Vectors


def measure(dataset: Dataset) -> list[Measured]:
    """Return the figures that need no vectors: quotes, support, number of claims, and on how many documents they rest.

    :param dataset: the store.
    """
    users = dataset.users
    claims_of = [[claim for _, claim in user.iter_claims()] for user in users]
    quotes_of = [[evidence for claim in claims for evidence in claim.evidence] for claims in claims_of]
    texts_of = [{document.id: document.text for document in documents} for documents in dataset.documents]
    verbatim = [
        sum(quote.quote.strip() != "" and quote.quote in texts.get(quote.document, "") for quote in quotes)
        for quotes, texts in zip(quotes_of, texts_of, strict=True)
    ]
    has_profile = [user.status == "ok" for user in users]
    is_active = [
        user.status == "ok" and len(texts) >= _MANY_DOCUMENTS for user, texts in zip(users, texts_of, strict=True)
    ]
    broad = [sum(len({e.document for e in claim.evidence}) > 1 for claim in user.interests) for user in users]
    interests = [len(user.interests) for user in users]
    counts = [len(claims) for claims in claims_of]
    none, few = "there are no claims", f"no user has {_MANY_DOCUMENTS} documents and a profile"
    return [
        share("claims.verbatim", verbatim, [len(quotes) for quotes in quotes_of], reason=none, check=True),
        share("claims.support", [sum(claim.support for claim in claims) for claims in claims_of], counts, reason=none),
        share("claims.per_user", np.multiply(has_profile, counts), has_profile, reason="no user has a profile"),
        share("claims.three", np.multiply(is_active, np.array(counts) >= _ENOUGH_CLAIMS), is_active, reason=few),
        share("claims.breadth", np.multiply(is_active, broad), np.multiply(is_active, interests), reason=few),
    ]


def embed_claims(dataset: Dataset) -> list[EmbeddedClaims]:
    """Embed the claims of the sampled users, each distinct text once; users without claims are left out.

    :param dataset: the store.
    """
    users = [(int(row), tuple(dataset.users[row].iter_claims())) for row in dataset.sampled_rows]
    texts = sorted({claim.text for _, claims in users for _, claim in claims})
    vectors = dict(zip(texts, dataset.embed(texts), strict=True)) if texts else {}
    return [
        EmbeddedClaims(
            row,
            tuple(kind for kind, _ in claims),
            tuple(claim for _, claim in claims),
            np.stack([vectors[claim.text] for _, claim in claims]),
        )
        for row, claims in users
        if claims
    ]


def specificity(dataset: Dataset, embedded: Sequence[EmbeddedClaims]) -> list[Measured]:
    """Return how often a claim is nearer to its user's documents than to those of a user of another segment.

    The mean over all users of other segments is what drawing one of them at random gives on average.

    :param dataset: the store.
    :param embedded: claims of the sampled users.
    """
    segments = np.array([user.segment or "" for user in dataset.users])
    wins = [np.zeros(0)] * len(embedded)
    for at, user in enumerate(embedded):
        is_rival = segments != segments[user.row]
        if is_rival.any():
            nearest = np.stack(list(dataset.nearest_documents(user.vectors)))
            own, rivals = nearest[:, [user.row]], nearest[:, is_rival]
            wins[at] = (rivals < own).mean(axis=1) + 0.5 * (rivals == own).mean(axis=1)
    figures = [_specificity("claims.own", embedded, wins, tuple(KINDS))]
    return figures + [_specificity(f"claims.own.{kind.key}", embedded, wins, (kind.name,)) for kind in KINDS.values()]


def distinctness(embedded: Sequence[EmbeddedClaims]) -> Measured:
    """Return the share of claims that differ in meaning from all earlier claims of the same user.

    :param embedded: claims of the sampled users.
    """
    if not embedded:
        return LeftOut(name="claims.distinct", reason="there are no claims")
    # The mean cosine of two claims is the squared length of the mean vector.
    mean_cosine = float(np.square(np.concatenate([user.vectors for user in embedded]).mean(axis=0)).sum())
    repeated = []
    for user in embedded:
        likeness = (user.vectors @ user.vectors.T - mean_cosine) / max(1 - mean_cosine, 1e-9)
        repeated.append(int((np.tril(likeness, k=-1).max(axis=1, initial=0) >= _SAME_MEANING).sum()))
    counts = np.array([len(user.claims) for user in embedded])
    return share("claims.distinct", counts - repeated, counts, reason="there are no claims")


def covered_labels(dataset: Dataset, embedded: Sequence[EmbeddedClaims], labels: Labels) -> list[Measured]:
    """Return, of the labels of users with several, the share that is the nearest label of some claim.

    :param dataset: the store.
    :param embedded: claims of the sampled users.
    :param labels: labels of each user.
    """
    reason = "no user has several labels" if labels else "needs --labels"
    names = sorted({name for own in labels.values() for name in own})
    name_vectors = dataset.embed([label_text(name) for name in names]).T if names else np.zeros((0, 0))
    rows = [int(row) for row in dataset.sampled_rows]
    labels_of = {row: set(labels.get(dataset.users[row].user_id, ())) for row in rows}
    labels_of = {row: own for row, own in labels_of.items() if len(own) >= _SEVERAL_LABELS[0]}
    nearest_of: dict[int, set[str]] = {row: set() for row in labels_of}
    for user in embedded:
        if user.row in labels_of:
            nearest_of[user.row] = {names[at] for at in np.argmax(user.vectors @ name_vectors, axis=1)}
    n_users_near = Counter(name for nearest in nearest_of.values() for name in nearest)

    def hits(row: int) -> int:
        return len(nearest_of[row] & labels_of[row])

    def hits_by_chance(row: int) -> float:
        """Return the mean number of hits with the claims of another user who has several labels.

        :param row: the user whose labels are compared.
        """
        return (sum(n_users_near[name] for name in labels_of[row]) - hits(row)) / max(len(labels_of) - 1, 1)

    few = [row for row, own in labels_of.items() if len(own) <= _SEVERAL_LABELS[1]]
    return [
        share(
            name,
            [hits(row) for row in rows],
            [len(labels_of[row]) for row in rows],
            reason=reason,
            chance=sum(map(hits_by_chance, rows)) / max(sum(len(labels_of[row]) for row in rows), 1),
        )
        for name, rows in (("claims.labels", list(labels_of)), ("claims.labels.two_to_five", few))
    ]


def _specificity(
    name: str, embedded: Sequence[EmbeddedClaims], wins: Sequence[npt.NDArray[np.float64]], kinds: Sequence[Kind]
) -> Measured:
    of_kinds = [
        [value for kind, value in zip(user.kinds, values, strict=False) if kind in kinds]
        for user, values in zip(embedded, wins, strict=True)
    ]
    return share(
        name,
        [sum(values) for values in of_kinds],
        [len(values) for values in of_kinds],
        reason="no user with such a claim has users of other segments beside them",
        chance=_SPECIFICITY_BY_CHANCE,
    )
