from __future__ import annotations

import json
from pathlib import Path

import pytest

from profilegen.claims.taxonomy import load_taxonomy, shipped_taxonomy, taxonomy_from_dict
from profilegen.errors import UsageError

IAB = Path(__file__).parents[2] / "shared" / "data" / "iab"
AUDIENCE = (
    "\tUnique ID\tParent ID\tCondensed Name\tTier 1\tTier 2\tTier 3\tTier 4\r\n"
    "\t1\t\tDemographic\tDemographic\t\t\t\r\n"
    "\t2\t1\tDemographic | Age\tDemographic\tAge\t\t\r\n"
    "\t9\t\tInterest\tInterest\t\t\t\r\n"
    "\t10\t9\tInterest | Pets\tInterest\tPets\t\t\r\n"
    "\t11\t10\tInterest | Pets | Dogs\tInterest\tPets\tDogs\t\r\n"
)
GOOGLE = (
    "# Google_Product_Taxonomy_Version: 2021-09-21\n"
    "1 - Animals & Pet Supplies\n"
    "2 - Animals & Pet Supplies > Pet Supplies\n"
    "4 - Animals & Pet Supplies > Pet Supplies > Cat Supplies\n"
)
PLAIN = "# our own\nPets > Dogs: dog leash, dog bed\nPets > Cats\n\nCoffee\tespresso; coffee beans\n钓鱼：鱼竿、鱼饵\n"


