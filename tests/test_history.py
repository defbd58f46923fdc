"""What changed from build to build, and the past of a user; in stores made by hand, without models."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from handmade_store import BUILT_WITH, build_report
from starlette.testclient import TestClient
from typer.testing import CliRunner

from profilegen.cli import app
from profilegen.errors import StoreError, UsageError
from profilegen.profiles.past import profile_on
from profilegen.publish.charts import claims_over_time
from profilegen.records import Behaviour, Claim, Document, Evidence, PastClaim, UserProfile
from profilegen.review.app import make_app
from profilegen.segments.lineage import segment_changes
from profilegen.store.ledger import Ledger, Membership, open_ledger
from profilegen.store.store import open_store

START = datetime(2024, 1, 1, tzinfo=UTC)


def document(user: str, number: int) -> Document:
    text = f"Text {number} of {user}: I like hiking, baking and old radios."
    return Document(id=f"{user}-{number}", user_id=user, text=text, timestamp=START + timedelta(days=100 * number))


def claim(text: str, *numbers: int, user: str = "ann", **fields: Any) -> Claim:
    evidence = tuple(Evidence(document=f"{user}-{n}", quote=f"Text {n}", verdict=0.9) for n in numbers)
    days = [(START + timedelta(days=100 * n)).date().isoformat() for n in numbers]
    return Claim.model_validate(
        {"text": text, "stance": "likes", "support": 0.9, "first": days[0], "last": days[-1], "evidence": evidence}
        | fields
    )


def profile(user: str, *claims: Claim, past: tuple[PastClaim, ...] = ()) -> UserProfile:
    return UserProfile(
        user_id=user,
        status="ok",
        language="en",
        claims={"interest": claims},
        past_claims=past,
        behaviour=Behaviour(documents=3),
        built_with=BUILT_WITH,
    )


def ended(of: Claim, number: int, user: str = "ann") -> PastClaim:
    day = (START + timedelta(days=100 * number)).date().isoformat()
    return PastClaim(
        kind="interest", claim=of, ended=day, by=Evidence(document=f"{user}-{number}", quote="Text", verdict=0.8)
    )


def put(ledger: Ledger, *profiles: UserProfile, segments: dict[str, str] | None = None) -> None:
    """Do what a build does that makes these profiles."""
    ledger.put_users((each.user_id, "en", "h", None) for each in profiles)
    ledger.put_profiles((each, "h", []) for each in profiles)
    if segments is not None:
        ledger.put_memberships(Membership(user, segment, 0.9, False) for user, segment in segments.items())
    ledger.record_build(build_report(len(profiles), 1))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Give a store of two users after three builds."""
    with open_ledger(tmp_path, create=True) as ledger:
        ledger.set_meta("embedder", {"name": "e", "sha256": "0", "source": "e"})
        ledger.stage(document(user, number) for user in ("ann", "ben") for number in range(3))
        ledger.apply_staged(add=False)
        hiking, baking = claim("hiking", 0), claim("baking bread", 1)
        put(ledger, profile("ann", hiking, baking), segments={"ann": "seg-1"})
        reworded = claim("baking sourdough bread", 1, 2)
        put(ledger, profile("ann", hiking, reworded), profile("ben", claim("radios", 0, user="ben")))
        put(
            ledger,
            profile("ann", reworded, past=(ended(hiking, 2),)),
            segments={"ann": "seg-2", "ben": "seg-2"},
        )
    return tmp_path


def changes(store: Path, before: int | None = None, after: int | None = None) -> dict[str, list[tuple[str, ...]]]:
    with open_store(store) as opened:
        found = opened.diff(before, after)
    return {
        user.user_id: [
            (each.change, *(state.text for state in (each.before, each.after) if state)) for each in user.claims
        ]
        for user in found.users
    }


def test_a_diff_says_which_claims_came_were_reworded_and_ended(store: Path) -> None:
    assert changes(store, 1, 2) == {
        "ann": [("reworded", "baking bread", "baking sourdough bread")],
        "ben": [("came", "radios")],
    }
    assert changes(store, 2, 3) == {"ann": [("ended", "hiking")], "ben": []}
    assert changes(store) == changes(store, 2, 3)


def test_a_diff_over_several_builds_is_what_remains_of_them(store: Path) -> None:
    assert changes(store, 1, 3)["ann"] == [
        ("reworded", "baking bread", "baking sourdough bread"),
        ("ended", "hiking"),
    ]


