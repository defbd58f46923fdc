from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from profilegen.claims.taxonomy import shipped_taxonomy
from profilegen.profiles.summaries import compose
from profilegen.records import Behaviour, BuiltWith, Category, Claim, Evidence, UserProfile
from profilegen.segments.description import Sketch, new_id, sketch
from profilegen.vectors import Vectors

BUILT_WITH = BuiltWith(embedder="e", writer="w", prompt="p", summary="template")
DIMS = 64


def unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / np.linalg.norm(vector, axis=-1, keepdims=True), np.float32)


def stand_in_embed(texts: Sequence[str]) -> Vectors:
    """No model: a text is the sum of a random unit vector for each of its words, or characters if Chinese."""
    rows = []
    for text in texts:
        words = text.split() if text.isascii() else list(text)
        seeds = [int.from_bytes(hashlib.sha256(word.rstrip("s").encode()).digest()[:4]) for word in words]
        rows.append(sum(np.random.default_rng(seed).normal(size=DIMS) for seed in seeds))
    return unit(np.array(rows, np.float32))


def claim(user_id: str, text: str, support: float) -> Claim:
    return Claim(text=text, support=support, evidence=(Evidence(document=f"{user_id}-d", quote=f"my {text}"),))


def user(
    user_id: str,
    *interests: str,
    values: Sequence[str] = (),
    lifestyle: Sequence[str] = (),
    language: str = "en",
    support: float = 0.5,
) -> UserProfile:
    return UserProfile(
        user_id=user_id,
        status="ok" if interests or values else "insufficient",
        language=language,
        claims={
            kind: tuple(claim(user_id, text, support) for text in texts)
            for kind, texts in (("interest", interests), ("value", values), ("lifestyle", lifestyle))
        },
        behaviour=Behaviour(documents=1),
        built_with=BUILT_WITH,
    )


def sketched(groups: dict[str, list[UserProfile]], about: dict[str, str] | None = None) -> dict[str, Sketch]:
    """Describe segments; a user's vector is near that of the interests, or of what the segment is about."""
    profiles = [profile for group in groups.values() for profile in group]
    segment_of = {profile.user_id: segment_id for segment_id, group in groups.items() for profile in group}
    noise = 0.1 * unit(np.random.default_rng(0).normal(size=(len(profiles), DIMS)).astype(np.float32))
    told = [
        (about or {}).get(segment_of[profile.user_id])
        or " ".join(claim.text for claim in profile.interests)
        or segment_of[profile.user_id]
        for profile in profiles
    ]
    vectors = unit(stand_in_embed(told) + noise)
    found = sketch(
        profiles, segment_of, [profile.user_id for profile in profiles], vectors, stand_in_embed, shipped_taxonomy()
    )
    return {row.segment_id: row for row in found}


def group(prefix: str, n: int, *interests: str, **fields: Sequence[str]) -> list[UserProfile]:
    return [user(f"{prefix}{number}", *interests, **fields) for number in range(n)]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pets_and_hair() -> dict[str, Sketch]:
    """Give two segments; of the first, three of four care about price, of the second nobody."""
    pets = [
        *group("pet", 3, "training treats", "dog leash", values=["value for money"], lifestyle=["has a dog"]),
        user("pet9", "liver training treats", values=["comfort"]),
    ]
    hair = group("hair", 6, "butterfly hair clips", "curling iron", values=["comfort"])
    return sketched({"seg-pets": pets, "seg-hair": hair})


def test_a_value_counts_whatever_the_users_look_for_it_in() -> None:
    fond = group("fond", 3, "dog leash")
    said = [Claim(text=f"comfort ({thing})", name="comfort", support=0.5, evidence=()) for thing in ("bed", "coat")]
    fond = [user.with_claims({"value": (said[at % 2],)}) for at, user in enumerate(fond)]
    found = sketched({"seg-fond": fond, "seg-hair": group("hair", 3, "hair clips")})
    assert [(claim.text, claim.support) for claim in found["seg-fond"].claims["value"]] == [("comfort", 1.0)]


def test_the_largest_segment_comes_first(pets_and_hair: dict[str, Sketch]) -> None:
    assert list(pets_and_hair) == ["seg-hair", "seg-pets"]


def test_with_a_stand_in_embedder_a_segment_claims_what_its_members_do(pets_and_hair: dict[str, Sketch]) -> None:
    pets, hair = pets_and_hair["seg-pets"], pets_and_hair["seg-hair"]
    assert {interest.text for interest in pets.claims["interest"]} == {"training treats", "dog leash"}
    assert {interest.text for interest in hair.claims["interest"]} == {"butterfly hair clips", "curling iron"}


