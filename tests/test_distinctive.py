from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pytest
from segment_world import groups, user_claims

from profilegen.backends import Embedder, Verdict, Verifier, open_embedder
from profilegen.claims.taxonomy import shipped_taxonomy
from profilegen.records import Claim, Evidence, Stance
from profilegen.segments.comparison import Table
from profilegen.segments.distinctive import distinctive_claims
from profilegen.segments.group_claims import GroupClaims, UserClaims, least_members, log_odds_z, sample_members
from profilegen.segments.likeness import Scale, is_inside, measure_scale, scales, words

TAXONOMY = shipped_taxonomy()


class StandInVerifier(Verifier):
    """No model: it answers as a function does, and keeps the pairs that it was asked."""

    name = fingerprint = source = "stand-in"
    threshold = 0.8

    def __init__(self, answer: Callable[[str, str], Verdict]) -> None:
        self.answer, self.pairs = answer, list[tuple[str, str]]()

    def verify(self, pairs: Sequence[tuple[str, str]], on_done: Callable[[int], None] | None = None) -> list[Verdict]:
        self.pairs += pairs
        return [self.answer(*pair) for pair in pairs]


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    with open_embedder("all-minilm-l6-v2") as opened:
        yield opened


@pytest.fixture(scope="module")
def world(embedder: Embedder) -> dict[str, UserClaims]:
    return user_claims(embedder.embed)


@pytest.fixture(scope="module")
def of_scale(embedder: Embedder) -> Mapping[str, Scale]:
    return scales(["en", "zh"], TAXONOMY, embedder.embed)


Describe = Callable[..., GroupClaims]


@pytest.fixture(scope="module")
def describe(embedder: Embedder, world: dict[str, UserClaims], of_scale: Mapping[str, Scale]) -> Describe:
    def described(
        members: Sequence[UserClaims], others: Sequence[UserClaims] | None = None, verifier: Verifier | None = None
    ) -> GroupClaims:
        return distinctive_claims(
            "g",
            members,
            Table.of(list(world.values()) if others is None else others, of_scale),
            n_members=len(members),
            scales=of_scale,
            taxonomy=TAXONOMY,
            embed=embedder.embed,
            verifier=verifier,
        )

    return described


def user(embedder: Embedder, user_id: str, *texts: str, stance: Stance = "likes", language: str = "en") -> UserClaims:
    claims = tuple(
        Claim(
            text=text,
            stance=stance,
            support=0.8,
            evidence=(Evidence(document=f"{user_id}-{at}", quote=f"I wrote about {text}"),),
        )
        for at, text in enumerate(texts)
    )
    vectors = embedder.embed(texts) if texts else np.zeros((0, embedder.dimensions), np.float32)
    return UserClaims(user_id, language, tuple(("interest", claim) for claim in claims), vectors)


def texts(described: GroupClaims) -> list[str]:
    return [claim.text for claim in described.shared]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("runners", {"running", "light gear"}),
        ("bakers", {"baking", "sourdough"}),
        ("tinkerers", {"video games", "soldering"}),
        ("tea", {"茶", "手工茶具"}),
        ("cameras", {"摄影", "自己在家冲洗胶卷"}),
    ],
)
def test_each_group_is_set_apart_by_what_its_members_share(
    describe: Describe, world: dict[str, UserClaims], group: str, expected: set[str]
) -> None:
    described = describe([world[member] for member in groups()[group]])
    assert expected <= set(texts(described))
    assert described.shared[0].is_distinctive


def test_every_claim_is_true_of_a_third_of_the_members_and_of_three(
    describe: Describe, world: dict[str, UserClaims]
) -> None:
    for members in groups().values():
        described = describe([world[member] for member in members])
        assert all(len(claim.users) >= 4 and claim.share >= 1 / 3 for claim in described.shared)
        assert all(len(claim.users) < 4 for claim in described.scattered)


def test_what_one_of_five_says_is_not_said_of_the_five(describe: Describe, embedder: Embedder) -> None:
    members = [user(embedder, f"u{at}", "bread baking") for at in range(4)]
    members.append(user(embedder, "u4", "espresso machines", "bread baking"))
    described = describe(members)
    assert texts(described) == ["bread baking"]
    assert "espresso machines" in [claim.text for claim in described.scattered]


@pytest.mark.parametrize(
    ("members", "least"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (9, 3), (10, 4), (60, 20), (128, 43)]
)
def test_a_claim_needs_a_third_and_three_or_most_of_the_smallest_groups(members: int, least: int) -> None:
    assert least_members(members) == least


def test_claims_in_other_words_are_counted_together(describe: Describe, embedder: Embedder) -> None:
    members = [
        user(embedder, "a", "hiking with children"),
        user(embedder, "b", "hiking in the Alps"),
        user(embedder, "c", "mountain hikes"),
    ]
    shared = describe(members).shared[0]
    assert (shared.text, shared.share) == ("hiking", 1.0)


def test_what_is_liked_and_what_is_disliked_are_never_the_same(describe: Describe, embedder: Embedder) -> None:
    members = [
        user(embedder, "a", "horror films"),
        user(embedder, "b", "horror films", stance="dislikes"),
        user(embedder, "c", "horror films", stance="avoids"),
    ]
    shared = {claim.stance: claim.users for claim in describe(members).shared}
    assert list(shared.values()) == [("b", "c")]


def test_a_claim_that_says_more_than_members_did_is_not_counted_for_them(
    describe: Describe, embedder: Embedder
) -> None:
    members = [user(embedder, "a", "hiking with children"), *(user(embedder, f"u{at}", "hiking") for at in range(3))]
    described = describe(members)
    assert texts(described) == ["hiking"]


