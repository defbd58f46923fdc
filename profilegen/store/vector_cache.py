"""Vectors of lists, such as the names of categories, in the ledger, so that they are embedded once."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import numpy as np

from profilegen.store.ledger import Ledger
from profilegen.vectors import Vectors


def load_vectors(ledger: Ledger, name: str, made_of: Sequence[str]) -> dict[str, Vectors]:
    """Return the vectors that were saved under a name, by key; none where they were made of something else.

    :param ledger: the ledger that holds them.
    :param name: what they were saved under.
    :param made_of: what they must be of: hashes of the texts and of the embedder.
    """
    saved = ledger.get_meta(name)
    if not saved or saved["made_of"] != list(made_of):
        return {}
    return {
        key: np.frombuffer(base64.b64decode(packed), "<f2").astype(np.float32).reshape(-1, saved["dims"])
        for key, packed in saved["names"].items()
    }


def save_vectors(ledger: Ledger, name: str, made_of: Sequence[str], vectors: Mapping[str, Vectors]) -> None:
    """Save vectors under a name, rounded to float16, in place of those that were there.

    :param ledger: the ledger that holds them.
    :param name: what to load them by.
    :param made_of: what they are of; `load_vectors` finds them only while that is the same.
    :param vectors: by key, (n_texts, n_dims) float32 each, with at least one text.
    """
    packed = {key: base64.b64encode(rows.astype("<f2").tobytes()).decode() for key, rows in vectors.items()}
    dims = next(iter(vectors.values())).shape[1]
    ledger.set_meta(name, {"made_of": list(made_of), "dims": dims, "names": packed})
