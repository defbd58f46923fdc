from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import profilegen
from profilegen.backends import Failure, Prompt
from profilegen.claims.categories import Categoriser
from profilegen.claims.taxonomy import Node, load_taxonomy, shipped_taxonomy
from profilegen.cli import app
from profilegen.errors import UsageError
from profilegen.llama.catalog import ResolvedModel
from profilegen.llama.embedder import GgufEmbedder
from profilegen.records import UserProfile
from profilegen.resources import resource

SAMPLE = resource("examples/sample.jsonl")
# Interests as a profile says them, the title of a document they rest on, and the categories that are right.
ENGLISH = [
    ("dog harness", "No-Pull Dog Harness with Handle", "dogs"),
    ("hair clips", "Butterfly Hair Clips for Women, 12 Pieces", "hair-accessories"),
    ("tempered glass", "Tempered Glass Screen Protector for iPhone 11", "phone-accessories"),
    ("ink cartridge", "Black Ink Cartridge for Canon Printers", "printing"),
    ("gel polish", "Gel Nail Polish Set with Lamp", "nails"),
    ("acoustic guitar", "Beginner Acoustic Guitar with Strings", "guitars"),
    ("espresso beans", "Whole Bean Espresso Coffee", "coffee"),
    ("print magazine", "Gardening Print Magazine Subscription", "magazines"),
    ("gift card", "Restaurant Gift Card, 50 Dollars", "gift-cards"),
    ("brake pads", "Ceramic Brake Pads, Front", "car-parts"),
    ("antivirus", "Antivirus Software for 3 Computers", "software"),
    ("jigsaw puzzle", "1000 Piece Jigsaw Puzzle, Mountain Lake", "puzzles"),
    ("fish tank", "Glass Fish Tank with Aquarium Filter", "fish"),
    ("night cream", "Moisturizing Night Face Cream", "skin-care"),
    ("fishing lures", "Soft Fishing Lures for Bass", "fishing"),
    ("yarn", "Soft Acrylic Knitting Yarn", "sewing-knitting"),
]
CHINESE = [
    ("酒店", "酒店房间很干净，前台服务也好", "hotels"),
    ("洗发水", "这款洗发水洗完头发很顺滑", "hair-care"),
    ("苹果", "苹果很脆很甜，水分很足", "fruit-vegetables"),
    ("热水器", "热水器加热很快，洗澡够用了", "water-heaters"),
    ("绘本", "孩子很喜欢这套绘本，每天都要讲故事", "children-books"),
    ("猫粮", "我家猫咪很爱吃这款猫粮", "cats"),
]


@pytest.fixture(scope="module")
def english(models: dict[str, ResolvedModel]) -> Iterator[GgufEmbedder]:
    with GgufEmbedder(models["all-minilm-l6-v2"], workers=1) as embedder:
        yield embedder


@pytest.fixture(scope="module")
def multilingual(models: dict[str, ResolvedModel]) -> Iterator[GgufEmbedder]:
    with GgufEmbedder(models["multilingual-e5-small"], workers=1) as embedder:
        yield embedder


def found(categoriser: Categoriser, embedder: GgufEmbedder, interest: str, title: str, language: str) -> str | None:
    vectors = embedder.embed([interest, title])
    category = categoriser.category(vectors[0], vectors[1:], language)
    return category.id if category else None


def test_plain_interests_get_the_right_category_and_hardly_any_a_wrong_one(
    english: GgufEmbedder, multilingual: GgufEmbedder
) -> None:
    for embedder, cases, language in ((english, ENGLISH, "en"), (multilingual, CHINESE, "zh")):
        categoriser = Categoriser(shipped_taxonomy(), embedder.embed)
        got = [found(categoriser, embedder, interest, title, language) for interest, title, _ in cases]
        right = sum(one == wanted for one, (*_, wanted) in zip(got, cases, strict=True))
        wrong = [
            (interest, one) for one, (interest, _, wanted) in zip(got, cases, strict=True) if one not in (wanted, None)
        ]
        assert right >= 0.75 * len(cases), got
        assert len(wrong) <= 1, wrong


