from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from profilegen.claims.traits import find_cued, load_traits
from profilegen.errors import UsageError
from profilegen.language.cleaning import clean
from profilegen.resources import prompts_dir

DATA = Path(__file__).parents[2] / "shared" / "data"
TRAITS = load_traits()
ENTRY = """
[[value]]
id = "price"
[value.en]
name = "value for money"
cues = ["price"]
examples = ["Good price."]
"""


def found(text: str, language: str) -> list[str]:
    return [trait.id for trait, _, _ in find_cued(text, language, TRAITS)]


def entry_file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "traits.toml"
    path.write_text(content, "utf-8")
    return path


@pytest.mark.parametrize(
    ("sentence", "traits"),
    [
        ("Way overpriced for what you get.", ["value-for-money"]),
        ("Well worth the money.", ["value-for-money"]),
        ("Cheaply made, it broke after a week.", ["quality"]),
        ("Mine has held up for years.", ["quality"]),
        ("The directions are confusing.", ["ease-of-use"]),
        ("So EASY-TO-USE!", ["ease-of-use"]),
        ("They are very comfy.", ["comfort"]),
        ("I love the color.", ["looks"]),
        ("Exactly as pictured.", ["as-described"]),
        ("The battery doesn’t last.", ["quality", "performance"]),
        ("My skin feels so soft.", ["results"]),
        ("It has no harsh chemicals.", ["safe-ingredients"]),
        ("The flavor is odd.", ["taste"]),
        ("Smells like soap.", ["scent"]),
        ("Arrived two weeks late.", ["delivery"]),
        ("Customer service never responded.", ["service"]),
        ("Compact and lightweight.", ["handy-size"]),
        ("Lots of pockets.", ["room"]),
        ("I couldn't put it down.", ["story"]),
        ("The sound quality is poor.", ["sound"]),
        ("Too loud to sleep next to.", ["quiet"]),
        ("It arrived dirty.", ["cleanliness"]),
        ("A counterfeit for sure.", ["genuine"]),
        ("Nice that it is recyclable.", ["environment"]),
        ("I learned a lot.", ["learning"]),
        ("It made me laugh.", ["fun"]),
        ("Blurry picture.", ["picture-quality"]),
        ("Great location.", ["location"]),
        ("My 4-year-old daughter wears it.", ["children"]),
        ("Bought it for our granddaughter.", ["grandchildren"]),
        ("My dog ate it.", ["dog"]),
        ("Both of my cats ignore it.", ["cat"]),
        ("My guinea pigs sleep in it.", ["other-pets"]),
        ("Bought as a gift for a friend.", ["gifts"]),
        ("I baked three loaves in it.", ["cooking"]),
        ("I planted these last spring.", ["gardening"]),
        ("I sew every day.", ["crafts"]),
        ("I replaced the faucet myself.", ["repairs"]),
        ("I wear them to the gym.", ["exercise"]),
        ("We took it camping.", ["outdoors"]),
        ("Used it on our camping trip.", ["outdoors"]),
        ("I travel a lot.", ["travel"]),
        ("I put it on my guitar.", ["instrument"]),
        ("I have read all of her books.", ["reading"]),
        ("It charges my Xbox controllers.", ["games"]),
        ("I work from home.", ["desk-work"]),
        ("My students use it.", ["teaching"]),
        ("I keep it in my car.", ["drives"]),
        ("My wife uses it.", ["partner"]),
        ("A present for my mother.", ["gifts", "parents"]),
    ],
)
def test_an_english_sentence_carries_the_traits_of_its_cues(sentence: str, traits: list[str]) -> None:
    assert found(sentence, "en") == traits


@pytest.mark.parametrize(
    "sentence",
    [
        "Great toothbrush.",
        "I care about the card.",
        "These dog treats come in a bag.",
        "A bed for large dogs.",
        "I ate a hot dog.",
        "My neighbor's dog barks.",
        "My sister's son was born.",
        "My friend and her son came.",
        "My friend has a daughter.",
        "In the novel the king pays a terrible price.",
        "Her taste in men is hers.",
        "She has a sense of smell.",
        "The carpet arrived.",
        "I updated the software.",
        "He plays guitar.",
        "Her husband leaves town.",
        "A great deal of them came.",
        "The unreliable narrator returns.",
        "My reviews are honest, I receive no free products or discounts.",
        "Great for kids.",
        "It would make a great gift.",
        "",
    ],
)
def test_an_english_sentence_about_something_else_carries_none(sentence: str) -> None:
    assert found(sentence, "en") == []


