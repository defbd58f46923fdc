"""A few disasters of every kind; `make chaos` brings many more. Models are stand-ins, their processes real."""

import pytest

from benchmarks.chaos.disasters import Disasters, Trial
from benchmarks.chaos.world import make_world


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    world = make_world(tmp_path_factory.mktemp("chaos"), users=4)
    return list(Disasters(world).trials(2))


def test_whatever_happens_to_a_build_the_next_one_ends_as_if_nothing_had_happened(trials: list[Trial]) -> None:
    assert [trial for trial in trials if trial.wrong] == []


def test_every_kind_of_disaster_came_to_pass_but_those_that_this_machine_forbids(trials: list[Trial]) -> None:
    assert {trial.kind for trial in trials if trial.wrong is None} <= {"full disk", "Ctrl-C", "SIGTERM"}
    assert {trial.kind for trial in trials} == {
        "SIGKILL",
        "torn writes",
        "Ctrl-C",
        "SIGTERM",
        "full disk",
        "child processes killed",
        "model dies at work",
        "model dies loading",
        "model cannot load",
        "model dies twice on one job",
        "two builds at once",
        "ledger locked",
        "Chroma locked",
    }
