"""Whether the store predicts what a user takes next: held-out items ranked from documents, from profiles, from both.

The candidates are the titles of all held-out items. Each is scored in several ways; scores are standardised over the
candidates and added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset, profile_text
from profilegen.evaluation.figures import LeftOut, Measured
from profilegen.evaluation.inputs import HeldOut, Labels
from profilegen.evaluation.ranking import METRICS, Ranks, chance, rank_of
from profilegen.evaluation.statements import WORD
from profilegen.records import Document
from profilegen.vectors import Vectors

Scores = npt.NDArray[np.float64]

# Sharpness of the soft maximum over a user's vectors, chosen on a fifth of the users of one data set.
_SHARPNESS = 15.0
# Number of most similar users whose items count, chosen in the same way.
_NEIGHBOURS = 10


def measure(dataset: Dataset, heldout: Sequence[HeldOut], labels: Labels) -> list[Measured]:
    """Return hit rates, reciprocal rank and NDCG from texts, from profiles and from all, and paired differences.

    The plain method beside them is the cosine of an item with the user's vector.

    :param dataset: the store.
    :param heldout: what users took next.
    :param labels: labels of each user, for the chance level: the labels known, and a guess among the items of others
        who share one. Without labels a guess among all items.
    """
    targets = _targets(dataset, heldout)
    titles = sorted({item.item_title for item in heldout})
    names = [f"next.{source}.{metric}" for source in ("profile", "texts", "all") for metric in METRICS]
    if not targets:
        reason = "no held-out item is of a user of the store" if heldout else "needs --heldout"
        return [LeftOut(name=name, reason=reason) for name in names]
    rankings = _rankings(dataset, list(targets), titles)
    ranks = {source: _ranks(scores, targets, titles) for source, scores in rankings.items()}
    counts = [len(taken) for taken in targets.values()]
    rivals = _rivals_with_same_label(dataset, targets, heldout, labels)

    n_items = sum(counts)

    def sums(source: str, metric: str) -> Scores:
        return np.array([METRICS[metric](of_user).sum() for of_user in ranks[source]])

    return [
        *(
            share(
                f"next.{source}.{metric}",
                sums(source, metric),
                counts,
                reason="",
                chance=float(np.average([chance(metric, 1 + others) for others in rivals], weights=counts)),
                plain=float(sums("plain", metric).sum()) / n_items,
            )
            for source in ("profile", "texts", "all")
            for metric in METRICS
        ),
        *(
            share(f"next.all.hit10 - {other}", sums("all", "hit10") - sums(source, "hit10"), counts, reason="")
            for source, other in (("texts", "next.texts.hit10"), ("documents", "without profiles"))
        ),
    ]


def _targets(dataset: Dataset, heldout: Sequence[HeldOut]) -> dict[int, list[str]]:
    """Return the distinct titles that each sampled user took next, by the user's row."""
    rows = {dataset.users[row].user_id: int(row) for row in dataset.sampled_rows}
    targets: dict[int, dict[str, None]] = {}
    for item in heldout:
        if item.user_id in rows:
            targets.setdefault(rows[item.user_id], {})[item.item_title] = None
    return {row: list(titles) for row, titles in sorted(targets.items())}


def _rivals_with_same_label(
    dataset: Dataset, targets: Mapping[int, Sequence[str]], heldout: Sequence[HeldOut], labels: Labels
) -> list[int]:
    """Return for each user how many candidates others who share a label took; all others where the user has none."""
    labels_of: dict[str, set[str]] = {}
    for item in heldout:
        labels_of.setdefault(item.item_title, set()).update(labels.get(item.user_id, ()))
    rivals = []
    for row, taken in targets.items():
        own = set(labels.get(dataset.users[row].user_id, ()))
        alike = [title for title, names in labels_of.items() if not own or own & names]
        rivals.append(len(alike) - len(taken))
    return rivals


