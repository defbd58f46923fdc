"""Whether claims say what is known to be true of a user: sentences that describe the user, and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset
from profilegen.evaluation.figures import LeftOut, Measured
from profilegen.evaluation.inputs import Labels, Truth
from profilegen.evaluation.segments import label_text
from profilegen.evaluation.statements import Statements
from profilegen.vectors import Vectors

# A claim and a sentence say the same from this cosine on, of the embedder that it was read off.
_SAME_COSINE = {"all-minilm-l6-v2": 0.5}
# Of other embedders, from the cosine on that as small a share of pairs of different users reaches: it is the share
# that reaches 0.5 with MiniLM, on the speakers of conversations.
_SAME_BY_CHANCE = 0.003
_PAIRS = 200_000
_SEED = 20_240


class Agreement(NamedTuple):
    """How many sentences of each user some claim says, how many claims some sentence says; the same by chance."""

    found: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]
    found_by_chance: float
    right_by_chance: float


def sentences(
    dataset: Dataset, truth: Truth, claims: Statements, plain: Statements, *, embedder: str
) -> list[Measured]:
    """Return the shares of true sentences that no claim says, and of claims that no true sentence says taken from one.

    :param dataset: the store.
    :param truth: sentences that are true of each user.
    :param claims: claims of the sampled users.
    :param plain: key phrases of the same users.
    :param embedder: name of the store's embedder.
    """
    names = ("claims.missed", "claims.right")
    rows = [int(row) for row in dataset.sampled_rows if dataset.users[row].user_id in truth]
    if not rows:
        reason = "the file of --truth has no user of the store" if truth else "needs --truth"
        return [LeftOut(name=name, reason=reason) for name in names]
    true = [truth[dataset.users[row].user_id] for row in rows]
    vectors = _embed_all(true, dataset.embed)
    of_claims, of_plain = (agreement(vectors, rows, some, embedder=embedder) for some in (claims, plain))
    n_true, n_claims, n_plain = [len(own) for own in true], claims.counts[rows], plain.counts[rows]
    return [
        share(
            "claims.missed",
            n_true - of_claims.found,
            n_true,
            reason="",
            chance=1 - of_claims.found_by_chance,
            plain=1 - of_plain.found.sum() / sum(n_true),
        ),
        share(
            "claims.right",
            of_claims.right,
            n_claims,
            reason="these users have no claims",
            chance=of_claims.right_by_chance,
            plain=of_plain.right.sum() / max(n_plain.sum(), 1),
        ),
    ]


def agreement(
    true: Sequence[Vectors], rows: Sequence[int], statements: Statements, *, embedder: str = "all-minilm-l6-v2"
) -> Agreement:
    """Compare the true sentences of users with their own statements, and with those of the others, which is chance.

    :param true: vectors of each user's sentences.
    :param rows: row of each of these users in the dataset, ascending.
    :param statements: what is stated of the users.
    :param embedder: name of the embedder that made the vectors.
    """
    is_theirs = np.isin(statements.owners, rows)
    vectors, owners = statements.vectors[is_theirs], np.searchsorted(rows, statements.owners[is_theirs])
    counts = np.bincount(owners, minlength=len(rows))
    same = _SAME_COSINE.get(embedder) or _cosine_by_chance(true, vectors, owners)
    with_claims, starts = np.unique(owners, return_index=True)
    found, right, found_by_others, right_by_others = (np.zeros(len(rows)) for _ in range(4))
    for at, own in enumerate(true):
        says = own @ vectors.T >= same
        found_by = np.zeros(len(rows))
        if len(owners):
            found_by[with_claims] = np.logical_or.reduceat(says, starts, axis=1).sum(axis=0)
        said_of = np.bincount(owners[says.any(axis=0)], minlength=len(rows))
        found[at], right[at] = found_by[at], said_of[at]
        found_by_others[at] = found_by.sum() - found_by[at]
        right_by_others[at] = said_of.sum() - said_of[at]
    others = max(len(rows) - 1, 1)
    return Agreement(
        found,
        right,
        found_by_others.sum() / others / max(sum(map(len, true)), 1),
        right_by_others.sum() / others / max(counts.sum(), 1),
    )


def labels(dataset: Dataset, known: Labels, claims: Statements, plain: Statements) -> Measured:
    """Return, of the labels of all users, the share that is the nearest of all labels to some claim of the user.

    :param dataset: the store.
    :param known: labels of each user.
    :param claims: claims of the sampled users.
    :param plain: key phrases of the same users.
    """
    rows = [int(row) for row in dataset.sampled_rows if dataset.users[row].user_id in known]
    if not rows:
        return LeftOut(name="claims.labels", reason="needs --labels")
    own = [set(known[dataset.users[row].user_id]) for row in rows]
    names = sorted({name for labels_of_user in known.values() for name in labels_of_user})
    name_vectors = dataset.embed([label_text(name) for name in names]).T
    hits, chance = _label_hits(own, list(_nearest(rows, claims, names, name_vectors)))
    plain_hits, _ = _label_hits(own, list(_nearest(rows, plain, names, name_vectors)))
    counts = [len(some) for some in own]
    return share("claims.labels", hits, counts, reason="", chance=chance, plain=sum(plain_hits) / sum(counts))


def _label_hits(own: Sequence[set[str]], near: Sequence[set[str]]) -> tuple[list[int], float]:
    """Return each user's labels that are nearest to a claim, and the share that is with claims exchanged."""
    n_users_near: Mapping[str, int] = {
        name: sum(name in some for some in near) for name in {name for some in near for name in some}
    }
    hits = [len(labels_of_user & some) for labels_of_user, some in zip(own, near, strict=True)]
    by_others = sum(n_users_near.get(name, 0) for labels_of_user in own for name in labels_of_user) - sum(hits)
    return hits, by_others / max(len(own) - 1, 1) / max(sum(map(len, own)), 1)


def _nearest(rows: Sequence[int], statements: Statements, names: Sequence[str], vectors: Vectors) -> Iterator[set[str]]:
    for row in rows:
        yield {names[at] for at in np.argmax(statements.of_user(row) @ vectors, axis=1)}


def _cosine_by_chance(true: Sequence[Vectors], vectors: Vectors, owners: npt.NDArray[np.int64]) -> float:
    random = np.random.default_rng(_SEED)
    sentence_owners = np.repeat(np.arange(len(true)), [len(own) for own in true])
    first = random.integers(0, len(sentence_owners), _PAIRS)
    second = random.integers(0, max(len(owners), 1), _PAIRS)
    if not len(owners):
        return 1.0
    apart = sentence_owners[first] != owners[second]
    cosines = np.einsum("ij,ij->i", np.concatenate(true)[first[apart]], vectors[second[apart]])
    return float(np.quantile(cosines, 1 - _SAME_BY_CHANCE)) if len(cosines) else 1.0


def _embed_all(texts_of: Sequence[Sequence[str]], embed: Callable[[Sequence[str]], Vectors]) -> list[Vectors]:
    distinct = sorted({text for texts in texts_of for text in texts})
    place_of = {text: place for place, text in enumerate(distinct)}
    vectors = embed(distinct)
    return [vectors[[place_of[text] for text in texts]] for texts in texts_of]