def test_the_evidence_of_every_claim_and_every_exemplar_is_of_a_member(pets_and_hair: dict[str, Sketch]) -> None:
    for found in pets_and_hair.values():
        own = {f"{member}-d" for member in found.members}
        claims = [*found.claims["interest"], *found.claims["value"], *found.claims["lifestyle"]]
        assert claims
        assert all(claim.evidence for claim in claims)
        assert {evidence.document for claim in claims for evidence in claim.evidence} <= own
        assert found.exemplars
        assert set(found.exemplars) <= own


def test_the_support_of_a_trait_is_the_share_of_members_that_have_it(pets_and_hair: dict[str, Sketch]) -> None:
    pets = pets_and_hair["seg-pets"]
    assert [(value.text, value.support) for value in pets.claims["value"]] == [("value for money", 0.75)]
    assert [(trait.text, trait.support) for trait in pets.claims["lifestyle"]] == [("has a dog", 0.75)]


def test_a_trait_that_is_as_usual_elsewhere_is_not_told() -> None:
    groups = {name: group(name, 4, name, values=["comfort"]) for name in ("tea", "dogs")}
    assert [found.claims["value"] for found in sketched(groups).values()] == [(), ()]


def test_a_trait_of_few_members_is_not_told() -> None:
    pets = [*group("p", 19, "dog leash"), user("p99", "dog leash", values=["comfort"])]
    assert sketched({"a": pets, "b": group("h", 20, "hair clips")})["a"].claims["value"] == ()


def test_a_segment_that_is_alone_tells_the_traits_of_its_members() -> None:
    (found,) = sketched({"a": group("p", 4, "dog leash", values=["comfort"])}).values()
    assert [(value.text, value.support) for value in found.claims["value"]] == [("comfort", 1.0)]


def test_with_a_stand_in_embedder_the_support_of_an_interest_is_the_share_of_members_near_it() -> None:
    # Half of the segment wrote of leashes, the others of something else; users at large write of anything.
    pets = [*group("p", 5, "dog leash"), *group("q", 5, "fish tank")]
    others = [user(f"o{number}", f"thing{number} tool{number}") for number in range(40)]
    found = sketched({"pets": pets, "others": others})["pets"]
    assert {interest.text: interest.support for interest in found.claims["interest"]} == {
        "dog leash": 0.5,
        "fish tank": 0.5,
    }


def test_the_evidence_shown_first_is_that_of_the_best_supported_claim() -> None:
    users = [user(f"p{number}", "dog leash", support=number / 10) for number in (2, 9, 5)]
    (found,) = sketched({"a": users}).values()
    assert [evidence.document for evidence in found.claims["interest"][0].evidence] == ["p9-d", "p5-d", "p2-d"]


def test_members_are_all_users_of_the_segment_the_most_typical_first() -> None:
    users = [*group("p", 5, "dog leash"), user("odd", "fish tank")]
    (found,) = sketched({"a": users}).values()
    assert set(found.members) == {profile.user_id for profile in users}
    assert found.members[-1] == "odd"
    assert np.linalg.norm(found.centroid) == pytest.approx(1)


def test_the_name_joins_the_first_phrases_in_the_way_of_the_language() -> None:
    english = group("e", 3, "dog leash", "fish tank")
    chinese = group("c", 3, "蓝牙耳机", "手机保护壳", language="zh")
    found = sketched({"en": english, "zh": chinese})
    assert found["en"].language == "en"
    assert set(found["en"].name.casefold().split(", ")) == {"dog leash", "fish tank"}
    assert found["en"].name[0].isupper()
    assert found["zh"].language == "zh"
    assert "、" in found["zh"].name
    assert "耳机" in found["zh"].name
    assert not set(found["zh"].name) & set(", ")


def test_no_keyphrase_repeats_the_words_of_another() -> None:
    users = group("p", 4, "liver training treats", "training treats", "dog leash", "long dog leash")
    (found,) = sketched({"a": users}).values()
    assert sorted(phrase.split()[-1] for phrase in found.keyphrases) == ["leash", "treats"]


def test_a_phrase_that_differs_in_inflection_only_is_counted_as_one() -> None:
    users = [*group("p", 3, "dog leash"), *group("q", 2, "dog leashes")]
    (found,) = sketched({"a": users}).values()
    assert found.keyphrases == ("dog leash",)


