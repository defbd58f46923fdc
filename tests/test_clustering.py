from __future__ import annotations

import numpy as np
import pytest

from profilegen.segments import clustering
from profilegen.segments.clustering import (
    Clusters,
    _assign_noise,
    _consensus,
    _density_clusters,
    _spherical_kmeans,
    _subtract_mean,
    assign_by_neighbors,
    cluster,
    default_min_cluster_size,
    match_ids,
    remove_language_means,
)
from profilegen.segments.user_vectors import Vectors

N_TOPICS, N_USERS, N_ALONE, DIMS = 3, 30, 3, 32


def unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def random_units(n: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(n, DIMS)).astype(np.float32))


def around(centres: Vectors, n_each: int, spread: float, seed: int = 1) -> Vectors:
    """Return unit rows near each centre, centre by centre."""
    noise = np.random.default_rng(seed).normal(size=(len(centres) * n_each, centres.shape[1]))
    return unit(np.repeat(centres, n_each, axis=0) + (spread * noise).astype(np.float32))


def blobs(*parts: tuple[list[float], int]) -> Vectors:
    """Return points in five dimensions, as UMAP leaves them: (centre, number of points) each."""
    generator = np.random.default_rng(0)
    return np.concatenate([generator.normal(centre, 0.3, (n, 5)) for centre, n in parts]).astype(np.float32)


def islands(n: int) -> list[tuple[list[float], int]]:
    """Return `n` far apart groups of twenty points."""
    return [([20.0 * (number + 1), 0.0, 0.0, 0.0, 0.0], 20) for number in range(n)]


@pytest.fixture(scope="module")
def users() -> Vectors:
    """Three groups of users and three users who are like nobody."""
    return np.concatenate([around(random_units(N_TOPICS), N_USERS, 0.08), random_units(N_ALONE, seed=9)])


@pytest.fixture(scope="module")
def clusters(users: Vectors) -> Clusters:
    return cluster(users, seed=42)


def test_users_of_a_group_share_a_cluster_and_groups_do_not(clusters: Clusters) -> None:
    labels = [set(clusters.labels[at * N_USERS : (at + 1) * N_USERS].tolist()) for at in range(N_TOPICS)]
    assert [len(group) for group in labels] == [1] * N_TOPICS
    assert len(set.union(*labels)) == N_TOPICS


def test_everybody_has_a_cluster_and_a_confidence(users: Vectors, clusters: Clusters) -> None:
    assert len(clusters.labels) == len(clusters.confidence) == len(clusters.assigned) == len(users)
    assert clusters.labels.min() == 0
    assert ((clusters.confidence >= 0) & (clusters.confidence <= 1)).all()


def test_the_same_seed_gives_the_same_labels(users: Vectors, clusters: Clusters) -> None:
    again = cluster(users, seed=42)
    assert (again.labels == clusters.labels).all()
    assert (again.confidence == clusters.confidence).all()


def test_users_who_wrote_all_the_same_are_clustered() -> None:
    found = cluster(np.repeat(random_units(1), 20, axis=0), seed=1)
    assert found.labels.min() == 0


@pytest.fixture
def sampled(users: Vectors, monkeypatch: pytest.MonkeyPatch) -> Clusters:
    monkeypatch.setattr(clustering, "_FITTED_USERS", 60)
    return cluster(users, seed=42)


def test_users_beyond_the_sample_join_the_users_who_are_like_them(sampled: Clusters) -> None:
    labels = [set(sampled.labels[at * N_USERS : (at + 1) * N_USERS].tolist()) for at in range(N_TOPICS)]
    assert [len(group) for group in labels] == [1] * N_TOPICS
    assert len(set.union(*labels)) == N_TOPICS


def test_users_beyond_the_sample_have_a_confidence_too(sampled: Clusters) -> None:
    assert ((sampled.confidence >= 0) & (sampled.confidence <= 1)).all()
    assert sampled.confidence[: N_TOPICS * N_USERS].mean() > 0.5


def test_the_same_seed_draws_the_same_sample(
    users: Vectors, sampled: Clusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clustering, "_FITTED_USERS", 60)
    again = cluster(users, seed=42)
    assert (again.labels == sampled.labels).all()
    assert (again.confidence == sampled.confidence).all()


