"""Whether the store knows what a user takes next: held-out items ranked from documents, from profiles, from both.

The candidates are the titles of all held-out items. What a user has is scored against them in several ways, each
standardised over the candidates, and added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from profilegen.evaluation.bootstrap import share
from profilegen.evaluation.dataset import Dataset, Vectors, profile_text
from profilegen.evaluation.figures import LeftOut, Measured
from profilegen.evaluation.inputs import HeldOut, Labels
from profilegen.evaluation.ranking import WORTH, chance, place
from profilegen.records import Document

Scores = npt.NDArray[np.float64]

# Sharpness of the soft maximum over a user's vectors, chosen on a fifth of the users of one data set.
_SHARPNESS = 15.0
# So many users most like a user tell what such users take, chosen in the same way.
_NEIGHBOURS = 10
# Words of two letters or more; a Han character is a word, and pairs of them are two-word phrases.
_WORD = r"(?u)[㐀-鿿]|[^\W㐀-鿿]{2,}"


def measure(dataset: Dataset, heldout: Sequence[HeldOut], labels: Labels) -> list[Measured]:
    """Return hit rates, reciprocal rank and NDCG from texts, from profiles and from all, and paired differences.

    :param dataset: the store.
    :param heldout: what users took next.
    :param labels: the labels of users; what knowing them alone is worth is the chance level of the figures.
    """
    targets = _targets(dataset, heldout)
    titles = sorted({item.item_title for item in heldout})
    names = [f"next.{source}.{metric}" for source in ("profile", "texts", "all") for metric in WORTH]
    if not targets:
        reason = "no held-out item is of a user of the store" if heldout else "needs --heldout"
        return [LeftOut(name=name, reason=reason) for name in names]
    rankings = _rankings(dataset, list(targets), titles)
    places = {source: _places(scores, targets, titles) for source, scores in rankings.items()}
    counts = [len(wanted) for wanted in targets.values()]
    rivals = _rivals_with_same_label(dataset, targets, heldout, labels)

    def worth(source: str, metric: str) -> Scores:
        return np.array([WORTH[metric](at).sum() for at in places[source]])

    return [
        *(
            share(
                f"next.{source}.{metric}",
                worth(source, metric),
                counts,
                reason="",
                chance=float(np.average([chance(metric, 1 + others) for others in rivals], weights=counts)),
            )
            for source in ("profile", "texts", "all")
            for metric in WORTH
        ),
        *(
            share(f"next.all.hit10 - {other}", worth("all", "hit10") - worth(source, "hit10"), counts, reason="")
            for source, other in (("texts", "next.texts.hit10"), ("documents", "without profiles"))
        ),
    ]


def _targets(dataset: Dataset, heldout: Sequence[HeldOut]) -> dict[int, list[str]]:
    """Return the distinct titles that each user who is asked took next, by the user's row."""
    rows = {dataset.users[row].user_id: int(row) for row in dataset.asked}
    targets: dict[int, dict[str, None]] = {}
    for item in heldout:
        if item.user_id in rows:
            targets.setdefault(rows[item.user_id], {})[item.item_title] = None
    return {row: list(titles) for row, titles in sorted(targets.items())}


def _rivals_with_same_label(
    dataset: Dataset, targets: Mapping[int, Sequence[str]], heldout: Sequence[HeldOut], labels: Labels
) -> list[int]:
    """Return for each user how many candidates were taken by others who share a label; all, where it has none."""
    labels_of: dict[str, set[str]] = {}
    for item in heldout:
        labels_of.setdefault(item.item_title, set()).update(labels.get(item.user_id, ()))
    rivals = []
    for row, wanted in targets.items():
        own = set(labels.get(dataset.users[row].user_id, ()))
        alike = [title for title, names in labels_of.items() if not own or own & names]
        rivals.append(len(alike) - len(wanted))
    return rivals


