"""Dimension reduction by UMAP, with numba's compiled code cached on disk."""

from __future__ import annotations

import functools
import warnings
from contextlib import suppress
from typing import Any

import numpy as np

from profilegen.vectors import Vectors

_NEIGHBORS = 15


def reduce_dimensions(
    vectors: Vectors,
    n_dims: int,
    *,
    min_dist: float,
    seed: int,
    n_neighbors: int = _NEIGHBORS,
    n_epochs: int | None = None,
) -> Vectors:
    """Reduce vectors to fewer dimensions by UMAP with cosine distance (McInnes, Healy and Melville 2018).

    :param vectors: (n_rows, more than n_dims) float32, at least `n_dims + 2` rows.
    :param n_dims: number of dimensions of the result.
    :param min_dist: smallest distance between similar rows in the result, at most 1; 0 packs clusters densely.
    :param seed: UMAP's `random_state`; the same seed gives the same result on the same machine.
    :param n_neighbors: number of nearest rows that each row is drawn to, at least 2.
    :param n_epochs: number of optimisation rounds; None for UMAP's default (500 for fewer than 10,000 rows, else 200).
    :return: (n_rows, n_dims) float32.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # UMAP warns that a seed means one thread, which is intended.
        reducer = _umap().UMAP(
            n_neighbors=min(n_neighbors, len(vectors) - 1),
            n_components=n_dims,
            min_dist=min_dist,
            metric="cosine",
            # Spectral initialisation needs many more rows than dimensions.
            init="spectral" if len(vectors) > 50 else "random",
            n_epochs=n_epochs,
            random_state=seed,
        )
        return np.asarray(reducer.fit_transform(vectors), np.float32)


@functools.cache
def _umap() -> Any:
    """Import umap and switch on numba's disk cache for it: compiling takes 15 s at each start, loading 0.4 s."""
    import umap
    import umap.layouts
    import umap.umap_

    for module in (umap.umap_, umap.layouts):
        for function in vars(module).values():
            if hasattr(function, "enable_caching"):
                with suppress(RuntimeError):  # numba finds no writable directory for its cache.
                    function.enable_caching()
    return umap