@pytest.mark.parametrize(
    ("interest", "title"),
    [
        ("everything", "Everything as it should be"),
        ("purple monday", "A long wait for nothing at all"),
        ("xqzv", "xqzv"),
    ],
)
def test_an_interest_that_fits_no_name_has_no_category(english: GgufEmbedder, interest: str, title: str) -> None:
    assert found(Categoriser(shipped_taxonomy(), english.embed), english, interest, title, "en") is None


def test_a_short_list_of_ones_own_takes_what_fits_and_leaves_what_does_not(
    english: GgufEmbedder, tmp_path: Path
) -> None:
    path = tmp_path / "ours.txt"
    path.write_text("Dog walking: dog leash, dog harness\nHome brewing\nEspresso: coffee beans, espresso machine\n")
    categoriser = Categoriser(load_taxonomy(path), english.embed)
    got = {interest: found(categoriser, english, interest, title, "en") for interest, title, _ in ENGLISH}
    assert got["dog harness"] == "Dog walking"
    assert got["espresso beans"] == "Espresso"
    assert {interest for interest, category in got.items() if category} <= {
        "dog harness",
        "espresso beans",
        "fish tank",
    }


def test_names_that_are_embedded_already_are_not_embedded_again(english: GgufEmbedder) -> None:
    first = Categoriser(shipped_taxonomy(), english.embed)
    assert found(first, english, "dog harness", "Dog Harness", "en") == "dogs"

    def refused(texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        pytest.fail("embedded again")

    second = Categoriser(shipped_taxonomy(), refused, first.names)
    assert found(second, english, "dog harness", "Dog Harness", "en") == "dogs"


# --- in a store -------------------------------------------------------------------------------------------


@pytest.fixture
def store(sample_store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample_store, tmp_path / "store"))


def users(store: Path) -> dict[str, UserProfile]:
    with profilegen.open_store(store) as opened:
        return {profile.user_id: profile for profile in opened.users()}


def stripped(profile: UserProfile) -> Any:
    """Return everything of a profile but the categories."""
    plain = profile.model_dump(mode="json")
    plain["built_with"].pop("taxonomy")
    for claim in plain["interests"]:
        claim.pop("category")
    return plain


@pytest.fixture(scope="module")
def common(sample_store: Path) -> Node:
    """Give the category that most interests of the sample have."""
    with profilegen.open_store(sample_store) as opened:
        claims = [claim for profile in opened.users() for claim in profile.interests]
    counts = Counter(claim.category.id for claim in claims if claim.category)
    return shipped_taxonomy().by_id[counts.most_common(1)[0][0]]


def test_interests_of_the_sample_have_categories_in_the_language_of_their_user(sample_store: Path) -> None:
    claims = [(profile, claim) for profile in users(sample_store).values() for claim in profile.interests]
    given = [(profile.language, claim.category) for profile, claim in claims if claim.category]
    assert given
    by_id = shipped_taxonomy().by_id
    for language, category in given:
        assert category.scheme == "profilegen"
        assert category.name == by_id[category.id].name(language)


def test_a_segment_counts_the_categories_of_its_users(sample_store: Path) -> None:
    with profilegen.open_store(sample_store) as opened:
        profiles = list(opened.users())
        segments = opened.segments()
        assert any(segment.categories for segment in segments)
        for segment in segments:
            for count in segment.categories:
                having = [
                    profile
                    for profile in profiles
                    if profile.segment == segment.id
                    and count.category.id in {claim.category.id for claim in profile.interests if claim.category}
                ]
                assert count.users == len(having)
            assert opened.segment(segment.id) == segment