def _rankings(dataset: Dataset, rows: Sequence[int], titles: Sequence[str]) -> Mapping[str, Scores]:
    """Return the scores (n_rows, n_titles) by source; `documents` is all that is known but the profiles."""
    items = dataset.embed(titles)
    users = [dataset.users[row] for row in rows]
    named_vectors = np.where(_has(dataset.item_vectors), dataset.item_vectors, dataset.text_vectors)
    named = [dataset.of_user(named_vectors, row) for row in rows]
    wrote = [dataset.of_user(dataset.text_vectors, row) for row in rows]
    interests = _vectors_of(dataset, [[claim.text for claim in user.interests] for user in users])
    bought = ["\n".join(map(_title, documents)) for documents in dataset.documents]
    words = _Words([*bought, *titles], titles)

    texts = _standardised(_soft_maximum(named, items)) + _standardised(words.likeness([bought[row] for row in rows]))
    nobody = named_vectors[:0]
    theirs = [
        np.concatenate([nobody, *(dataset.of_user(named_vectors, other) for other in near)])
        for near in _near(dataset, rows)
    ]
    documents = texts + _standardised(_soft_maximum(wrote, items)) + _standardised(_soft_maximum(theirs, items))
    by_interest = _standardised(_soft_maximum(interests, items))
    profile = (
        by_interest
        + _standardised(words.likeness(["\n".join(claim.text for claim in user.interests) for user in users]))
        + _standardised(dataset.embed([profile_text(user) for user in users]) @ items.T)
    )
    return {"texts": texts, "documents": documents, "profile": profile, "all": documents + by_interest}


def _near(dataset: Dataset, rows: Sequence[int]) -> Iterator[list[int]]:
    """Give for each user the rows of the other users whose vectors are nearest."""
    count = min(_NEIGHBOURS, len(dataset.users) - 1)
    for row in rows:
        likeness = dataset.user_vectors @ dataset.user_vectors[row]
        likeness[row] = -np.inf
        yield [int(other) for other in np.argsort(-likeness, kind="stable")[:count]]


def _title(document: Document) -> str:
    return document.item_title or document.text


def _has(vectors: Vectors) -> npt.NDArray[np.bool_]:
    return np.asarray(np.any(vectors != 0, axis=1, keepdims=True))


def _vectors_of(dataset: Dataset, texts: Sequence[Sequence[str]]) -> list[Vectors]:
    distinct = sorted({text for some in texts for text in some})
    vectors = dataset.embed(distinct) if distinct else np.zeros((0, dataset.text_vectors.shape[1]), np.float32)
    at = {text: row for row, text in enumerate(distinct)}
    return [vectors[[at[text] for text in some]] for some in texts]


def _soft_maximum(sets: Sequence[Vectors], items: Vectors) -> Scores:
    """Return (n_sets, n_items): the log-mean-exp of the cosines of a set's vectors; zeros for an empty set."""
    scores = np.zeros((len(sets), len(items)))
    for row, vectors in enumerate(sets):
        if len(vectors):
            scores[row] = np.log(np.exp(_SHARPNESS * (vectors @ items.T)).mean(axis=0)) / _SHARPNESS
    return scores


class _Words:
    """TF-IDF of words and two-word phrases, fitted on some texts, to compare others with the candidates."""

    def __init__(self, fitted: Sequence[str], titles: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._tfidf = TfidfVectorizer(
            sublinear_tf=True, stop_words="english", ngram_range=(1, 2), token_pattern=_WORD
        ).fit(fitted)
        self._titles = self._tfidf.transform(titles)

    def likeness(self, texts: Sequence[str]) -> Scores:
        """Return (n_texts, n_titles) cosines."""
        return np.asarray((self._tfidf.transform(texts) @ self._titles.T).toarray())


def _standardised(scores: npt.NDArray[np.floating]) -> Scores:
    """Return each row in standard deviations from its mean; a row of equal scores gives zeros."""
    spread = scores.std(axis=1, keepdims=True)
    centred = scores - scores.mean(axis=1, keepdims=True)
    return np.asarray(np.where(spread > 1e-9, centred / np.maximum(spread, 1e-9), 0.0), np.float64)


def _places(scores: Scores, targets: Mapping[int, Sequence[str]], titles: Sequence[str]) -> list[Scores]:
    """Return the places of each user's items; what else the user took next is no rival of an item."""
    column_of = {title: column for column, title in enumerate(titles)}
    places = []
    for row, wanted in zip(scores, targets.values(), strict=True):
        columns = [column_of[title] for title in wanted]
        own = []
        for column in columns:
            rivals = row.copy()
            rivals[[other for other in columns if other != column]] = -np.inf
            own.append(place(rivals, column))
        places.append(np.array(own))
    return places