def test_a_claim_that_came_and_went_again_is_in_no_diff_over_both_builds(store: Path) -> None:
    with open_ledger(store) as ledger:
        now = ledger.profile("ann")
        assert now
        put(ledger, profile("ann", *now.interests, claim("swimming", 2), past=now.past_claims))
        put(ledger, now)
    assert changes(store, 3, 5) == {}
    assert changes(store, 3, 4)["ann"] == [("came", "swimming")]
    assert changes(store, 4, 5)["ann"] == [("went", "swimming")]


def test_a_diff_names_the_segment_of_before(store: Path) -> None:
    with open_store(store) as opened:
        found = opened.diff(2, 3)
    assert [(user.user_id, user.segment_before, user.segment) for user in found.users] == [
        ("ann", "seg-1", "seg-2"),
        ("ben", None, "seg-2"),
    ]


def test_a_build_that_there_is_not_is_refused_with_those_that_there_are(store: Path) -> None:
    with open_store(store) as opened, pytest.raises(UsageError, match=r"1 \(2.*3 \(2"):
        opened.diff(2, 9)


def test_of_a_store_of_one_build_a_diff_says_that_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with open_ledger(tmp_path, create=True) as ledger:
        ledger.set_meta("embedder", {"name": "e", "sha256": "0", "source": "e"})
        put(ledger)
    with open_store(tmp_path) as opened, pytest.raises(UsageError, match=r"only build 1 \(2.* compared with"):
        opened.diff()


def test_a_store_of_before_has_no_history_and_says_so(store: Path) -> None:
    with open_ledger(store) as ledger:
        ledger._execute("DELETE FROM meta WHERE key = 'history since'")
    with open_store(store) as opened, pytest.raises(StoreError, match="next build begins it"):
        opened.diff()


def test_the_history_of_a_user_has_each_build_that_changed_something(store: Path) -> None:
    with open_store(store) as opened:
        found = opened.history("ann")
    assert [(each.build.number, [c.change for c in each.change.claims], each.change.is_new) for each in found] == [
        (3, ["ended"], False),
        (2, ["reworded"], False),
        (1, ["came", "came"], True),
    ]


def test_of_a_user_who_is_removed_no_row_of_history_stays(store: Path) -> None:
    with open_ledger(store) as ledger:
        ledger.stage(document("ben", number) for number in range(3))
        ledger.apply_staged(add=False)
        assert ledger.history_of("ann") == []
        assert ledger.history_of("ben")


def test_a_claim_of_before_goes_from_history_with_the_last_document_that_shows_it(store: Path) -> None:
    def history() -> str:
        with open_ledger(store, read_only=True) as ledger:
            return json.dumps([row.record for row in ledger.history_of("ann")])

    assert "baking bread" in history()
    with open_ledger(store) as ledger:
        ledger.stage([document("ann", 0), document("ann", 2), *(document("ben", number) for number in range(3))])
        ledger.apply_staged(add=False)
    assert "baking bread" not in history()
    assert "hiking" in history()


def test_a_claim_that_rested_on_a_removed_document_alone_is_not_recorded_when_it_goes(store: Path) -> None:
    with open_ledger(store) as ledger:
        now = ledger.profile("ann")
        assert now
        put(ledger, profile("ann", *now.interests, claim("swimming", 0)))
        ledger.stage([document("ann", 1), document("ann", 2), *(document("ben", number) for number in range(3))])
        ledger.apply_staged(add=False)
        put(ledger, profile("ann", *now.interests))
        assert "swimming" not in " ".join(row.record for row in ledger.history_of("ann"))


# --- the past of a user -----------------------------------------------------------------------------------


def test_as_of_a_day_are_the_claims_whose_evidence_had_been_written_and_that_had_not_ended() -> None:
    hiking, baking = claim("hiking", 0), claim("baking", 1, 2)
    now = profile("ann", baking, past=(ended(hiking, 2),))
    documents = [document("ann", number) for number in range(3)]

    def on(day: str) -> list[str]:
        return [each.text for each in profile_on(now, date.fromisoformat(day), documents).interests]

    assert [on(day) for day in ("2023-12-31", "2024-01-01", "2024-05-01", "2024-08-01")] == [
        [],
        ["hiking"],
        ["baking", "hiking"],
        ["baking"],
    ]


