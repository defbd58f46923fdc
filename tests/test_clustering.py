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
    default_min_cluster_size,
    match_ids,
    remove_language_means,
)
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
