"""Vectors of lists that ship or that a person wrote, kept in a store so that they are embedded once."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from profilegen.store.ledger import Ledger

Vectors = npt.NDArray[np.float32]


def kept_vectors(ledger: Ledger, name: str, made_of: Sequence[str]) -> dict[str, Vectors]:
    """Return the vectors kept under a name, by key; none where they were made of something else."""
    kept = ledger.get_meta(name)
    if not kept or kept["made_of"] != list(made_of):
        return {}
    return {
        key: np.frombuffer(base64.b64decode(packed), "<f2").astype(np.float32).reshape(-1, kept["dims"])
        for key, packed in kept["names"].items()
    }


def keep_vectors(ledger: Ledger, name: str, made_of: Sequence[str], vectors: Mapping[str, Vectors]) -> None:
    """Keep vectors by key, (n_texts, n_dims) each and at least one, rounded to float16, in place of what was there.

    :param made_of: what they are of, so that they are found again only while that is so.
    """
    packed = {key: base64.b64encode(rows.astype("<f2").tobytes()).decode() for key, rows in vectors.items()}
    dims = next(iter(vectors.values())).shape[1]
    ledger.set_meta(name, {"made_of": list(made_of), "dims": dims, "names": packed})