def test_with_a_stand_in_embedder_two_segments_with_the_same_words_are_told_apart_by_their_vectors() -> None:
    words = ("dog leash", "fish tank")
    found = sketched(
        {"a": group("p", 4, *words), "b": group("q", 4, *words)}, about={"a": "dog leash", "b": "fish tank"}
    )
    assert found["a"].name == "Dog leash, fish tank"
    assert found["b"].name == "Fish tank, dog leash"


def test_two_segments_that_nothing_tells_apart_still_have_two_names() -> None:
    found = sketched({name: group(name, 3, "dog leash") for name in ("a", "b", "c")})
    assert [row.name for row in found.values()] == ["Dog leash", "Dog leash (2)", "Dog leash (3)"]


@pytest.mark.parametrize(("language", "name"), [("en", "Others"), ("zh", "其他"), ("de", "Others")])
def test_a_segment_without_any_claim_has_a_name_and_a_summary(language: str, name: str) -> None:
    silent = [user(f"s{number}", language=language) for number in range(3)]
    found = sketched({"silent": silent, "pets": group("p", 3, "dog leash")})["silent"]
    assert found.name == name
    assert not any((found.claims["interest"], found.claims["value"], found.keyphrases, found.exemplars))
    segment = found.segment(compose(found.summary_input()), BUILT_WITH)
    assert segment.summary == ("共同点不多的人。" if language == "zh" else "People with little in common.")
    assert segment.size == len(segment.members) == 3


def test_a_new_id_depends_on_the_members_and_not_on_their_order() -> None:
    assert new_id(["a", "b"]) == new_id(["b", "a"])
    assert len({new_id(members) for members in (["a"], ["b"], ["ab"], ["a", "b"], ["\ud800"])}) == 5


def of_kind(profile: UserProfile, *categories: str) -> UserProfile:
    """Give the interests of a profile these categories of the list that ships."""
    names = shipped_taxonomy().by_id
    given = [Category(scheme="profilegen", id=node, name=names[node].name("en")) for node in categories]
    told = zip(profile.interests, given, strict=True)
    return profile.with_claims({"interest": [claim.model_copy(update={"category": node}) for claim, node in told]})


def test_a_segment_is_called_after_the_group_of_its_categories_and_the_categories_that_many_have() -> None:
    sport = ["running", "fitness", "cycling", "fishing"]
    found = sketched(
        {
            "s1": [of_kind(user(f"a{n}", f"thing {n}"), sport[n]) for n in range(4)],
            "s2": [of_kind(user(f"b{n}", f"leash {n}", f"litter {n}"), "dogs", "cats") for n in range(4)],
            "s3": [of_kind(user(f"c{n}", f"lamp {n}", f"drill {n}"), "lighting", "hand-tools") for n in range(4)],
            "s4": [of_kind(user(f"d{n}", "garden hose", "tent"), "plants", sport[n]) for n in range(1)]
            + [user(f"d{n}", "garden hose") for n in range(1, 6)],
        }
    )
    assert [found[name].name for name in ("s1", "s2")] == ["Sport", "Pets: Cats · Dogs"]
    assert found["s3"].name == "Tools and building · Home: Tools · Lighting"
    assert found["s4"].name.startswith("Garden hose")  # what one of six has is an accident


def test_segments_of_one_category_are_told_apart_by_a_phrase() -> None:
    found = sketched(
        {
            name: [of_kind(user(f"{name}{n}", thing), "dogs") for n in range(3)]
            for name, thing in (("a", "dog leash"), ("b", "dog crate"))
        }
        | {"c": [of_kind(user(f"c{n}", "tent"), "camping") for n in range(3)]}
    )
    assert found["a"].name == "Pets: Dogs"
    assert found["b"].name == "Pets: Dogs (dog crate)"


def test_a_category_that_the_taxonomy_does_not_have_names_no_segment() -> None:
    strange = Category(scheme="another", id="another-1", name="Another")
    kept = [user(f"a{n}", "dog leash") for n in range(3)]
    found = sketched(
        {
            "a": [
                profile.with_claims(
                    {"interest": [c.model_copy(update={"category": strange}) for c in profile.interests]}
                )
                for profile in kept
            ],
            "b": [user(f"b{n}", "tent") for n in range(3)],
        }
    )
    assert found["a"].name == "Dog leash"
