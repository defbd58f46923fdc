"""What is stated of users, with its vectors: their claims, and beside them the key phrases of their texts.

Key phrases are the plain method that claims are compared with: of each user as many words and pairs of words as he has
claims, those with the largest TF-IDF in what he wrote and in the titles of his items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from profilegen.evaluation.dataset import Dataset, Rows
from profilegen.records import Document
from profilegen.vectors import Vectors

# Words of two letters or more; a Han character is a word, and pairs of them are two-word phrases.
WORD = r"(?u)[㐀-鿿]|[^\W㐀-鿿]{2,}"


@dataclass(frozen=True)
class Statements:
    """Statements about the sampled users, in order of user.

    :param owners: (n_statements,) row of the user in the dataset.
    :param texts: the statements.
    :param vectors: (n_statements, n_dims) float32, rows L2-normalised.
    :param n_users: number of users of the dataset.
    """

    owners: Rows
    texts: tuple[str, ...]
    vectors: Vectors
    n_users: int

    @cached_property
    def counts(self) -> Rows:
        """Number of statements of each user of the dataset."""
        return np.bincount(self.owners, minlength=self.n_users)

    def of_user(self, row: int) -> Vectors:
        """Return the vectors of one user's statements.

        :param row: row of the user in the dataset.
        """
        start, end = np.searchsorted(self.owners, [row, row + 1])
        return self.vectors[start:end]

    def text_of_user(self, row: int) -> str:
        """Return one user's statements as one text.

        :param row: row of the user in the dataset.
        """
        start, end = np.searchsorted(self.owners, [row, row + 1])
        return " ".join(f"{text}." for text in self.texts[start:end])


def of_claims(dataset: Dataset) -> Statements:
    """Return the claims of the sampled users.

    :param dataset: the store.
    """
    rows = [int(row) for row in dataset.sampled_rows]
    return _embedded(dataset, rows, [[claim.text for _, claim in dataset.users[row].iter_claims()] for row in rows])


def of_key_phrases(dataset: Dataset) -> Statements:
    """Return as many key phrases of each sampled user as he has claims.

    :param dataset: the store.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = [int(row) for row in dataset.sampled_rows]
    tfidf = TfidfVectorizer(sublinear_tf=True, stop_words="english", ngram_range=(1, 2), token_pattern=WORD)
    try:
        weights = tfidf.fit_transform([written(dataset.documents[row]) for row in rows])
    except ValueError:  # There is not one word in all texts.
        return _embedded(dataset, rows, [[] for _ in rows])
    words = tfidf.get_feature_names_out()
    phrases_of = []
    for at, row in enumerate(rows):
        weight = weights[[at]]
        order = np.lexsort((weight.indices, -weight.data))
        n_claims = sum(1 for _ in dataset.users[row].iter_claims())
        phrases_of.append(list(_distinct((str(words[weight.indices[place]]) for place in order), n_claims)))
    return _embedded(dataset, rows, phrases_of)


def written(documents: Sequence[Document]) -> str:
    """Return the texts of documents with the titles of their items, one a line.

    :param documents: of one user.
    """
    return "\n".join(part for document in documents for part in (document.item_title, document.text) if part)


def _distinct(phrases: Iterator[str], most: int) -> Iterator[str]:
    """Yield the first phrases that share no word with an earlier one."""
    used: set[str] = set()
    for phrase in phrases:
        if most <= 0:
            return
        if used.isdisjoint(words := phrase.split()):
            used.update(words)
            most -= 1
            yield phrase


def _embedded(dataset: Dataset, rows: Sequence[int], texts_of: Sequence[Sequence[str]]) -> Statements:
    distinct = sorted({text for texts in texts_of for text in texts})
    vectors = dataset.embed(distinct) if distinct else np.zeros((0, dataset.user_vectors.shape[1]), np.float32)
    place_of = {text: place for place, text in enumerate(distinct)}
    texts = tuple(text for texts in texts_of for text in texts)
    return Statements(
        owners=np.repeat(np.array(rows, np.int64), [len(texts) for texts in texts_of]),
        texts=texts,
        vectors=vectors[[place_of[text] for text in texts]],
        n_users=len(dataset.users),
    )
