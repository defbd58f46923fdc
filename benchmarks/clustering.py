"""What each step of the clustering contributes: segments against labels, with steps left out and beside plain methods.

Every variant is the shipped code with a part replaced, on the user vectors of finished stores. A user with several
labels counts with the first. NMI (normalised mutual information, arithmetic mean) grows with the number of segments
also where they mean nothing, so `chance` is the NMI of the same segments with shuffled labels, and `ami` is adjusted
mutual information (Vinh, Epps and Bailey 2010), which is 0 for such segments.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from benchmarks.measures import Section
from profilegen.evaluation.agreement import Tables, codes
from profilegen.evaluation.inputs import read_labels
from profilegen.segments import clustering
from profilegen.segments.clustering import _hdbscan
from profilegen.segments.reduction import reduce_dimensions
from profilegen.segments.resolution import Labels
from profilegen.store.ledger import open_ledger
from profilegen.vectors import Vectors

_FIRST_SEED, _SAMPLES = 42, 3
_SHUFFLES, _RESAMPLES = 20, 1_000


def measure(
    stores: Mapping[str, tuple[Path, Path]], *, n_seeds: int, small: Sequence[int] = (), draws: int = 3
) -> Section:
    """Cluster the users of each store by every variant.

    :param stores: for each set of users, a finished store and a CSV of users and their labels.
    :param n_seeds: number of seeds of each clustering, at least two.
    :param small: numbers of users; of each store, so many are drawn by a hash of their ids and clustered too.
    :param draws: number of such draws.
    """
    section = Section(
        "Segments against labels, means over seeds: NMI with its 95% bootstrap interval over users, NMI of shuffled "
        "labels, adjusted mutual information and its standard deviation over seeds, number of segments, adjusted Rand "
        "index of two seeds and of two samples of 80% of the users, seconds a clustering, difference of NMI to the "
        "shipped clustering with the interval of pairs."
    )
    sets = {
        f"{name} {size} users, draw {draw}" if size else name: (*paths, size, draw)
        for name, paths in stores.items()
        for size, draw in [(0, 0), *product(small, range(draws))]
    }
    for name, (store, labels, size, draw) in sets.items():
        users = _Users(store, labels, size, draw)
        shipped: list[Tables] = []
        for variant, run in _VARIANTS.items():
            figures, tables = _figures(users, run, n_seeds)
            shipped = shipped or tables
            figures["difference"] = _interval(users, partial(_nmi_difference, tables, shipped))
            section.facts[f"{name}: {variant}"] = figures
            print(f"  {name}: {variant}", flush=True)
    return section


class _Users:
    """The labelled users of a store, and the layouts that were computed of them.

    Variants share most layouts. `seconds` counts those that a variant takes from the cache as if it had computed them.
    """

    def __init__(self, store: Path, labels: Path, size: int, draw: int) -> None:
        with open_ledger(store, read_only=True) as ledger:
            user_ids, self._vectors = ledger.user_matrix()
            self._languages = ledger.user_languages()
        if size:
            hashes = [
                hashlib.sha256(f"{draw}{user_id}".encode("utf-8", "surrogatepass")).digest() for user_id in user_ids
            ]
            rows = sorted(sorted(range(len(user_ids)), key=hashes.__getitem__)[:size])
            user_ids, self._vectors = [user_ids[row] for row in rows], self._vectors[rows]
            self._languages = [self._languages[row] for row in rows]
        label_of = read_labels(labels)
        self.labelled = np.array([user_id in label_of for user_id in user_ids])
        self.truth = codes([label_of[user_id][0] for user_id in user_ids if user_id in label_of])
        self._layouts: dict[tuple[Any, ...], tuple[Vectors, float]] = {}
        self.seconds = 0.0

    def sample(self, seed: int) -> npt.NDArray[np.int64]:
        """Return the rows of a random sample of 80% of the users."""
        n_users = len(self._vectors)
        return np.sort(np.random.default_rng(seed).permutation(n_users)[: round(0.8 * n_users)])

    def cluster(self, run: _Variant, seed: int, rows: Any = slice(None)) -> Labels:
        """Return the label of each user in `rows`."""
        languages = np.array(self._languages)[rows].tolist()
        vectors = clustering.remove_language_means(self._vectors[rows], languages)
        start = time.perf_counter()
        with patch.object(clustering, "reduce_dimensions", self._reduce):
            labels = run(vectors, seed, len(set(self.truth)))
        self.seconds += time.perf_counter() - start
        return labels

    def _reduce(self, vectors: Vectors, n_dims: int, **options: Any) -> Vectors:
        key = (hash(vectors.tobytes()), n_dims, *options.values())
        start = time.perf_counter()
        if key in self._layouts:
            layout, seconds = self._layouts[key]
            self.seconds += seconds
        else:
            layout = reduce_dimensions(vectors, n_dims, **options)
            self._layouts[key] = layout, time.perf_counter() - start
        return layout


def _figures(users: _Users, run: _Variant, n_seeds: int) -> tuple[dict[str, Any], list[Tables]]:
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score

    users.seconds = 0.0
    found = [users.cluster(run, _FIRST_SEED + number) for number in range(n_seeds)]
    seconds = users.seconds / n_seeds
    samples = [
        (rows := users.sample(seed), users.cluster(run, seed, rows))
        for seed in range(_FIRST_SEED, _FIRST_SEED + _SAMPLES)
    ]
    labelled = [codes(labels[users.labelled].tolist()) for labels in found]
    tables = [Tables(users.truth, labels) for labels in labelled]
    random = np.random.default_rng(_FIRST_SEED)
    shuffled = [
        normalized_mutual_info_score(random.permutation(users.truth), labels)
        for labels in labelled
        for _ in range(_SHUFFLES)
    ]
    amis = [adjusted_mutual_info_score(users.truth, labels) for labels in labelled]
    figures: dict[str, Any] = {
        "nmi": _interval(users, partial(_nmi, tables)),
        "chance": _mean(shuffled),
        "ami": [_mean(amis), round(float(np.std(amis, ddof=1)), 3)],
        "segments": [len(set(labels.tolist())) for labels in found],
        "seeds_ari": _mean([adjusted_rand_score(one, other) for one, other in combinations(found, 2)]),
        "samples_ari": _mean([_ari_of_both(one, other) for one, other in combinations(samples, 2)]),
        "seconds": round(seconds, 1),
    }
    return figures, tables


def _nmi(tables: Sequence[Tables], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean NMI of several clusterings for each weighting of the users."""
    return np.asarray(np.mean([table.nmi(weights) for table in tables], axis=0))


