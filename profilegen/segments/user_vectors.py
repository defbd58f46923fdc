"""Vectors of documents and of users, made from the vectors of texts and item titles."""

from __future__ import annotations

from profilegen.vectors import Vectors, unit, unit_rows

# The title of an item says more about a user's interests than the text about it: with item titles weighted three
# times, profiles find their users best and segments are most stable (docs/architecture.md, "Vectors").
ITEM_WEIGHT = 3.0


def document_vectors(text_vectors: Vectors, item_vectors: Vectors) -> Vectors:
    """Return the vector of each document: that of its text plus `ITEM_WEIGHT` times that of its item title.

    :param text_vectors: (n_documents, n_dims) float32, rows L2-normalised; a zero row for a document without text.
    :param item_vectors: the same for item titles; a zero row for a document without one.
    :return: (n_documents, n_dims) float32, rows L2-normalised; a zero row for a document with neither.
    """
    joined = text_vectors + ITEM_WEIGHT * item_vectors
    return unit_rows(joined)


def user_vector(documents: Vectors) -> Vectors:
    """Return the vector of a user: the mean of the user's document vectors.

    :param documents: (n_documents, n_dims) float32, rows L2-normalised, at least one.
    :return: (n_dims,) float32, L2-normalised.
    """
    return unit(documents.mean(axis=0))