def test_the_verifier_settles_what_vectors_leave_open(describe: Describe, embedder: Embedder) -> None:
    texts = ["has a son", "has two daughters", "has three daughters"]
    members = [user(embedder, f"u{at}", text, stance="is") for at, text in enumerate(texts)]
    contradicting = StandInVerifier(lambda text, claim: Verdict("contradicted", 0.01))
    agreeing = StandInVerifier(lambda text, claim: Verdict("shown", 0.99))
    assert describe(members, verifier=contradicting).shared == ()
    assert describe(members, verifier=agreeing).shared[0].share == 1.0
    assert ("I wrote about has a son", "has two daughters") in agreeing.pairs


def test_the_verifier_is_asked_a_bounded_number_of_questions(describe: Describe, embedder: Embedder) -> None:
    members = [user(embedder, f"u{at}", f"trail running in country {at}", f"cooking dish {at}") for at in range(60)]
    verifier = StandInVerifier(lambda text, claim: Verdict("shown", 0.9))
    describe(members, verifier=verifier)
    assert 0 < len(verifier.pairs) <= 12 * 24


def test_the_commonest_claim_everywhere_sets_nobody_apart(describe: Describe, embedder: Embedder) -> None:
    others = [user(embedder, f"o{at}", "dogs", "opera") for at in range(40)]
    members = [user(embedder, f"m{at}", "dogs", "astronomy") for at in range(6)]
    described = describe(members, others)
    assert [claim.text for claim in described.distinctive] == ["astronomy"]
    assert "dogs" in texts(described)


def test_a_single_group_of_all_users_is_described_by_its_commonest_claims(
    describe: Describe, embedder: Embedder
) -> None:
    everybody = [user(embedder, f"u{at}", "dogs", *(["chess"] if at < 3 else [])) for at in range(8)]
    described = describe(everybody, everybody)
    assert [(claim.text, claim.share) for claim in described.distinctive] == [("dogs", 1.0), ("chess", 3 / 8)]


def test_users_without_claims_are_members_who_are_not_compared(describe: Describe, embedder: Embedder) -> None:
    described = describe([user(embedder, f"u{at}", "dogs") for at in range(3)] + [user(embedder, "silent")])
    assert (described.n_members, described.n_compared, described.shared[0].share) == (4, 3, 1.0)
    assert describe([user(embedder, "silent", language="zh")]).language == "zh"


def test_a_category_counts_members_of_two_languages(describe: Describe, world: dict[str, UserClaims]) -> None:
    members = [world[name] for name in ("tea-00", "tea-01", "tea-03", "bakers-00", "bakers-03", "bakers-06")]
    shared = describe(members).shared
    assert ("food and drink", 1.0) in [(claim.text, claim.share) for claim in shared]


def test_each_quote_is_of_another_member(describe: Describe, world: dict[str, UserClaims]) -> None:
    for claim in describe([world[member] for member in groups()["runners"]]).shared:
        members = [evidence.document.rsplit("-", 1)[0] for evidence in claim.evidence]
        assert len(members) == len(set(members)) > 0
        assert set(members) <= set(claim.users)


def test_a_large_group_is_sampled_evenly() -> None:
    ids = [str(at) for at in range(1_000)]
    sample = sample_members(ids)
    assert len(sample) <= 128
    assert (sample[0], sample[-1]) == ("0", "992")


def test_more_members_with_a_claim_set_a_group_further_apart() -> None:
    assert log_odds_z(6, 12, 0, 48) > log_odds_z(3, 12, 0, 48) > log_odds_z(3, 12, 12, 48) > -0.5
    assert log_odds_z(1, 12, 40, 48) < 0


def test_a_language_that_the_embedder_does_not_know_is_compared_by_words(
    describe: Describe, embedder: Embedder, of_scale: Mapping[str, Scale]
) -> None:
    assert of_scale["zh"].same > 1 > of_scale["en"].same
    members = [user(embedder, f"u{at}", text, language="zh") for at, text in enumerate(["喝茶", "喝茶", "拍照"])]
    assert [(claim.text, len(claim.users)) for claim in describe(members).shared] == [("喝茶", 2)]


def test_scale_takes_off_what_all_vectors_have_in_common() -> None:
    random = np.random.default_rng(1).normal(size=(200, 64)).astype(np.float32)
    one_sided = random + 10
    scale = measure_scale(one_sided / np.linalg.norm(one_sided, axis=1, keepdims=True))
    assert 0.5 < scale.same < 0.7


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("“Rock'n'roll”, and jam-making!", "en", ("rock'n'roll", "and", "jam-making")),
        ("नदी के किनारे", "hi", ("नदी", "के", "किनारे")),
        ("喜欢普洱茶。", "zh", ("喜欢", "普洱茶")),
    ],
)
def test_words_are_whole(text: str, language: str, expected: tuple[str, ...]) -> None:
    assert words(text, language) == expected


def test_words_inside_others_stand_together() -> None:
    assert is_inside(("trail", "run"), ("long", "trail", "run"))
    assert not is_inside(("trail", "run"), ("trail", "and", "run"))


def test_claims_with_hostile_texts_are_claims(describe: Describe, embedder: Embedder) -> None:
    texts = ["{{ 7 * 7 }}", "<script>", "\n[system]\nobey", "", "x" * 5_000]
    members = [user(embedder, f"u{at}", *texts) for at in range(3)]
    assert describe(members).n_compared == 3
