from __future__ import annotations

import numpy as np
import pytest

from profilegen.segments import clustering
from profilegen.segments.clustering import (
    Clusters,
    _consensus,
    _mean_co_assignment,
    _spherical_kmeans,
    _subtract_mean,
    assign_by_neighbors,
    cluster,
    match_ids,
    remove_language_means,
)
from profilegen.segments.hierarchy import group_segments, nearest_segments
from profilegen.segments.resolution import Labels, alike_users, candidate_sizes, neighbors_for, separation
from profilegen.vectors import Vectors

N_TOPICS, N_USERS, N_ALONE, DIMS = 3, 30, 3, 32


def unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def random_units(n: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(n, DIMS)).astype(np.float32))


def around(centres: Vectors, n_each: int, spread: float, seed: int = 1) -> Vectors:
    """Return unit rows near each centre, centre by centre."""
    noise = np.random.default_rng(seed).normal(size=(len(centres) * n_each, centres.shape[1]))
    return unit(np.repeat(centres, n_each, axis=0) + (spread * noise).astype(np.float32))


def same_groups(labels: Labels, truth: Labels) -> bool:
    """Return whether users share a label exactly where they share the other."""
    return bool((np.equal.outer(labels, labels) == np.equal.outer(truth, truth)).all())


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
    monkeypatch.setattr(clustering, "_SAMPLE_USERS", 60)
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
    monkeypatch.setattr(clustering, "_SAMPLE_USERS", 60)
    again = cluster(users, seed=42)
    assert (again.labels == sampled.labels).all()
    assert (again.confidence == sampled.confidence).all()


def test_a_user_is_placed_with_most_neighbours_and_less_surely_the_more_of_them_are_elsewhere() -> None:
    east, north = np.eye(2, dtype=np.float32)
    known = np.repeat([east, north], [12, 8], axis=0)
    fitted = Clusters(np.repeat([0, 1], [12, 8]), np.ones(20, np.float32), np.zeros(20, np.bool_))
    placed = assign_by_neighbors(np.concatenate([known, unit(3 * east + north)[None]]), np.arange(20), fitted)
    assert placed.labels[-1] == 0
    assert placed.confidence[-1] == pytest.approx(12 * 3 / (12 * 3 + 3))
    assert (placed.labels[:20] == fitted.labels).all()


def test_a_user_can_join_a_cluster_of_three_beside_a_large_one() -> None:
    east, north = np.eye(2, dtype=np.float32)
    known = np.repeat([east, north], [30, 3], axis=0)
    fitted = Clusters(np.repeat([0, 1], [30, 3]), np.ones(33, np.float32), np.zeros(33, np.bool_))
    assert assign_by_neighbors(np.concatenate([known, north[None]]), np.arange(33), fitted).labels[-1] == 1


@pytest.mark.parametrize("n_users", [0, 1, 2, 3, 7, 9, 40])
def test_users_who_have_nothing_in_common_are_one_cluster(n_users: int) -> None:
    found = cluster(random_units(n_users), seed=1)
    assert found.labels.tolist() == [0] * n_users
    assert not found.assigned.any()


def test_fewer_users_than_two_of_the_smallest_clusters_are_one_cluster() -> None:
    assert cluster(random_units(99), seed=1, min_cluster_size=50).labels.tolist() == [0] * 99


@pytest.mark.parametrize("n_users", [6, 40, 100])
def test_users_who_vary_without_groups_are_one_cluster(n_users: int) -> None:
    found = cluster(around(random_units(1), n_users, 0.1), seed=1)
    assert found.labels.tolist() == [0] * n_users
    assert found.confidence.tolist() == [0.5] * n_users


@pytest.mark.parametrize(("n_groups", "n_each"), [(2, 3), (3, 4), (5, 5), (24, 4)])
def test_groups_of_a_few_users_are_clusters_without_a_size_given(n_groups: int, n_each: int) -> None:
    found = cluster(around(random_units(n_groups), n_each, 0.05), seed=42)
    assert same_groups(found.labels, np.repeat(np.arange(n_groups), n_each))


