"""Segments of few users in what is meant for others: a store made by hand."""

import json
from pathlib import Path

import pytest
from handmade_store import BUILT_WITH, write_store
from test_cli import profilegen_

import profilegen
from profilegen.publish.report import report, segment_sheet
from profilegen.publish.withholding import withhold_small
from profilegen.records import Behaviour, Document, Segment, UserProfile

SIZES = {"large": 8, "middle": 6, "small": 2, "tiny": 1}


def user(user_id: str) -> tuple[UserProfile, list[Document]]:
    profile = UserProfile(
        user_id=user_id,
        status="ok",
        language="en",
        behaviour=Behaviour(documents=1),
        summary=f"summary of {user_id}",
        built_with=BUILT_WITH,
    )
    return profile, [Document(id=f"{user_id}-0", user_id=user_id, text=f"a text of {user_id}", language="en")]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store whose segments have words that name them."""
    directory = tmp_path_factory.mktemp("withholding") / "store"
    members = {id_: [f"{id_}-user-{at}" for at in range(size)] for id_, size in SIZES.items()}
    users = [user(user_id) for of_segment in members.values() for user_id in of_segment]
    write_store(directory, users, members, {id_: f"words of the {id_} one" for id_ in SIZES})
    return directory


def sized(*sizes: int) -> list[Segment]:
    return [
        Segment(id=f"s{at}", name=f"name {at}", size=size, language="en", built_with=BUILT_WITH)
        for at, size in enumerate(sizes)
    ]


@pytest.mark.parametrize(
    ("sizes", "withheld"),
    [
        ((9, 7, 4, 3), ["s2", "s3"]),
        ((9, 7, 4), ["s1", "s2"]),  # Else its size would follow from the others'.
        ((9, 7), []),
        ((2,), ["s0"]),
    ],
)
def test_small_segments_are_withheld_and_never_one_alone(sizes: tuple[int, ...], withheld: list[str]) -> None:
    found = withhold_small(sized(*sizes), 5)
    assert [segment.id for segment in found if segment.withheld] == withheld
    assert all((segment.name, segment.size) == ("withheld", 0) for segment in found if segment.withheld)


def test_an_export_of_segments_has_no_words_and_no_number_of_small_ones(store: Path) -> None:
    done = profilegen_("export", "segments", "--store", store)
    rows = {row["id"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert {id_ for id_, row in rows.items() if row["withheld"]} == {"small", "tiny"}
    assert (rows["small"]["size"], rows["small"]["members"], rows["large"]["size"]) == (0, [], 8)
    assert "words of the small one" not in done.stdout
    assert "small-user-0" not in done.stdout
    assert "words of the large one" in done.stdout


def test_the_bound_can_be_set(store: Path) -> None:
    done = profilegen_("export", "segments", "--min-segment-users", "1", "--store", store)
    assert "words of the tiny one" in done.stdout


@pytest.mark.parametrize("format", ["html", "md"])
def test_a_report_shows_nothing_of_small_segments(format: str, store: Path) -> None:
    with profilegen.open_store(store) as opened:
        page = report(opened, format, min_segment_users=5)  # type: ignore[arg-type]
        shown = report(opened, format)  # type: ignore[arg-type]
    for secret in ("words of the small one", "small-user-", "tiny-user-"):
        assert secret not in page.replace("\\", "")
        assert secret in shown.replace("\\", "")
    assert "2 users" not in page
    assert "has fewer than 5 users" in page


def test_the_map_of_a_report_counts_no_small_segment(store: Path) -> None:
    with profilegen.open_store(store) as opened:
        page = report(opened, "html", min_segment_users=5)
    assert page.count('fill="#888888" fill-opacity') == SIZES["small"] + SIZES["tiny"]


def test_the_page_of_a_small_segment_is_empty(store: Path) -> None:
    with profilegen.open_store(store) as opened:
        segment = opened.segment("small")
        assert segment is not None
        page = segment_sheet(opened, segment, "html", min_segment_users=5)
    assert "withheld" in page
    assert "words of the small one" not in page


def test_the_list_for_who_keeps_the_store_shows_all(store: Path) -> None:
    assert "words of the tiny one" in profilegen_("segments", "--store", store).stdout