@pytest.mark.parametrize(
    ("sentence", "traits"),
    [
        ("价格实惠。", ["value-for-money"]),
        ("做工精细，结实耐用。", ["quality"]),
        ("操作简单，老人也会。", ["ease-of-use"]),
        ("尺码偏小。", ["comfort"]),
        ("外观时尚大气。", ["looks"]),
        ("和描述的一样。", ["as-described"]),
        ("运行流畅。", ["performance"]),
        ("洗完头发很柔顺。", ["results"]),
        ("含有致癌物，不敢喝。", ["safe-ingredients"]),
        ("水分足，很甜。", ["taste"]),
        ("香味好闻。", ["scent"]),
        ("快递第二天就到。", ["delivery"]),
        ("客服态度很好。", ["service"]),
        ("小巧轻便。", ["handy-size"]),
        ("房间很大。", ["room"]),
        ("情节引人入胜。", ["story"]),
        ("音质不错。", ["sound"]),
        ("隔音太差。", ["quiet"]),
        ("房间很干净。", ["cleanliness"]),
        ("是正品。", ["genuine"]),
        ("材料环保。", ["environment"]),
        ("受益匪浅。", ["learning"]),
        ("很有趣。", ["fun"]),
        ("屏幕清晰。", ["picture-quality"]),
        ("交通方便。", ["location"]),
        ("我女儿天天看。", ["children"]),
        ("给孙子买的。", ["grandchildren"]),
        ("家里养了一只狗。", ["dog"]),
        ("我家猫不理它。", ["cat"]),
        ("家里养了几条鱼。", ["other-pets"]),
        ("买来送朋友。", ["gifts"]),
        ("周末自己烤面包。", ["cooking"]),
        ("在阳台种菜用。", ["gardening"]),
        ("绣十字绣用的。", ["crafts"]),
        ("是我自己安装的。", ["repairs"]),
        ("周末去打羽毛球。", ["exercise"]),
        ("周末去爬山。", ["outdoors"]),
        ("出差住了一晚。", ["travel"]),
        ("我每天练琴。", ["instrument"]),
        ("我从小喜欢看书。", ["reading"]),
        ("打游戏用。", ["games"]),
        ("买来办公用。", ["desk-work"]),
        ("我的学生喜欢。", ["teaching"]),
        ("我开车过去。", ["drives"]),
        ("我老公穿着正好。", ["partner"]),
        ("给老爸买。", ["parents"]),
    ],
)
def test_a_chinese_sentence_carries_the_traits_of_its_cues(sentence: str, traits: list[str]) -> None:
    assert found(sentence, "zh") == traits


@pytest.mark.parametrize(
    "sentence",
    [
        "一个小时以后。",
        "卫生间在左边。",
        "珍贵的回忆。",
        "贵州很远。",
        "他直击心脏的话。",
        "二手烟。",
        "哈曼卡顿。",
        "别说脏话。",
        "她的老公回来了。",
        "他的儿子长大了。",
        "不错。",
    ],
)
def test_a_chinese_sentence_about_something_else_carries_none(sentence: str) -> None:
    assert found(sentence, "zh") == []


def test_spans_are_those_of_the_sentences_that_hold_a_cue() -> None:
    text = "It came. Great price!\nMy dog likes it, the price too."
    hits = [(trait.id, text[start:end]) for trait, start, end in find_cued(text, "en", TRAITS)]
    assert hits == [
        ("value-for-money", "Great price!"),
        ("value-for-money", "My dog likes it, the price too."),
        ("dog", "My dog likes it, the price too."),
    ]


def test_a_cue_that_runs_over_the_end_of_a_sentence_does_not_count() -> None:
    assert found("my\ndog", "en") == []


@pytest.mark.parametrize("language", ["de", "und", "ja", ""])
def test_a_language_without_cues_gives_nothing(language: str) -> None:
    assert found("Great price, my dog says. 价格实惠。", language) == []


def test_every_trait_finds_most_of_its_own_examples() -> None:
    for trait in TRAITS:
        for language, examples in trait.examples.items():
            hits = [example for example in examples if trait.id in found(example, language)]
            assert len(hits) >= len(examples) - 1, (trait.id, language, set(examples) - set(hits))


def test_every_shipped_trait_speaks_english_and_chinese_and_has_three_to_five_examples() -> None:
    for trait in TRAITS:
        assert set(trait.names) == set(trait.cues) == set(trait.examples) == {"en", "zh"}
        assert all(3 <= len(examples) <= 5 for examples in trait.examples.values())