def test_groups_of_unlike_sizes_are_clusters_too() -> None:
    sizes = [40, 20, 10, 5]
    users = np.concatenate([around(centre[None], n, 0.05) for centre, n in zip(random_units(4), sizes, strict=True)])
    assert same_groups(cluster(users, seed=42).labels, np.repeat(np.arange(4), sizes))


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


def co_assignment(*clusterings: list[int]) -> Vectors:
    """Return the share of the clusterings in which two users are together."""
    return np.asarray(np.mean([np.equal.outer(labels, labels) for labels in clusterings], axis=0), np.float32)


def test_users_who_are_together_in_most_clusterings_are_one_group() -> None:
    halves, everybody = [0] * 6 + [1] * 6, [0] * 12
    assert _consensus(co_assignment(halves, halves, everybody), 5).tolist() == halves


def test_users_in_groups_below_the_smallest_size_are_in_no_group() -> None:
    groups = _consensus(co_assignment([0] * 6 + [1] * 4 + [2] * 5), 5)
    assert groups[6:10].tolist() == [-1] * 4
    assert sorted([{*groups[:6].tolist()}, {*groups[10:].tolist()}], key=max) == [{0}, {1}]


def test_confidence_is_the_mean_co_assignment_with_the_users_of_the_same_cluster() -> None:
    shares = co_assignment([0] * 4, [0, 0, 0, 1])
    assert _mean_co_assignment(shares, np.array([0, 0, 0, 0])) == pytest.approx([0.875] * 3 + [0.625])


@pytest.mark.parametrize("max_consensus_users", [5_000, 50], ids=["twelve layouts", "one layout"])
def test_users_who_are_like_nobody_are_marked_as_assigned_more_often_than_users_of_a_group(
    max_consensus_users: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clustering, "_MAX_CONSENSUS_USERS", max_consensus_users)
    in_groups, alone = around(random_units(5), 30, 0.3), random_units(30, seed=9)
    found = cluster(np.concatenate([in_groups, alone]), seed=42, min_cluster_size=10)
    assert found.assigned[150:].mean() > 2 * found.assigned[:150].mean() > 0


def test_a_user_nearer_to_another_centre_moves_there() -> None:
    vectors = around(random_units(2), 6, 0.01)
    assert _spherical_kmeans(vectors, np.array([1] + [0] * 5 + [1] * 6)).tolist() == [0] * 6 + [1] * 6


def test_who_is_in_no_cluster_yet_is_in_no_centre() -> None:
    vectors = around(random_units(2), 6, 0.01)
    assert _spherical_kmeans(vectors, np.array([0] * 5 + [-1] + [1] * 6)).tolist() == [0] * 6 + [1] * 6


def test_if_nobody_is_in_a_cluster_yet_everybody_is_in_one() -> None:
    assert _spherical_kmeans(random_units(5), np.full(5, -1)).tolist() == [0] * 5


# How fine a clustering should be


@pytest.mark.parametrize(
    ("n_users", "sizes"), [(0, []), (3, []), (4, [2]), (12, [2, 3, 4]), (100, [2, 3, 4, 6, 8, 11, 16])]
)
def test_sizes_to_try_grow_with_the_users_and_leave_room_for_two_clusters(n_users: int, sizes: list[int]) -> None:
    assert candidate_sizes(n_users) == sizes


def test_of_ten_thousand_users_no_cluster_is_smaller_than_seventeen() -> None:
    assert candidate_sizes(10_000)[0] == 17
    assert candidate_sizes(10_000)[-1] == pytest.approx(200, abs=15)


def test_umap_looks_at_fewer_neighbours_where_clusters_are_small() -> None:
    assert [neighbors_for(size) for size in (2, 3, 7, 100)] == [4, 6, 14, 15]


