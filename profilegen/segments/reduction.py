"""Vectors to few dimensions by UMAP, compiled once and not by every process."""

from __future__ import annotations

import functools
import warnings
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

_NEIGHBORS = 15


def reduce(vectors: Vectors, n_dims: int, *, min_dist: float, seed: int, n_epochs: int | None = None) -> Vectors:
    """Return (n_rows, n_dims) float32 by UMAP (McInnes et al. 2018), the same for the same seed.

    :param vectors: (n_rows, n_dims before), at least two rows more than `n_dims`.
    :param min_dist: how close together alike rows may come.
    :param n_epochs: rounds of the layout; as many as UMAP thinks right, if None.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a seed means one thread; that is meant
        reducer = _umap().UMAP(
            n_neighbors=min(_NEIGHBORS, len(vectors) - 1),
            n_components=n_dims,
            min_dist=min_dist,
            metric="cosine",
            # The spectral start needs many more rows than dimensions.
            init="spectral" if len(vectors) > 50 else "random",
            n_epochs=n_epochs,
            random_state=seed,
        )
        return np.asarray(reducer.fit_transform(vectors), np.float32)


@functools.cache
def _umap() -> Any:
    """Import umap, and have numba keep what it compiles of it: 15 s of work at each start, 0.4 s when it is kept."""
    import umap
    import umap.layouts
    import umap.umap_

    for module in (umap.umap_, umap.layouts):
        for function in vars(module).values():
            if hasattr(function, "enable_caching"):
                with suppress(RuntimeError):  # There is no folder that may be written to.
                    function.enable_caching()
    return umap