@pytest.mark.parametrize(
    "text",
    [
        "my " * 100_000,
        "so very " * 50_000,
        "(.*)+[a-z]{1,9}$^\\b " * 20_000,
        "a" * 500_000,
        "故事" * 100_000,
        "\x00\u202e\ud800" * 50_000,
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_text_ends_and_gives_nothing(text: str, language: str) -> None:
    assert found(text, language) == []


def test_a_cue_matches_whole_words_any_ending_alternatives_and_described_nouns(tmp_path: Path) -> None:
    cues = '["car", "scent*", "big/small bag", "my ... son"]'
    traits = load_traits(entry_file(tmp_path, ENTRY.replace('["price"]', cues)))

    def holds(text: str) -> bool:
        return any(find_cued(text, "en", traits))

    assert all(map(holds, ["The CAR.", "car-sick", "scents", "Scented", "small  bag", "my son", "my big old son"]))
    assert not any(map(holds, ["care", "scar", "scen", "big bags", "small", "my, son", "my friend's son"]))


def test_an_exception_takes_the_sentence_out(tmp_path: Path) -> None:
    traits = load_traits(entry_file(tmp_path, ENTRY + 'not = ["pay/pays the price"]\n'))
    text = "He pays the price. The price is fine."
    assert [text[start:end] for _, start, end in find_cued(text, "en", traits)] == ["The price is fine."]


def test_an_entry_may_be_in_any_one_language(tmp_path: Path) -> None:
    entry = ENTRY.replace("value.en", "value.de").replace('["price"]', '["preis*"]')
    (trait,) = load_traits(entry_file(tmp_path, entry))
    assert trait.names == {"de": "value for money"}
    assert [trait.id for trait, _, _ in find_cued("Die Preise sind gut.", "de", [trait])] == ["price"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[[value", "TOML"),
        ("[value]\n", r"\[\[value\]\]"),
        ("value = [1]\n", r"\[\[value\]\]"),
        ("[[valu]]\n", "valu"),
        ("[[lifestyle]]\n", "lifestyle number 1, id"),
        (ENTRY + ENTRY, "price"),
        (ENTRY.replace('["price"]', "[]"), "'price', en.cues"),
        (ENTRY.replace('["price"]', "[3]"), "'price', en.cues.0"),
        (ENTRY.replace('["price"]', '["(a|b)+"]'), r"'price', en, '\(a\|b\)\+'"),
        (ENTRY.replace('["price"]', '["pri*"]'), "four or more letters"),
        (ENTRY.replace('["price"]', '["... price"]'), "between words"),
        (ENTRY + 'not = ["*"]\n', r"'price', en, '\*'"),
        (ENTRY + 'note = "x"\n', "'price', en.note"),
        (ENTRY.replace("value for money", " "), "'price', en.name"),
        (ENTRY.replace("examples", "example"), "'price', en.example"),
        (ENTRY.replace("value.en", "value.english"), "'price', english: a language has two letters"),
        (ENTRY.replace('"price"', '"The Price"', 1), "'The Price', id"),
        ('[[value]]\nid = "price"\n', "'price', languages"),
    ],
)
def test_a_broken_entry_is_named(tmp_path: Path, content: str, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        load_traits(entry_file(tmp_path, content))


def test_an_id_that_two_files_have_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(prompts_dir(), tmp_path / "prompts")
    taken = ENTRY.replace("value", "lifestyle").replace("price", "quality", 1)
    (folder / "lifestyle.toml").write_text(taken, "utf-8")
    monkeypatch.setenv("PROFILEGEN_PROMPTS", str(folder))
    with pytest.raises(UsageError, match=r"lifestyle\.toml: the id 'quality' is taken by an entry in values\.toml"):
        load_traits()


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml"):
        load_traits(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"bytes\.toml"):
        load_traits(tmp_path / "bytes.toml")


@pytest.mark.parametrize(
    ("folder", "language", "with_value", "with_lifestyle"),
    [("amazon-reviews", "en", 0.8, 0.3), ("shopping-zh", "zh", 0.9, 0.2)],
)
def test_most_real_users_say_something_that_hints_at_a_value(
    folder: str, language: str, with_value: float, with_lifestyle: float
) -> None:
    path = DATA / folder / "reviews.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    kinds: dict[str, set[str]] = defaultdict(set)
    for line in path.read_text("utf-8").splitlines():
        review = json.loads(line)
        text = clean(f"{review.get('title') or ''}\n{review['text']}")
        kinds[review["user_id"]] |= {trait.kind for trait, _, _ in find_cued(text, language, TRAITS)}
    assert sum("value" in of_user for of_user in kinds.values()) / len(kinds) >= with_value
    assert sum("lifestyle" in of_user for of_user in kinds.values()) / len(kinds) >= with_lifestyle
