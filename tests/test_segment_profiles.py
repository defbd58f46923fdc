"""The stage that describes segments, on a ledger of thirty-six users with claims that were written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from segment_world import groups, user_claims
from test_distinctive import StandInVerifier

from profilegen.backends import Answer, Embedder, Failure, K, Prompt, Verdict, Writer, no_progress, open_embedder
from profilegen.claims.taxonomy import shipped_taxonomy
from profilegen.pipeline.models import Models
from profilegen.pipeline.segments import groups_of, update_segments
from profilegen.records import Behaviour, BuiltWith, Document, Segment, UserProfile
from profilegen.segments.group_claims import UserClaims
from profilegen.store.ledger import ClaimVector, Ledger, Membership, open_ledger
from profilegen.store.ledger.segments import GROUP_PROFILES
from profilegen.vectors import unit

TAXONOMY = shipped_taxonomy()
NAMES = ("runners", "bakers", "tinkerers")
BUILT_WITH = BuiltWith(embedder="e", writer="w", prompt="p", summary="none")


class StandInWriter(Writer):
    """No model: it answers every prompt with the same text, and keeps the prompts."""

    name = fingerprint = source = "stand-in"
    languages = ("en",)
    context = 1_024

    def __init__(self, text: str = "", *, trained: bool = False) -> None:
        self.text, self.trained, self.prompts = text, trained, list[Prompt]()

    def write(self, prompts: Iterable[tuple[K, Prompt]]) -> Iterator[tuple[K, Answer | Failure]]:
        for key, prompt in prompts:
            self.prompts.append(prompt)
            yield key, Answer(self.text, True, 1, 1)


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    with open_embedder("all-minilm-l6-v2") as opened:
        yield opened


@pytest.fixture(scope="module")
def world(embedder: Embedder) -> dict[str, UserClaims]:
    every = user_claims(embedder.embed)
    return {name: user for name, user in every.items() if name.split("-")[0] in NAMES}


@pytest.fixture
def ledger(tmp_path: Path, world: dict[str, UserClaims]) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "store", create=True) as opened:
        opened.stage(Document(id=f"{name}-d", user_id=name, text="text", language="en") for name in world)
        opened.apply_staged(add=False)
        opened.put_users((name, "en", "h", unit(user.vectors.mean(axis=0))) for name, user in world.items())
        put_profiles(opened, world)
        opened.put_memberships(
            Membership(member, f"seg-{name}", 0.9, False) for name in NAMES for member in groups()[name]
        )
        yield opened


def put_profiles(ledger: Ledger, users: dict[str, UserClaims], made_of: str = "h") -> None:
    ledger.put_profiles(
        (
            UserProfile(
                user_id=name,
                status="ok",
                language="en",
                claims={
                    kind: tuple(claim for each, claim in user.claims if each == kind)
                    for kind in ("interest", "value", "lifestyle")
                },
                behaviour=Behaviour(documents=1),
                built_with=BUILT_WITH,
            ),
            made_of,
            [
                ClaimVector(kind, at, claim.text, claim.support, vector)
                for at, ((kind, claim), vector) in enumerate(zip(user.claims, user.vectors, strict=True))
            ],
        )
        for name, user in users.items()
    )


def agreeing() -> StandInVerifier:
    return StandInVerifier(lambda text, claim: Verdict("shown", 0.9))


def described(ledger: Ledger, embedder: Embedder, writer: Writer, verifier: StandInVerifier | None = None) -> int:
    return update_segments(ledger, TAXONOMY, Models(embedder, (writer,), (verifier,) if verifier else ()), no_progress)


def by_id(ledger: Ledger) -> dict[str, Segment]:
    return {segment.id.removeprefix("seg-"): segment for segment in ledger.segments()}


def test_segments_are_described_from_what_their_members_share(ledger: Ledger, embedder: Embedder) -> None:
    assert described(ledger, embedder, StandInWriter()) == 3
    segments = by_id(ledger)
    assert len({segment.name for segment in segments.values()}) == 3
    assert segments["bakers"].name == "Baking, sourdough"
    assert segments["bakers"].criterion == "belongs who likes baking and has two children"
    assert {claim.text for claim in segments["runners"].interests} >= {"running"}
    assert segments["runners"].summary.startswith("Most of them: likes running")
    assert segments["runners"].built_with.summary == "template"
    assert all(segment.exemplars and segment.size == 12 for segment in segments.values())


def test_an_unchanged_ledger_describes_nothing_and_asks_no_writer(ledger: Ledger, embedder: Embedder) -> None:
    described(ledger, embedder, StandInWriter())
    before, writer = ledger.segments(), StandInWriter()
    assert described(ledger, embedder, writer) == 0
    assert (ledger.segments(), writer.prompts) == (before, [])


def test_only_the_segment_of_a_user_who_changed_is_described_again(
    ledger: Ledger, embedder: Embedder, world: dict[str, UserClaims]
) -> None:
    described(ledger, embedder, StandInWriter())
    before, writer = by_id(ledger), StandInWriter()
    put_profiles(ledger, {"bakers-03": world["bakers-03"]}, made_of="other")
    assert described(ledger, embedder, writer) == 1
    assert {name: by_id(ledger)[name] for name in ("runners", "tinkerers")} == {
        name: before[name] for name in ("runners", "tinkerers")
    }
    assert len(writer.prompts) == 1


def test_a_name_that_the_claims_carry_is_the_writers(ledger: Ledger, embedder: Embedder) -> None:
    described(ledger, embedder, StandInWriter("Name: Trail running\nEach of them likes running."), agreeing())
    segments = by_id(ledger)
    assert segments["runners"].name == "Trail running"
    assert segments["runners"].criterion == "belongs who likes running"
    assert segments["bakers"].name != "Trail running"
    assert "running" not in segments["bakers"].criterion


def test_a_name_that_no_claim_carries_is_composed(ledger: Ledger, embedder: Embedder) -> None:
    described(ledger, embedder, StandInWriter("Name: Quantum astrologers\nEach of them works in Paris."), agreeing())
    assert all("Quantum" not in segment.name + segment.criterion for segment in ledger.segments())


def test_a_writer_of_our_own_is_asked_for_summaries_alone(ledger: Ledger, embedder: Embedder) -> None:
    writer = StandInWriter("Likes running and trail races.", trained=True)
    described(ledger, embedder, writer, agreeing())
    assert writer.prompts
    assert all("Name" not in str(prompt.answer) for prompt in writer.prompts)
    runners = by_id(ledger)["runners"]
    assert runners.summary.startswith("Likes running and trail races.")
    assert runners.built_with.summary in ("writer", "mixed")


def test_groups_of_segments_get_names_of_their_own(ledger: Ledger, embedder: Embedder) -> None:
    ledger.set_meta(
        "segment groups", {"seg-runners": ["group-1"], "seg-bakers": ["group-2"], "seg-tinkerers": ["group-2"]}
    )
    described(ledger, embedder, StandInWriter())
    profiles = ledger.get_meta(GROUP_PROFILES)
    names = [row["name"] for row in profiles.values()] + [segment.name for segment in ledger.segments()]
    assert profiles.keys() == {"group-1", "group-2"}
    assert len(names) == len(set(names))
    assert by_id(ledger)["bakers"].groups == ("group-2",)
    writer = StandInWriter()
    assert (described(ledger, embedder, writer), writer.prompts) == (0, [])
    assert ledger.get_meta(GROUP_PROFILES) == profiles


def test_groups_of_any_level_list_the_most_typical_members_first() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6], [0, 1]], np.float32)
    found = groups_of({"a": "top", "b": "top", "c": "top"}, ["a", "b", "c", "d"], vectors)
    assert [(group.group_id, group.members) for group in found] == [("top", ("c", "b", "a"))]
