"""Whether claims differ from each other, rest on several documents, and are against what ratings are against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from profilegen.evaluation.bootstrap import share, statistic
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import LeftOut, Measured
from profilegen.evaluation.statements import Statements
from profilegen.records import Stance

Array = npt.NDArray[np.float64]

# Two claims mean the same from here on: the share of the way from the mean cosine of two claims to one. Read off
# pairs of English and Chinese claims: above it, pairs such as "gaming headset" and "gaming headphone".
_SAME_MEANING = 0.7
# What is wanted, or is a fact, stands in praise and complaint alike.
_JUDGING: frozenset[Stance] = frozenset({"likes", "dislikes", "avoids"})


def breadth(dataset: Dataset) -> Measured:
    """Return the share of claims that rest on two documents or more.

    :param dataset: the store.
    """
    claims_of = [[claim for _, claim in user.iter_claims()] for user in dataset.users]
    broad = [sum(len({row.document for row in claim.evidence}) > 1 for claim in claims) for claims in claims_of]
    return share("claims.breadth", broad, [len(claims) for claims in claims_of], reason="there are no claims")


def distinctness(claims: Statements, plain: Statements) -> Measured:
    """Return the share of claims that differ in meaning from all earlier claims of the same user.

    :param claims: claims of the sampled users.
    :param plain: key phrases of the same users.
    """
    new, plain_new = (_new_statements(some) for some in (claims, plain))
    return share(
        "claims.distinct",
        new,
        claims.counts,
        reason="there are no claims",
        plain=plain_new.sum() / plain.counts.sum() if len(plain.owners) else None,
    )


def polarity(dataset: Dataset) -> Measured:
    """Return how often the documents of a claim against something have a lower rating than those of a claim for it.

    Over all pairs of a claim that dislikes or avoids and a claim that likes, of all users, each with the mean rating of
    its documents; equal ratings count half. It is the area under the ROC curve (Fawcett 2006), which needs no scale.

    :param dataset: the store.
    """
    against, liking = ([], [])  # type: tuple[list[tuple[int, float]], list[tuple[int, float]]]
    for row, user in enumerate(dataset.users):
        rating_of = {document.id: document.stars for document in dataset.documents[row]}
        for _, claim in user.iter_claims():
            ratings = [rating for quote in claim.evidence if (rating := rating_of.get(quote.document)) is not None]
            if ratings and claim.stance in _JUDGING:
                side = against if claim.polarity == "negative" else liking
                side.append((row, float(np.mean(ratings))))
    if not against or not liking:
        reason = "needs documents with ratings, and claims for and against something that rest on them"
        return LeftOut(name="claims.polarity", reason=reason)
    levels = sorted({rating for _, rating in (*against, *liking)})
    users = sorted({row for row, _ in (*against, *liking)})
    low, high = (_by_level(side, users, levels) for side in (against, liking))
    wins = np.triu(np.ones((len(levels), len(levels))), k=1) + np.eye(len(levels)) / 2

    def value(weights: Array) -> Array:
        first, second = weights @ low, weights @ high
        pairs = first.sum(axis=1) * second.sum(axis=1)
        return np.where(pairs > 0, ((first @ wins) * second).sum(axis=1) / np.maximum(pairs, 1), np.nan)

    # With the polarities exchanged at random, and where all claims have the same, either side wins half of the pairs.
    return statistic("claims.polarity", value, len(users), chance=0.5, plain=0.5)


def _new_statements(statements: Statements) -> npt.NDArray[np.int64]:
    """Return for each user the number of statements that differ in meaning from all earlier ones."""
    new = statements.counts.copy()
    if not len(statements.owners):
        return new
    # The mean cosine of two claims is the squared length of the mean vector.
    mean_cosine = float(np.square(statements.vectors.mean(axis=0)).sum())
    for row in np.unique(statements.owners):
        own = statements.of_user(int(row))
        likeness = (own @ own.T - mean_cosine) / max(1 - mean_cosine, 1e-9)
        new[row] -= int((np.tril(likeness, k=-1).max(axis=1, initial=0) >= _SAME_MEANING).sum())
    return new


def _by_level(side: list[tuple[int, float]], users: list[int], levels: list[float]) -> Array:
    """Return (n_users, n_levels): the number of a user's claims at each mean rating."""
    counts = np.zeros((len(users), len(levels)))
    for row, rating in side:
        counts[users.index(row), levels.index(rating)] += 1
    return counts