def test_a_user_is_placed_with_most_neighbours_and_less_surely_the_more_of_them_are_elsewhere() -> None:
    east, north = np.eye(2, dtype=np.float32)
    known = np.repeat([east, north], [12, 3], axis=0)
    fitted = Clusters(np.repeat([0, 1], [12, 3]), np.ones(15, np.float32), np.zeros(15, np.bool_))
    placed = assign_by_neighbors(np.concatenate([known, unit(east + north)[None]]), np.arange(15), fitted)
    assert placed.labels[-1] == 0
    assert placed.confidence[-1] == pytest.approx(12 / 15)
    assert (placed.labels[:15] == fitted.labels).all()


@pytest.mark.parametrize("n_users", [0, 1, 2, 7, 9])
def test_few_users_are_one_cluster(n_users: int) -> None:
    found = cluster(random_units(n_users), seed=1)
    assert found.labels.tolist() == [0] * n_users
    assert not found.assigned.any()


def test_fewer_users_than_two_of_the_smallest_clusters_are_one_cluster() -> None:
    assert cluster(random_units(99), seed=1, min_cluster_size=50).labels.tolist() == [0] * 99


def test_the_smallest_cluster_grows_with_the_root_of_the_users_and_is_never_under_five() -> None:
    assert [default_min_cluster_size(n) for n in (0, 100, 10_000, 1_000_000)] == [5, 5, 41, 410]


def test_noise_goes_to_the_nearest_cluster_is_marked_and_less_sure_the_nearer_another_is() -> None:
    reduced = np.array([[0, 0], [10, 0], [1, 0], [4.5, 0], [9, 0]], np.float32)
    found = _assign_noise(reduced, np.array([0, 1, -1, -1, -1]), np.array([1, 0.8, 0, 0, 0], np.float32))
    assert found.labels.tolist() == [0, 1, 0, 0, 1]
    assert found.assigned.tolist() == [False, False, True, True, True]
    assert found.confidence[:2].tolist() == pytest.approx([1, 0.8])
    assert 0 < found.confidence[3] < found.confidence[2] < 0.5


def test_noise_beside_a_single_cluster_goes_to_it() -> None:
    found = _assign_noise(np.array([[0, 0], [3, 0]], np.float32), np.array([0, -1]), np.array([1, 0], np.float32))
    assert found.labels.tolist() == [0, 0]
    assert 0 < found.confidence[1] < 0.5


def test_a_lump_of_several_groups_beside_many_clusters_is_split() -> None:
    # The two touch, and everything else is far from them.
    lump = [([x, 0.0, 0.0, 0.0, 0.0], n) for x, n in ((-40.0, 60), (-38.5, 60))]
    points = blobs(*islands(9), *lump)
    labels, _ = _density_clusters(points, 8)
    parts = [set(labels[180:240].tolist()) - {-1}, set(labels[240:].tolist()) - {-1}]
    assert all(parts)
    assert parts[0].isdisjoint(parts[1])


def test_a_lump_that_the_density_does_not_divide_stays_whole() -> None:
    # Each point is a little farther from the last than that from the one before: nowhere is there a second core.
    trail = np.zeros((80, 5), np.float32)
    trail[:, 0] = -40 - 0.01 * 1.05 ** np.arange(80)
    labels, _ = _density_clusters(np.concatenate([blobs(*islands(9)), trail]), 8)
    assert (labels[180:] == labels[180]).mean() > 0.5
    assert labels[180] not in [-1, *labels[:180]]


def test_a_large_cluster_beside_few_others_is_no_lump() -> None:
    labels, _ = _density_clusters(blobs(*islands(3), ([-40.0, 0, 0, 0, 0], 300)), 8)
    largest = labels[60:]
    assert (largest == np.bincount(largest[largest >= 0]).argmax()).mean() > 0.9


def test_two_languages_meet_by_topic_once_the_language_is_taken_out() -> None:
    topics, languages = random_units(2, seed=3), random_units(2, seed=4)
    users = unit(np.concatenate([around(unit(topics + 3 * language), 10, 0.02) for language in languages]))
    codes = ["en"] * 20 + ["zh"] * 20
    assert users[0] @ users[10] > users[0] @ users[20]  # the language counts for more than the topic
    centred = remove_language_means(users, codes)
    assert centred[0] @ centred[20] > 0.8 > centred[0] @ centred[10]
    assert np.linalg.norm(centred, axis=1) == pytest.approx(1)
    assert centred.dtype == np.float32