def written(tmp_path: Path, name: str, text: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_shipped_list_has_about_120_interests_in_both_languages_in_about_20_groups() -> None:
    taxonomy = shipped_taxonomy()
    interests = [node for node in taxonomy.nodes if node.parent]
    assert 110 <= len(interests) <= 140
    assert 18 <= len(taxonomy.nodes) - len(interests) <= 25
    for node in interests:
        assert set(node.names) == set(node.texts) == {"en", "zh"}
        assert all(3 <= len(texts) <= 7 for texts in node.texts.values())


def test_no_two_interests_of_the_shipped_list_have_the_same_name() -> None:
    for language in ("en", "zh"):
        names = [node.name(language) for node in shipped_taxonomy().nodes if node.parent]
        assert len(set(names)) == len(names)


def test_an_audience_taxonomy_keeps_its_ids_and_parents_and_takes_its_version_from_the_name(tmp_path: Path) -> None:
    taxonomy = load_taxonomy(written(tmp_path, "audience-taxonomy-1.1.tsv", AUDIENCE))
    assert taxonomy.scheme == "iab-audience-1.1"
    assert list(taxonomy.lineage("11")) == ["11", "10", "9"]
    assert taxonomy.by_id["11"].name("en") == "Dogs"
    assert taxonomy.by_id["11"].texts_in("en") == ["Dogs", "Pets, Dogs"]


def test_what_a_person_is_and_tiers_without_meaning_are_no_categories(tmp_path: Path) -> None:
    taxonomy = load_taxonomy(written(tmp_path, "a.tsv", AUDIENCE))
    assert {node.id for node in taxonomy.nodes if node.texts} == {"10", "11"}


@pytest.mark.parametrize(
    ("file", "scheme"),
    [("audience-taxonomy-1.1.tsv", "iab-audience-1.1"), ("content-taxonomy-3.1.tsv", "iab-content-3.1")],
)
def test_the_published_files_are_read_and_their_private_branches_left_out(file: str, scheme: str) -> None:
    if not IAB.is_dir():
        pytest.skip("the published files of IAB Tech Lab are not here")
    taxonomy = load_taxonomy(IAB / file)
    assert taxonomy.scheme == scheme
    assert len(taxonomy.nodes) > 700
    used = {taxonomy.by_id[above].name("en") for node in taxonomy.nodes if node.texts for above in [node.id]}
    assert used.isdisjoint({"Demographic", "Sensitive Topics", "Religion & Spirituality", "Politics", "Medical Health"})
    assert {"Pets"} <= used


def test_the_product_taxonomy_of_google_is_read_with_its_version(tmp_path: Path) -> None:
    taxonomy = load_taxonomy(written(tmp_path, "taxonomy-with-ids.en-US.txt", GOOGLE))
    assert taxonomy.scheme == "google-product-2021-09-21"
    assert list(taxonomy.lineage("4")) == ["4", "2", "1"]


def test_a_plain_list_may_have_examples_and_levels(tmp_path: Path) -> None:
    taxonomy = load_taxonomy(written(tmp_path, "ours.txt", PLAIN))
    assert taxonomy.scheme == "ours"
    assert [node.id for node in taxonomy.nodes] == ["Pets", "Pets > Dogs", "Pets > Cats", "Coffee", "钓鱼"]
    assert taxonomy.by_id["Pets > Dogs"].texts_in("en") == ["Dogs", "Pets, Dogs", "dog leash", "dog bed"]
    assert taxonomy.by_id["Coffee"].texts_in("zh") == ["Coffee", "espresso", "coffee beans"]
    assert taxonomy.by_id["钓鱼"].texts_in("zh") == ["钓鱼", "鱼竿", "鱼饵"]


@pytest.mark.parametrize(
    ("wanted", "found"), [("pets", {"Pets"}), ("DOGS", {"Pets > Dogs"}), ("Pets > Cats", {"Pets > Cats"}), ("x", set())]
)
def test_a_category_is_found_by_id_and_by_name_in_any_case(tmp_path: Path, wanted: str, found: set[str]) -> None:
    assert load_taxonomy(written(tmp_path, "ours.txt", PLAIN)).find(wanted) == found


def test_a_taxonomy_survives_json_and_its_hash_tells_every_change(tmp_path: Path) -> None:
    taxonomy = load_taxonomy(written(tmp_path, "ours.txt", PLAIN))
    assert taxonomy_from_dict(json.loads(json.dumps(taxonomy.to_dict()))).hash == taxonomy.hash
    changed = load_taxonomy(written(tmp_path, "ours.txt", PLAIN.replace("dog bed", "dog beds")))
    assert changed.hash != taxonomy.hash


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.tsv", AUDIENCE.replace("\t11\t10\t", "\t11\t77\t"), "a.tsv:6: its parent 77 is not in the file"),
        ("a.tsv", AUDIENCE.replace("\t11\t10\t", "\t10\t9\t"), "a.tsv:6: the id 10 is already on line 5"),
        ("a.tsv", AUDIENCE.replace("\t11\t10\t", "\t\t10\t"), "a.tsv:6: no id or no name"),
        ("a.tsv", "Unique ID\tName\n1\tDogs\n", "a.tsv:1: a taxonomy in TSV needs the columns"),
        ("g.txt", GOOGLE + "Cats\n", "g.txt:5: expected `ID - Name > Name`, got 'Cats'"),
        ("g.txt", GOOGLE + "5 - Shoes > Boots\n", "g.txt:5: no line above for 'Shoes'"),
        ("l.txt", "Dogs\nCats\nDogs\n", "l.txt:3: 'Dogs' is already on line 1"),
        ("l.txt", "Dogs > \n", "l.txt:1: a name is missing"),
        ("l.txt", "x" * 500, "l.txt:1: a name has more than 200 characters"),
        ("l.txt", "\n# nothing\n", "has no names"),
        ("l.txt", "\n".join(f"name {number}" for number in range(20_001)), "at most 20,000"),
        ("l.txt", b"\xff\xfe\x00D", "is not text in UTF-8"),
        ("t.toml", "group = 1", "has [[group]] tables"),
        ("t.toml", "[[group]]\nid =", "not valid TOML"),
        ("t.toml", '[[group]]\nid = "pets"\nen = "Pets"\n', "group 'pets', interests"),
        ("t.toml", '[[group]]\nid = "p"\nen = "P"\n[group.interests]\nd = { en = [] }\n', "group 'p', interests.d.en"),
        ("t.toml", '[[group]]\nid = "p"\nen = "P"\n[group.interests]\np = { en = ["D"] }\n', "'p' is there twice"),
    ],
)
def test_a_broken_file_is_refused_in_one_line_that_says_where(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        load_taxonomy(written(tmp_path, name, content))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the taxonomy"):
        load_taxonomy(tmp_path / "none.txt")


def test_a_circle_of_parents_ends(tmp_path: Path) -> None:
    circle = AUDIENCE.replace("\t10\t9\t", "\t10\t11\t")
    taxonomy = load_taxonomy(written(tmp_path, "a.tsv", circle))
    assert list(taxonomy.lineage("11")) == ["11", "10"]
