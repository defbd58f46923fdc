"""How a document's and a user's vector are made from what was embedded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

# What an item is called tells more of what a user is after than what is said of it: users separate by category
# best, and are found best by their profiles, with item titles weighted three times (docs/architecture.md).
ITEM_WEIGHT = 3.0


def document_vectors(text_vectors: Vectors, item_vectors: Vectors) -> Vectors:
    """Return (n_documents, n_dims), rows L2-normalised: text and item title, a zero row where there is none."""
    joined = text_vectors + ITEM_WEIGHT * item_vectors
    return np.asarray(joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-9), np.float32)


def user_vector(documents: Vectors) -> Vectors:
    """Return (n_dims,), L2-normalised: the mean of a user's document vectors."""
    mean = documents.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
