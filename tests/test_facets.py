import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from handmade_store import BUILT_WITH, write_store
from starlette.testclient import TestClient

from profilegen.errors import UsageError
from profilegen.publish.export import users_as_bytes
from profilegen.publish.report import report, sheet
from profilegen.records import KINDS, Behaviour, Claim, Decision, Document, Evidence, Segment, UserProfile, kind_named
from profilegen.records.facets import load_facets
from profilegen.resources import prompts_dir
from profilegen.review.app import make_app
from profilegen.store.store import open_store

BUDGET = """
[[facet]]
name = "budget"
about = "how much money the person can spend"
one_of = ["low", "middle", "high"]
claim = "has a {} budget"
strict = true

[[facet]]
name = "household"
key = "home"
heading = "Lives with"
about = "who lives in the home of the person"
"""


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of prompts with two facets more, which is in use."""
    folder = shutil.copytree(prompts_dir(), tmp_path / "prompts")
    with (folder / "facets.toml").open("a", encoding="utf-8") as file:
        file.write(BUDGET)
    monkeypatch.setenv("PROFILEGEN_PROMPTS", str(folder))
    return folder


@pytest.fixture
def facets_file(tmp_path: Path) -> Path:
    return Path(shutil.copy(prompts_dir() / "facets.toml", tmp_path / "facets.toml"))


def profile(**claims: str) -> UserProfile:
    quote = Evidence(document="ann-0", quote="a cheap tent")
    stated = {key: [Claim(text=text, support=0.5, evidence=(quote,))] for key, text in claims.items()}
    return UserProfile.model_validate(
        {"user_id": "ann", "status": "ok", "language": "en", "behaviour": Behaviour(documents=1)}
        | {"built_with": BUILT_WITH}
        | stated
    )


def store_with(folder: Path, **claims: str) -> Path:
    documents = [Document(id="ann-0", user_id="ann", text="We bought a cheap tent.", language="en")]
    write_store(folder, [(profile(**claims), documents)], {"seg-1": ["ann"]}, {"seg-1": "Campers"})
    return folder


def test_interests_values_and_lifestyle_ship_with_their_keys() -> None:
    assert [(kind.name, kind.key) for kind in KINDS.values()] == [
        ("interest", "interests"),
        ("value", "values"),
        ("lifestyle", "lifestyle"),
    ]


def test_a_facet_of_ones_own_is_a_kind_of_claim(prompts: Path) -> None:
    assert [*KINDS] == ["interest", "value", "lifestyle", "budget", "household"]
    assert (KINDS["budget"].key, KINDS["budget"].heading) == ("budget", "Budget")
    assert (KINDS["household"].key, KINDS["household"].heading) == ("home", "Lives with")


def test_a_choice_is_said_in_the_words_of_the_file_or_else_after_the_heading(prompts: Path) -> None:
    assert KINDS["budget"].statement("low") == "has a low budget"
    assert KINDS["budget"].model_copy(update={"claim": ""}).statement("low") == "budget: low"
    assert KINDS["household"].statement("lives with two sons") == "lives with two sons"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('name = "Budget"\nabout = "x"', "facet 'Budget': name: write a name of small Latin letters"),
        ('name = "a-b"\nabout = "x"', "facet 'a-b': name: write a name"),
        ('about = "x"', "facet number 4: name: "),
        ('name = "budget"', "facet 'budget': write about"),
        ('name = "budget"\nabout = "x"\noneof = ["low"]', "facet 'budget': oneof: "),
        ('name = "budget"\nabout = "x"\none_of = ["low"]', "facet 'budget': one_of needs two texts or more"),
        ('name = "budget"\nabout = "x"\none_of = ["low", "low"]', "one_of needs two texts or more"),
        ('name = "budget"\nabout = "x"\none_of = ["low", "unknown"]', "leave it out"),
        ('name = "budget"\nabout = "x"\none_of = ["low", "a\\nb"]', "facet 'budget': one_of.1: "),
        ('name = "budget"\nabout = "x"\ntype = "text"\none_of = ["low", "high"]', "leave one of them out"),
        ('name = "budget"\nabout = "x"\ntype = "number"', "facet 'budget': type: "),
        ('name = "budget"\nabout = "x"\nclaim = "has money"', "claim needs one_of"),
        ('name = "summary"\nabout = "x"', "facet 'summary': 'summary' is a field of profiles; take another name"),
        ('name = "goal"\nkey = "user_id"\nabout = "x"', "'user_id' is a field of profiles"),
        ('name = "values"\nabout = "x"', "facet 'values': 'values' is taken by facet 'value'; rename one"),
        ('name = "value"\nkey = "v"\nabout = "x"', "'value' is taken by facet 'value'"),
    ],
)
def test_a_wrong_facet_is_refused_with_the_file_the_facet_and_what_to_do(
    facets_file: Path, entry: str, said: str
) -> None:
    with facets_file.open("a", encoding="utf-8") as file:
        file.write(f"\n[[facet]]\n{entry}\n")
    with pytest.raises(UsageError) as error:
        load_facets(facets_file)
    assert str(facets_file) in str(error.value)
    assert said in str(error.value)


def test_a_file_without_a_facet_that_ships_is_refused(facets_file: Path) -> None:
    facets_file.write_text('[[facet]]\nname = "goal"\nabout = "x"\n', encoding="utf-8")
    with pytest.raises(UsageError, match="facet 'interest' is missing; put it back"):
        load_facets(facets_file)


@pytest.mark.parametrize("content", ["", "facet = 3", "[facet]\nname = 1", "facets = []", "facet = [3]", "[[facet"])
def test_a_file_of_another_form_is_refused(facets_file: Path, content: str) -> None:
    facets_file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"facets\.toml"):
        load_facets(facets_file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the facets"):
        load_facets(tmp_path / "facets.toml")


@pytest.mark.parametrize("field", sorted({*UserProfile.model_fields, *Segment.model_fields}))
def test_no_field_of_a_profile_or_a_segment_is_a_name(facets_file: Path, field: str) -> None:
    with facets_file.open("a", encoding="utf-8") as file:
        file.write(f'\n[[facet]]\nname = "{field}"\nabout = "x"\n')
    with pytest.raises(UsageError, match="take another name"):
        load_facets(facets_file)


def test_claims_of_a_facet_stand_under_its_key_in_json_and_come_back(prompts: Path) -> None:
    written = profile(interests="tents", budget="low", home="two sons")
    plain = json.loads(written.model_dump_json())
    assert plain["budget"][0]["text"] == "low"
    assert plain["home"][0]["text"] == "two sons"
    assert UserProfile.model_validate(plain) == written
    assert [kind for kind, _ in written.iter_claims()] == ["interest", "budget", "household"]


def test_a_record_with_a_facet_that_the_file_lacks_is_read_and_written_as_it_was() -> None:
    written = profile(interests="tents", pet_food="dry")
    assert [kind for kind, _ in written.iter_claims()] == ["interest", "pet_food"]
    assert json.loads(written.model_dump_json())["pet_food"][0]["text"] == "dry"
    assert (kind_named("pet_food").key, kind_named("pet_food").heading) == ("pet_food", "Pet food")


def test_a_list_that_holds_no_claims_is_still_no_field_of_a_profile() -> None:
    plain = json.loads(profile(interests="tents").model_dump_json())
    wrong: list[dict[str, Any]] = [{"tags": ["a"]}, {"Bad Key": []}, {"tags": "a"}]
    for field in wrong:
        with pytest.raises(ValueError, match="validation error"):
            UserProfile.model_validate(plain | field)


@pytest.mark.parametrize("name", ["summary", "user_id", "interests", "a b", "", "__class__"])
def test_no_claim_may_take_the_place_of_a_field(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a kind of claims"):
        UserProfile.model_validate(profile().model_copy(update={"claims": {}}).model_dump() | {"claims": {name: ()}})


def test_other_claims_leave_those_of_an_unknown_facet() -> None:
    changed = profile(interests="tents", pet="dog").with_claims({"interest": []})
    assert [(kind, claim.text) for kind, claim in changed.iter_claims()] == [("pet", "dog")]


def test_only_a_known_kind_can_be_added() -> None:
    claim = Claim(text="dry", support=1, evidence=())
    with pytest.raises(ValueError, match="there is no kind of claim 'pet_food'"):
        Decision(by="eve", action="add", user_id="ann", kind="pet_food", text="dry", claim=claim)


def test_csv_and_json_lines_have_the_claims_of_a_facet(prompts: Path) -> None:
    written = profile(interests="tents", budget="low")
    (row,) = csv.DictReader(io.StringIO(users_as_bytes([written], "csv").decode()))
    assert json.loads(row["budget"])[0]["text"] == "low"
    assert json.loads(row["home"]) == []
    assert json.loads(users_as_bytes([written], "jsonl"))["budget"][0]["text"] == "low"


def test_csv_leaves_out_what_the_file_lacks_and_every_cell_is_under_its_column() -> None:
    (row,) = csv.DictReader(io.StringIO(users_as_bytes([profile(pet="dog")], "csv").decode()))
    assert row["user_id"] == "ann"
    assert "pet" not in row
    assert json.loads(row["behaviour"])["documents"] == 1


@pytest.fixture
def made(tmp_path: Path, prompts: Path) -> Path:
    return store_with(tmp_path / "store", interests="tents", budget="low")


@pytest.fixture
def page(made: Path) -> Iterator[str]:
    with TestClient(make_app(made, token="t"), base_url="http://127.0.0.1:8765") as client:
        yield client.get("/user?id=ann&token=t").text


def test_the_review_page_shows_a_facet_and_lets_such_a_claim_be_added(page: str) -> None:
    assert "<h3>Budget</h3>" in page
    assert "<option>budget</option>" in page


def test_reports_and_sheets_show_a_facet_of_a_store(made: Path) -> None:
    with open_store(made) as store:
        user = store.user("ann")
        assert user is not None
        assert "<h3>Budget</h3>" in sheet(store, user, "html")
        assert "### Budget" in report(store, "md")


def test_a_store_is_read_where_the_file_lacks_its_facet(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROFILEGEN_PROMPTS")
    assert "budget" not in KINDS
    with open_store(made) as store:
        user = store.user("ann")
        assert user is not None
        assert [claim.text for claim in user.claims["budget"]] == ["low"]
        assert "<h3>Budget</h3>" in sheet(store, user, "html")
    with TestClient(make_app(made, token="t"), base_url="http://127.0.0.1:8765") as client:
        assert "<h3>Budget</h3>" in client.get("/user?id=ann&token=t").text