def test_as_of_a_day_a_claim_has_the_quotes_and_the_support_of_that_day() -> None:
    now = profile("ann", claim("baking", 0, 1, 2, support=0.98))
    then = profile_on(now, date(2024, 2, 1), [document("ann", number) for number in range(3)])
    (baking,) = then.interests
    assert [each.document for each in baking.evidence] == ["ann-0"]
    assert (baking.support, baking.last, then.behaviour.documents) == (0.9, "2024-01-01", 1)


# --- segments ---------------------------------------------------------------------------------------------


def users(**segments: int) -> list[str]:
    return [segment for segment, n in segments.items() for _ in range(n)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (users(a=8), users(a=4, b=4), [("split", ("a",), ("a", "b"))]),
        (users(a=4, b=4), users(a=8), [("merged", ("a", "b"), ("a",))]),
        (users(a=6, b=6), users(a=6, c=6), [("appeared", (), ("c",)), ("vanished", ("b",), ())]),
        (users(a=7, b=7), users(a=6, b=8), []),
        (users(a=6), users(a=6), []),
    ],
    ids=["split", "merged", "replaced", "one user moved", "same"],
)
def test_what_became_of_segments_follows_from_their_members(
    before: list[str], after: list[str], expected: list[tuple[str, tuple[str, ...], tuple[str, ...]]]
) -> None:
    found = segment_changes(
        {str(at): segment for at, segment in enumerate(before)}, {str(at): segment for at, segment in enumerate(after)}
    )
    assert [(each.change, each.before, each.after) for each in found] == expected


def test_users_who_come_and_go_split_and_merge_nothing() -> None:
    before = {"1": "a", "2": "a", "3": "a"}
    after = {"3": "a", "4": "b", "5": "b", "6": "a"}
    assert [(each.change, each.after) for each in segment_changes(before, after)] == [("appeared", ("b",))]


# --- the commands -----------------------------------------------------------------------------------------


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_diff_prints_what_changed_and_the_same_as_json(store: Path) -> None:
    text = printed("diff", "1", "3", "--store", str(store))
    assert "baking bread → baking sourdough bread" in text
    assert "- hiking  interest ended 2024-07-19" in text
    found = json.loads(printed("diff", "1", "3", "--store", str(store), "--json"))
    assert [user["user_id"] for user in found["users"]] == ["ann", "ben"]
    assert [build["number"] for build in json.loads(printed("diff", "--builds", "--store", str(store), "--json"))] == [
        1,
        2,
        3,
    ]


def test_show_prints_the_history_of_a_user_and_the_profile_of_a_day(store: Path) -> None:
    text = printed("show", "ann", "--history", "--store", str(store))
    assert "Claims that ended" in text
    assert "hiking  2024-01-01 to 2024-07-19" in text
    assert text.index("build 3") < text.index("build 2")
    then = json.loads(printed("show", "ann", "--as-of", "2024-02-01", "--store", str(store), "--json"))
    assert [each["text"] for each in then["interests"]] == ["hiking"]
    assert "hiking" in printed("show", "ann", "--as-of", "2024-02-01", "--store", str(store))


def test_a_day_that_is_none_is_refused(store: Path) -> None:
    done = CliRunner().invoke(app, ["show", "ann", "--as-of", "yesterday", "--store", str(store)])
    assert isinstance(done.exception, UsageError)


def test_the_sheet_of_a_user_has_the_claims_that_ended_and_what_builds_changed(store: Path) -> None:
    for page in ("html", "md"):
        sheet = printed("show", "ann", "--format", page, "--store", str(store))
        assert "Claims that ended" in sheet
        assert "What builds changed" in sheet


def test_the_page_of_a_user_draws_claims_over_time_and_shows_those_that_ended(store: Path) -> None:
    with TestClient(make_app(store, token="t"), base_url="http://127.0.0.1") as page:
        answer = page.get("/user?id=ann&token=t", follow_redirects=True)
    assert answer.status_code == 200
    assert 'class="timeline"' in answer.text
    assert 'class="ended"' in answer.text
    assert "style=" not in answer.text


def test_spans_of_claims_reach_from_the_first_day_to_the_last() -> None:
    hiking = claim("hiking", 0)
    spans = claims_over_time(profile("ann", claim("baking", 1, 2), past=(ended(hiking, 1),)))
    assert spans
    assert [(each.words, each.start, each.width, each.state) for each in spans.spans] == [
        ("hiking", 0.0, 0.5, "ended"),
        ("baking", 0.5, 0.5, ""),
    ]