def _rankings(dataset: Dataset, rows: Sequence[int], titles: Sequence[str]) -> Mapping[str, Scores]:
    """Return the scores (n_rows, n_titles) by source; `documents` is all that is known but the profiles.

    `plain` is the cosine of an item with the user's vector.
    """
    items = dataset.embed(titles)
    users = [dataset.users[row] for row in rows]
    title_vectors = np.where(_is_known(dataset.item_vectors), dataset.item_vectors, dataset.text_vectors)
    titles_of = [dataset.rows_of_user(title_vectors, row) for row in rows]
    texts_of = [dataset.rows_of_user(dataset.text_vectors, row) for row in rows]
    interests = _vectors_of(dataset, [[claim.text for claim in user.interests] for user in users])
    joined_titles = ["\n".join(map(_title, documents)) for documents in dataset.documents]
    words = _Words([*joined_titles, *titles], titles)

    texts = _standardised(_soft_maximum(titles_of, items))
    texts += _standardised(words.cosines([joined_titles[row] for row in rows]))
    no_titles = title_vectors[:0]
    titles_of_similar = [
        np.concatenate([no_titles, *(dataset.rows_of_user(title_vectors, other) for other in neighbours)])
        for neighbours in _neighbours(dataset, rows)
    ]
    documents = texts + _standardised(_soft_maximum(texts_of, items))
    documents += _standardised(_soft_maximum(titles_of_similar, items))
    by_interest = _standardised(_soft_maximum(interests, items))
    profile = (
        by_interest
        + _standardised(words.cosines(["\n".join(claim.text for claim in user.interests) for user in users]))
        + _standardised(dataset.embed([profile_text(user) for user in users]) @ items.T)
    )
    plain = np.asarray(dataset.user_vectors[list(rows)] @ items.T, np.float64)
    return {
        "texts": texts,
        "documents": documents,
        "profile": profile,
        "all": documents + by_interest,
        "plain": plain,
    }


def _neighbours(dataset: Dataset, rows: Sequence[int]) -> Iterator[list[int]]:
    """Yield for each user the rows of the other users whose vectors are nearest."""
    count = min(_NEIGHBOURS, len(dataset.users) - 1)
    for row in rows:
        cosines = dataset.user_vectors @ dataset.user_vectors[row]
        cosines[row] = -np.inf
        yield [int(other) for other in np.argsort(-cosines, kind="stable")[:count]]


def _title(document: Document) -> str:
    return document.item_title or document.text


def _is_known(vectors: Vectors) -> npt.NDArray[np.bool_]:
    return np.asarray(np.any(vectors != 0, axis=1, keepdims=True))


def _vectors_of(dataset: Dataset, texts: Sequence[Sequence[str]]) -> list[Vectors]:
    distinct = sorted({text for of_user in texts for text in of_user})
    vectors = dataset.embed(distinct) if distinct else np.zeros((0, dataset.text_vectors.shape[1]), np.float32)
    row_of = {text: row for row, text in enumerate(distinct)}
    return [vectors[[row_of[text] for text in of_user]] for of_user in texts]


def _soft_maximum(vectors_of: Sequence[Vectors], items: Vectors) -> Scores:
    """Return (n_users, n_items): the log-mean-exp of the cosines of a user's vectors; zeros for a user without."""
    scores = np.zeros((len(vectors_of), len(items)))
    for row, vectors in enumerate(vectors_of):
        if len(vectors):
            scores[row] = np.log(np.exp(_SHARPNESS * (vectors @ items.T)).mean(axis=0)) / _SHARPNESS
    return scores


class _Words:
    """TF-IDF of words and two-word phrases, fitted on a corpus, to compare texts with the candidates."""

    def __init__(self, corpus: Sequence[str], titles: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._tfidf = TfidfVectorizer(
            sublinear_tf=True, stop_words="english", ngram_range=(1, 2), token_pattern=WORD
        ).fit(corpus)
        self._titles = self._tfidf.transform(titles)

    def cosines(self, texts: Sequence[str]) -> Scores:
        """Return (n_texts, n_titles) cosines of TF-IDF vectors.

        :param texts: texts to compare with the candidates.
        """
        return np.asarray((self._tfidf.transform(texts) @ self._titles.T).toarray())


def _standardised(scores: npt.NDArray[np.floating]) -> Scores:
    """Return each row in standard deviations from its mean; a row of equal scores gives zeros."""
    spread = scores.std(axis=1, keepdims=True)
    centred = scores - scores.mean(axis=1, keepdims=True)
    return np.asarray(np.where(spread > 1e-9, centred / np.maximum(spread, 1e-9), 0.0), np.float64)


def _ranks(scores: Scores, targets: Mapping[int, Sequence[str]], titles: Sequence[str]) -> list[Ranks]:
    """Return the ranks of each user's items; other items that the user took are left out of the ranking."""
    column_of = {title: column for column, title in enumerate(titles)}
    ranks = []
    for row, taken in zip(scores, targets.values(), strict=True):
        columns = [column_of[title] for title in taken]
        of_user = []
        for column in columns:
            candidates = row.copy()
            candidates[[other for other in columns if other != column]] = -np.inf
            of_user.append(rank_of(candidates, column))
        ranks.append(np.array(of_user))
    return ranks