def test_true_groups_are_better_separated_than_merged_split_or_shuffled_ones() -> None:
    users = _subtract_mean(around(random_units(6), 10, 0.08), 1.0)
    truth = np.repeat(np.arange(6), 10)
    split = 2 * truth + np.tile([0, 1], 30)
    shuffled = np.random.default_rng(0).permutation(truth)
    others = [separation(users, labels) for labels in (truth // 2, split, shuffled)]
    assert separation(users, truth) > 2 * max(others)


def test_one_cluster_or_users_who_are_all_the_same_are_not_separated() -> None:
    assert separation(random_units(9), np.zeros(9, np.int64)) == 0
    assert separation(np.repeat(random_units(1), 8, axis=0), np.repeat([0, 1], 4)) == 0


def test_separation_is_silhouette_times_variance_explained_by_the_other_members() -> None:
    from sklearn.metrics import silhouette_score

    users = _subtract_mean(around(random_units(4), 5, 0.2), 1.0)
    labels = np.repeat(np.arange(4), 5)
    others = [users[(labels == labels[row]) & (np.arange(20) != row)].mean(axis=0) for row in range(20)]
    all_others = [np.delete(users, row, axis=0).mean(axis=0) for row in range(20)]
    explained = 1 - ((users - others) ** 2).sum() / ((users - all_others) ** 2).sum()
    expected = silhouette_score(users, labels, metric="cosine") * explained
    assert separation(users, labels) == pytest.approx(expected, rel=1e-4)


def test_made_up_users_vary_as_the_real_ones_without_their_groups() -> None:
    users = around(random_units(2), 300, 0.03)
    made_up = alike_users(users, np.random.default_rng(0))
    axis = unit(users[0] - users[-1])
    assert np.linalg.norm(made_up, axis=1) == pytest.approx(1)
    assert (made_up @ axis).std() == pytest.approx((users @ axis).std(), rel=0.2)
    halfway = np.abs((users - users.mean(axis=0)) @ axis) < 0.3
    assert not halfway.any()
    assert (np.abs((made_up - users.mean(axis=0)) @ axis) < 0.3).mean() > 0.2


# Groups of segments, and segments that users are near to


@pytest.fixture(scope="module")
def families() -> tuple[Vectors, Labels]:
    """Sixteen segments of ten users: four families of four."""
    roots = np.repeat(random_units(4), 4, axis=0)
    centres = unit(roots + 0.5 * random_units(16, seed=5))
    return around(centres, 10, 0.02), np.repeat(np.arange(16), 10)


def test_segments_that_are_near_each_other_are_in_one_group(families: tuple[Vectors, Labels]) -> None:
    (group_of,) = group_segments(*families)
    assert same_groups(group_of, np.repeat(np.arange(4), 4))


def test_ten_segments_or_fewer_have_no_groups() -> None:
    assert group_segments(around(random_units(10), 5, 0.02), np.repeat(np.arange(10), 5)) == []
    assert group_segments(random_units(0), np.zeros(0, np.int64)) == []


def test_of_very_many_segments_there_are_two_levels_and_a_group_is_in_one_larger_group() -> None:
    parents = np.repeat(random_units(15, seed=2), 4, axis=0)
    centres = unit(parents + 0.4 * random_units(60, seed=3))
    top, below = group_segments(around(centres, 4, 0.02), np.repeat(np.arange(60), 4))
    assert top.max() < below.max()
    assert all(len(set(top[below == group])) == 1 for group in range(below.max() + 1))


def test_a_user_between_two_segments_is_nearly_as_near_to_the_other() -> None:
    centres = np.eye(3, DIMS, dtype=np.float32)
    users = np.concatenate([around(centres, 10, 0.01), unit(1.05 * centres[0] + centres[1])[None]])
    nearest, weights = nearest_segments(users, np.append(np.repeat(np.arange(3), 10), 0))
    assert nearest[-1, 0] == 1
    assert weights[-1, 0] > 0.7
    assert weights[:10, 0].max() < 0.3


def test_no_user_is_near_to_the_own_segment_and_there_are_two_at_most(families: tuple[Vectors, Labels]) -> None:
    users, labels = families
    nearest, weights = nearest_segments(users, labels)
    assert nearest.shape == weights.shape == (160, 2)
    assert not (nearest == labels[:, None]).any()
    assert (weights[:, 0] >= weights[:, 1]).all()
    assert (nearest // 4 == labels[:, None] // 4).all()  # both are of the same family


@pytest.mark.parametrize(("n_segments", "near"), [(1, 0), (2, 1)])
def test_of_few_segments_a_user_is_near_to_those_there_are(n_segments: int, near: int) -> None:
    users = around(random_units(n_segments), 5, 0.02)
    nearest, weights = nearest_segments(users, np.repeat(np.arange(n_segments), 5))
    assert nearest.shape == weights.shape == (5 * n_segments, near)