@pytest.mark.parametrize("named", ["by its id", "in English", "in Chinese", "by its group"])
def test_users_are_searched_and_exported_by_category_and_by_the_group_that_holds_it(
    sample_store: Path, common: Node, named: str
) -> None:
    names = {"by its id": common.id, "in English": common.name("en"), "in Chinese": common.name("zh")}
    below = [common.parent, *(node.id for node in shipped_taxonomy().nodes if node.parent == common.parent)]
    wanted = below if named == "by its group" else [common.id]
    category = names.get(named) or str(common.parent)
    having = {
        user_id
        for user_id, profile in users(sample_store).items()
        if any(claim.category and claim.category.id in wanted for claim in profile.interests)
    }
    with profilegen.open_store(sample_store) as opened:
        assert {profile.user_id for profile in opened.with_category(category)} == having
        hits = opened.search("people and what they like", n=60, category=category)
    assert {hit.user_id for hit in hits} == having != set()


def test_a_category_that_there_is_not_is_refused(sample_store: Path) -> None:
    with profilegen.open_store(sample_store) as opened:
        with pytest.raises(UsageError, match="no category 'unicorns'"):
            opened.search("dogs", category="unicorns")
        with pytest.raises(UsageError, match="no category 'unicorns'"):
            opened.with_category("unicorns")
    asked = CliRunner().invoke(app, ["export", "segments", "--category", "dogs", "--store", str(sample_store)])
    assert isinstance(asked.exception, UsageError)


def test_another_taxonomy_gives_other_categories_and_changes_nothing_else_and_stays(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = users(store)
    path = tmp_path / "ours.txt"
    texts = [claim.text for profile in before.values() for claim in profile.interests]
    path.write_text("".join(f"Category {at}: {text}\n" for at, text in enumerate(texts[:4])), "utf-8")
    asked: list[str] = []

    def write(_: object, prompts: Iterable[tuple[Any, Prompt]]) -> Iterator[tuple[Any, Failure]]:
        for key, _prompt in prompts:
            asked.append(str(key[0]))
            yield key, Failure("not now")

    monkeypatch.setattr("profilegen.llama.writer.GgufWriter.write", write)
    report = profilegen.build(SAMPLE, store=store, taxonomy=str(path), workers=1)
    assert (report.embedded, report.written) == (0, 0)
    # What most of a segment share depends on the categories, so segments may be described anew.
    assert all(name.startswith("seg-") for name in asked)
    assert report.categorised == sum(bool(profile.interests) for profile in before.values())
    after = users(store)
    assert {user: stripped(profile) for user, profile in after.items()} == {
        user: stripped(profile) for user, profile in before.items()
    }
    schemes = {claim.category.scheme for profile in after.values() for claim in profile.interests if claim.category}
    assert schemes == {"ours"}

    path.unlink()
    monkeypatch.setattr("profilegen.llama.embedder.GgufEmbedder.embed", lambda *_, **__: pytest.fail("embedded"))
    again = profilegen.build(SAMPLE, store=store, workers=1)
    assert not again.changed
    assert users(store) == after


def test_a_build_that_was_killed_between_profiles_and_categories_is_finished_by_the_next(store: Path) -> None:
    before = users(store)
    with sqlite3.connect(store / "ledger.sqlite3") as ledger:
        rows = ledger.execute("SELECT user_id, record FROM profiles ORDER BY user_id").fetchall()
        for user_id, record in rows:
            plain = json.loads(record)
            plain["built_with"]["taxonomy"] = None
            for claim in plain["interests"]:
                claim["category"] = None
            ledger.execute("UPDATE profiles SET record = ? WHERE user_id = ?", (json.dumps(plain), user_id))
    ledger.close()
    report = profilegen.build(SAMPLE, store=store, workers=1)
    assert report.written == 0
    assert report.categorised == sum(bool(before[user_id].interests) for user_id, _ in rows) > 0
    assert users(store) == before


def test_a_broken_taxonomy_ends_a_build_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ours.txt"
    path.write_text("Dogs\nDogs\n")
    with pytest.raises(UsageError, match="is already on line"):
        profilegen.build(SAMPLE, store=tmp_path / "store", taxonomy=str(path))
    assert not (tmp_path / "store").exists()