@pytest.mark.parametrize("codes", [["en"] * 20, ["en"] * 16 + ["zh"] * 4])
def test_one_language_is_left_untouched_also_beside_a_few_users_of_another(codes: list[str]) -> None:
    users = random_units(20)
    assert (remove_language_means(users, codes) == users).all()


@pytest.mark.parametrize("share", [0.0, 0.75, 1.0])
def test_users_without_their_mean_are_of_length_one_and_users_who_are_all_the_same_break_nothing(share: float) -> None:
    users = random_units(20)
    without = _subtract_mean(users, share)
    assert np.linalg.norm(without, axis=1) == pytest.approx(1)
    assert np.linalg.norm(without.mean(axis=0)) <= np.linalg.norm(users.mean(axis=0)) + 1e-6
    assert np.isfinite(_subtract_mean(np.repeat(users[:1], 9, axis=0), share)).all()


def test_users_of_a_language_who_are_all_the_same_give_no_broken_numbers() -> None:
    users = np.concatenate([np.repeat(random_units(1), 5, axis=0), random_units(5, seed=2)])
    assert np.isfinite(remove_language_means(users, ["en"] * 5 + ["zh"] * 5)).all()


def test_a_segment_keeps_its_id_when_most_members_stay() -> None:
    old = {"seg-a": ["u1", "u2", "u3", "u4"], "seg-b": ["u5", "u6", "u7"]}
    new = {"n1": ["u5", "u6", "u7", "u4"], "n2": ["u1", "u2", "u3", "u8"]}
    assert match_ids(new, old) == {"n1": "seg-b", "n2": "seg-a"}


def test_of_a_segment_that_splits_the_larger_part_keeps_the_id() -> None:
    old = {"seg-a": [f"u{number}" for number in range(10)]}
    new = {"n1": [f"u{number}" for number in range(4)], "n2": [f"u{number}" for number in range(4, 10)]}
    assert match_ids(new, old) == {"n2": "seg-a"}


def test_segments_that_merge_go_on_as_the_larger() -> None:
    old = {"seg-a": ["u1", "u2"], "seg-b": ["u3", "u4", "u5"]}
    assert match_ids({"n1": ["u1", "u2", "u3", "u4", "u5"]}, old) == {"n1": "seg-b"}


def test_a_segment_of_other_users_has_no_id_to_keep() -> None:
    old = {"seg-a": [f"u{number}" for number in range(20)]}
    assert match_ids({"n1": ["u1", "x1", "x2", "x3"]}, old) == {}
    assert match_ids({"n1": ["x1"]}, {}) == match_ids({}, old) == {}


# What several clusterings agree on


def clustering_of(*labels: int, assigned: bool = False) -> Clusters:
    return Clusters(np.array(labels), np.ones(len(labels), np.float32), np.full(len(labels), assigned, np.bool_))


def test_users_who_are_together_in_most_clusterings_are_one_cluster() -> None:
    vectors = around(random_units(2), 6, 0.01)
    halves, lump = [0] * 6 + [1] * 6, [0] * 12
    agreed = _consensus(vectors, [clustering_of(*halves), clustering_of(*halves), clustering_of(*lump)], 5)
    assert agreed.labels.tolist() == halves
    assert agreed.confidence == pytest.approx(1)


def test_clusters_that_are_too_small_go_to_the_nearest_and_users_hdbscan_left_out_are_marked() -> None:
    vectors = np.concatenate([around(random_units(2), 6, 0.01), random_units(1)])
    found = clustering_of(*[0] * 6, *[1] * 6, 2, assigned=True)
    agreed = _consensus(vectors, [found, found], 5)
    assert agreed.labels.tolist() == [0] * 6 + [1] * 6 + [0]
    assert agreed.assigned.all()
    assert (agreed.confidence <= 0.5).all()


def test_a_user_nearer_to_another_centre_moves_there() -> None:
    vectors = around(random_units(2), 6, 0.01)
    assert _spherical_kmeans(vectors, np.array([1] + [0] * 5 + [1] * 6)).tolist() == [0] * 6 + [1] * 6


def test_who_is_in_no_cluster_yet_is_in_no_centre() -> None:
    vectors = around(random_units(2), 6, 0.01)
    assert _spherical_kmeans(vectors, np.array([0] * 5 + [-1] + [1] * 6)).tolist() == [0] * 6 + [1] * 6