def _nmi_difference(
    tables: Sequence[Tables], other: Sequence[Tables], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return _nmi(tables, weights) - _nmi(other, weights)


def _interval(users: _Users, value: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]) -> list[float]:
    """Return a value and the bounds of its 95% interval over resampled users (bootstrap, Efron 1979)."""
    n_users = len(users.truth)
    whole = float(value(np.ones((1, n_users)))[0])
    weights = np.random.default_rng(_FIRST_SEED).multinomial(n_users, np.full(n_users, 1 / n_users), size=_RESAMPLES)
    drawn = value(weights.astype(np.float64))
    # Users who are drawn twice agree with themselves, which raises NMI: the interval is moved by the mean of that.
    low, high = np.percentile(drawn - drawn.mean() + whole, (2.5, 97.5))
    return [round(float(bound), 3) for bound in (whole, low, high)]


def _ari_of_both(one: tuple[npt.NDArray[np.int64], Labels], other: tuple[npt.NDArray[np.int64], Labels]) -> float:
    from sklearn.metrics import adjusted_rand_score

    _, first, second = np.intersect1d(one[0], other[0], return_indices=True)
    return float(adjusted_rand_score(one[1][first], other[1][second]))


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 3)


# --- variants: (vectors, seed, number of labels) to labels ---------------------------------------------------

_Variant = Callable[[Vectors, int, int], Labels]


def _shipped(**replaced: Any) -> _Variant:
    """Return the shipped clustering with parts of its module replaced."""

    def run(vectors: Vectors, seed: int, n_labels: int) -> Labels:
        with ExitStack() as stack:
            for name, part in replaced.items():
                stack.enter_context(patch.object(clustering, name, part))
            return clustering.cluster(vectors, seed=seed).labels

    return run


def _nearest_centre(points: Vectors, labels: Labels) -> Labels:
    """Assign users with -1 to the nearest centre; nobody else moves."""
    if labels.max() < 0:
        return np.zeros_like(labels)
    centres = np.stack([points[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    return np.where(labels < 0, nearest, labels)


def _kmeans(vectors: Vectors, seed: int, n_labels: int) -> Labels:
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(n_labels, n_init=10, random_state=seed).fit(vectors).labels_, np.int64)


def _umap_hdbscan(neighbors: int, smallest: int) -> _Variant:
    """Return the recipe of BERTopic: UMAP to five dimensions and HDBSCAN, once; noise to the nearest centre."""

    def run(vectors: Vectors, seed: int, n_labels: int) -> Labels:
        layout = clustering._layout(vectors, seed, neighbors)
        return _nearest_centre(layout, _hdbscan(layout, smallest)[0])

    return run


def _fixed_size(vectors: Vectors, seed: int, n_labels: int) -> Labels:
    """Cluster as until METHOD 6: a size by the number of users, at least 5, and fifteen neighbours."""
    smallest = max(5, round(0.41 * len(vectors) ** 0.5))
    with patch.object(clustering, "neighbors_for", lambda size: 15), patch.object(clustering, "_has_groups", _yes):
        return clustering.cluster(vectors, seed=seed, min_cluster_size=smallest).labels


def _yes(*args: Any) -> bool:
    return True


_VARIANTS: dict[str, _Variant] = {
    "shipped": _shipped(),
    "before, METHOD 5": _fixed_size,
    "always divided": _shipped(_has_groups=_yes),
    "k-means left out": _shipped(_spherical_kmeans=_nearest_centre),
    "3 layouts": _shipped(_LAYOUTS=3),
    "mean not subtracted": _shipped(_MEAN_SHARES=(0.0,), _KMEANS_MEAN_SHARE=0.0),
    "k-means, true number of labels": _kmeans,
    "UMAP (15 neighbours), HDBSCAN of 10": _umap_hdbscan(15, smallest=10),
    "UMAP (5 neighbours), HDBSCAN of 3": _umap_hdbscan(5, smallest=3),
}
