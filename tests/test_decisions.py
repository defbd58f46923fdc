"""A person's word: laid over what the machine wrote, kept through rebuilds, lost by nobody."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade_store import build_report, remove_users
from pydantic import TypeAdapter, ValidationError

from profilegen.errors import InputError, UsageError
from profilegen.records import (
    UNSEEN,
    Behaviour,
    BuiltWith,
    Claim,
    Decision,
    Document,
    Evidence,
    Segment,
    Sentence,
    Stance,
    UserProfile,
)
from profilegen.review import actions
from profilegen.review.transfer import import_decisions
from profilegen.store import decisions, overlay
from profilegen.store.decisions import apply_decisions
from profilegen.store.ledger import (
    LEDGER_FILE,
    Audience,
    ChangedError,
    ClaimVector,
    Filters,
    Ledger,
    Membership,
    open_ledger,
)

TEXTS = {
    "d1": "My dogs love the park and the older dog naps all day.",
    "d2": "Green tea every morning, I would not start the day without it.",
}
BUILT_WITH = BuiltWith(embedder="e", writer="w", prompt="p", summary="writer")


def claim(
    text: str, quote: str = "", document: str = "d1", support: float = 0.5, *, stance: Stance = "is", name: str = ""
) -> Claim:
    evidence = (Evidence(document=document, quote=quote),) if quote else ()
    return Claim(text=text, stance=stance, name=name or None, support=support, evidence=evidence)


def profile(*interests: Claim, **rest: Any) -> UserProfile:
    base: dict[str, Any] = {"user_id": "ann", "status": "ok" if interests else "insufficient", "language": "en"}
    sentence = Sentence(text="Written by the writer.", claims=tuple(range(len(interests))))
    base |= {"interests": interests, "summary": sentence.text, "sentences": (sentence,)}
    base |= {"behaviour": Behaviour(documents=2)}
    return UserProfile.model_validate({**base, "built_with": BUILT_WITH, **rest})


DOGS, TEA = claim("dogs", "My dogs love the park"), claim("green tea", "Green tea every morning", "d2")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "store", create=True) as ledger:
        load(ledger, TEXTS)
        write(ledger, profile(DOGS, TEA))
        yield ledger


def load(ledger: Ledger, texts: dict[str, str], user_id: str = "ann") -> None:
    ledger.stage(Document(id=id_, user_id=user_id, text=text, language="en") for id_, text in texts.items())
    ledger.apply_staged(add=False)


def write(ledger: Ledger, written: UserProfile) -> None:
    """Do what a build does with a profile."""
    vector = np.array([1, 0], np.float32)
    ledger.put_users([(written.user_id, "en", "h", vector)])
    places = {"interest": -1, "value": -1, "lifestyle": -1}
    found = []
    for kind, stated in written.iter_claims():
        places[kind] += 1
        found.append(ClaimVector(kind, places[kind], stated.text, stated.support, vector))
    ledger.put_profiles([(written, "h", found)])


def decide(ledger: Ledger, action: actions.ClaimAction, text: str, words: str = "", by: str = "bea") -> None:
    found = {s.text: s for s in overlay.standings(ledger, ledger.profile("ann") or profile())[0]}
    actions.decide_on_claim(ledger, "ann", "interest", text, action, by=by, version=found[text].version, words=words)


def read(ledger: Ledger) -> UserProfile:
    found = overlay.profile(ledger, "ann")
    assert found is not None
    return found


def says(ledger: Ledger) -> list[str]:
    return [stated.text for _, stated in read(ledger).iter_claims()]


def test_without_decisions_a_profile_is_what_the_machine_wrote(ledger: Ledger) -> None:
    assert read(ledger) == profile(DOGS, TEA)
    assert read(ledger).reviewed is None


def test_an_approved_claim_carries_who_approved_it(ledger: Ledger) -> None:
    decide(ledger, "approve", "dogs")
    word = read(ledger).interests[0].reviewed
    assert word is not None
    assert (word.verdict, word.by, word.wrote) == ("approved", "bea", None)


def test_an_approval_leaves_the_writers_summary(ledger: Ledger) -> None:
    decide(ledger, "approve", "dogs")
    assert read(ledger).summary == "Written by the writer."


def test_an_approved_claim_stays_when_the_machine_no_longer_makes_it(ledger: Ledger) -> None:
    decide(ledger, "approve", "dogs")
    write(ledger, profile(TEA))
    assert says(ledger) == ["green tea", "dogs"]
    assert read(ledger).interests[1].evidence == DOGS.evidence


def test_an_edited_claim_keeps_its_words_and_names_the_machines(ledger: Ledger) -> None:
    decide(ledger, "edit", "dogs", "older dogs")
    write(ledger, profile(DOGS, TEA))
    word = read(ledger).interests[0].reviewed
    assert says(ledger) == ["older dogs", "green tea"]
    assert word is not None
    assert (word.verdict, word.wrote) == ("edited", "dogs")


def test_an_edited_claim_has_the_evidence_that_the_machine_finds_now(ledger: Ledger) -> None:
    decide(ledger, "edit", "dogs", "older dogs")
    write(ledger, profile(claim("dogs", "the older dog naps all day", support=0.9)))
    assert read(ledger).interests[0].support == 0.9
    assert read(ledger).interests[0].evidence[0].quote == "the older dog naps all day"


@pytest.mark.parametrize("again", ["dogs", "Dogs", "DOG", "the dog"])
def test_a_struck_claim_does_not_come_back_in_other_words(ledger: Ledger, again: str) -> None:
    decide(ledger, "strike", "dogs")
    write(ledger, profile(claim(again, "My dogs love the park"), TEA))
    assert says(ledger) == ["green tea"]


def test_a_struck_claim_of_one_kind_may_be_made_of_another(ledger: Ledger) -> None:
    decide(ledger, "strike", "dogs")
    write(ledger, profile(TEA, lifestyle=(claim("dogs"),)))
    assert says(ledger) == ["green tea", "dogs"]


@pytest.mark.parametrize(("struck", "again"), [("likes", "dislikes"), ("avoids", "wants")])
def test_the_contrary_of_a_struck_claim_is_open_for_a_decision(ledger: Ledger, struck: Stance, again: Stance) -> None:
    write(ledger, profile(claim("glitter", stance=struck), TEA))
    decide(ledger, "strike", "glitter")
    write(ledger, profile(claim("glitter", stance=again), TEA))
    (first, _) = read(ledger).interests
    assert (first.stance, first.text, first.reviewed) == (again, "glitter", None)
    decide(ledger, "approve", "glitter")
    assert read(ledger).interests[0].reviewed is not None


def test_an_approved_claim_does_not_turn_into_its_contrary(ledger: Ledger) -> None:
    write(ledger, profile(claim("glitter", "My dogs", stance="likes"), TEA))
    decide(ledger, "approve", "glitter")
    write(ledger, profile(claim("glitter", "My dogs", stance="dislikes"), TEA))
    assert [stated.words for stated in read(ledger).interests] == ["glitter", "green tea"]


def test_an_edited_claim_has_the_stance_of_the_machines(ledger: Ledger) -> None:
    write(ledger, profile(claim("glitter", stance="dislikes"), TEA))
    decide(ledger, "edit", "glitter", "glitter on cards")
    assert read(ledger).interests[0].words == "dislikes: glitter on cards"
    assert "Dislikes: glitter on cards." in read(ledger).summary


def test_a_struck_claim_does_not_come_back_in_another_wording_of_the_same_name(ledger: Ledger) -> None:
    write(ledger, profile(claim("hiking with children", name="hiking"), TEA))
    decide(ledger, "strike", "hiking with children")
    write(ledger, profile(claim("day hikes", name="hiking"), TEA))
    assert says(ledger) == ["green tea"]


def test_an_approved_claim_keeps_its_wording_and_the_words_it_rests_on(ledger: Ledger) -> None:
    before = claim("hiking with children", "the older dog naps all day", name="hiking")
    write(ledger, profile(before, TEA))
    decide(ledger, "approve", before.text)
    write(ledger, profile(claim("day hikes", "Green tea every morning", "d2", name="hiking"), TEA))
    first = read(ledger).interests[0]
    assert (first.text, first.evidence) == (before.text, before.evidence)


def test_an_edited_claim_has_no_name_in_common_with_others(ledger: Ledger) -> None:
    write(ledger, profile(claim("hiking with children", name="hiking"), TEA))
    decide(ledger, "edit", "hiking with children", "a warm bed")
    assert [stated.shared_name for stated in read(ledger).interests] == ["a warm bed", "green tea"]
    assert "a warm bed" in read(ledger).summary


def test_users_are_counted_by_the_name_of_a_claim_not_by_its_wording(ledger: Ledger) -> None:
    value, dog = claim("comfort in a dog bed", name="comfort"), claim("has an old dog", name="has a dog")
    write(ledger, profile(DOGS, values=(value, claim("calm")), lifestyle=(dog,)))
    assert ledger.trait_counts() == {("value", "comfort"): 1, ("value", "calm"): 1, ("lifestyle", "has a dog"): 1}
    actions.decide_on_claim(ledger, "ann", "value", "calm", "strike", by="bea", version=UNSEEN)
    overlay.refresh_claims(ledger, lambda texts: np.tile(np.array([1, 0], np.float32), (len(texts), 1)))
    assert ledger.trait_counts() == {("value", "comfort"): 1, ("lifestyle", "has a dog"): 1}


def test_a_summary_that_names_a_struck_claim_is_composed_again(ledger: Ledger) -> None:
    decide(ledger, "strike", "dogs")
    assert "dogs" not in read(ledger).summary
    assert "green tea" in read(ledger).summary
    assert read(ledger).built_with.summary == "template"


def test_a_profile_whose_claims_are_all_struck_says_so(ledger: Ledger) -> None:
    decide(ledger, "strike", "dogs")
    decide(ledger, "strike", "green tea")
    assert (read(ledger).status, read(ledger).reason) == ("insufficient", "a person struck every claim")
    assert read(ledger).summary == ""


def test_an_added_claim_comes_first_with_support_one(ledger: Ledger) -> None:
    actions.add_claim(ledger, "ann", "interest", "long walks", by="bea")
    first = read(ledger).interests[0]
    assert (first.text, first.support) == ("long walks", 1.0)
    assert first.reviewed is not None
    assert first.reviewed.verdict == "added"
    assert "long walks" in read(ledger).summary


def test_a_user_of_whom_nothing_was_said_is_ok_with_an_added_claim(ledger: Ledger) -> None:
    write(ledger, profile(reason="too little"))
    actions.add_claim(ledger, "ann", "value", "calm mornings", by="bea", quote="Green tea every morning")
    assert (read(ledger).status, read(ledger).reason) == ("ok", None)
    assert read(ledger).values[0].evidence == (Evidence(document="d2", quote="Green tea every morning"),)


def test_a_quote_that_the_user_never_wrote_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="none of the user's texts"):
        actions.add_claim(ledger, "ann", "value", "calm", by="bea", quote="Coffee every morning")


def test_an_added_claim_can_be_edited_and_struck(ledger: Ledger) -> None:
    actions.add_claim(ledger, "ann", "interest", "long walks", by="bea")
    decide(ledger, "edit", "long walks", "short walks")
    assert says(ledger)[0] == "short walks"
    decide(ledger, "strike", "long walks")
    assert says(ledger) == ["dogs", "green tea"]


def test_undo_takes_back_one_decision_at_a_time(ledger: Ledger) -> None:
    decide(ledger, "edit", "dogs", "older dogs")
    decide(ledger, "strike", "dogs")
    decide(ledger, "undo", "dogs")
    assert says(ledger) == ["older dogs", "green tea"]
    decide(ledger, "undo", "dogs")
    assert says(ledger) == ["dogs", "green tea"]
    with pytest.raises(UsageError, match="no decision to undo"):
        decide(ledger, "undo", "dogs")


def test_two_claims_edited_to_the_same_words_are_one(ledger: Ledger) -> None:
    decide(ledger, "edit", "dogs", "mornings")
    decide(ledger, "edit", "green tea", "Mornings")
    assert says(ledger) == ["mornings"]


def test_the_second_of_two_reviewers_is_told_that_the_claim_changed(ledger: Ledger) -> None:
    seen = UNSEEN
    actions.decide_on_claim(ledger, "ann", "interest", "dogs", "edit", by="bea", version=seen, words="older dogs")
    with pytest.raises(ChangedError):
        actions.decide_on_claim(ledger, "ann", "interest", "dogs", "strike", by="cem", version=seen)
    assert says(ledger) == ["older dogs", "green tea"]


def test_reviewers_of_different_claims_do_not_stand_in_each_others_way(ledger: Ledger) -> None:
    actions.decide_on_claim(ledger, "ann", "interest", "dogs", "approve", by="bea", version=UNSEEN)
    actions.decide_on_claim(ledger, "ann", "interest", "green tea", "strike", by="cem", version=UNSEEN)
    found = read(ledger).reviewed
    assert found is not None
    assert (found.approved, found.struck, found.by) == (1, 1, ("bea", "cem"))


def test_a_claim_that_a_rebuild_removed_cannot_be_decided_on(ledger: Ledger) -> None:
    write(ledger, profile(TEA))
    with pytest.raises(ChangedError, match="not there any more"):
        actions.decide_on_claim(ledger, "ann", "interest", "dogs", "approve", by="bea", version=UNSEEN)


def test_approve_all_approves_what_nobody_decided_on(ledger: Ledger) -> None:
    decide(ledger, "strike", "dogs")
    found, _ = overlay.standings(ledger, profile(DOGS, TEA))
    assert actions.approve_all(ledger, "ann", by="bea", version=decisions.profile_version(found)) == 1
    review = read(ledger).reviewed
    assert review is not None
    assert (review.approved, review.struck) == (1, 1)


def test_approve_all_approves_nothing_that_was_not_seen(ledger: Ledger) -> None:
    found, _ = overlay.standings(ledger, profile(DOGS, TEA))
    write(ledger, profile(DOGS, TEA, claim("skydiving")))
    with pytest.raises(ChangedError):
        actions.approve_all(ledger, "ann", by="bea", version=decisions.profile_version(found))


@pytest.mark.parametrize("words", ["", "  \n ", "\x00", "x" * 301])
def test_words_that_are_none_or_too_many_are_refused(ledger: Ledger, words: str) -> None:
    with pytest.raises(UsageError):
        decide(ledger, "edit", "dogs", words)


def test_what_a_person_types_becomes_one_line(ledger: Ledger) -> None:
    decide(ledger, "edit", "dogs", " older\n\tdogs\x07 \u202e")
    assert says(ledger)[0] == "older dogs"


def test_a_flag_stays_until_it_is_taken_off(ledger: Ledger) -> None:
    actions.flag(ledger, "ann", "too general", by="bea")
    assert ledger.flagged_users() == ["ann"]
    assert getattr(read(ledger).reviewed, "flag", None) == "too general"
    actions.unflag(ledger, "ann", by="cem")
    assert ledger.flagged_users() == []


def test_write_again_clears_the_hash_that_says_a_profile_is_up_to_date(ledger: Ledger) -> None:
    actions.request_rewrite(ledger, "ann", by="bea")
    assert ledger.profile_hashes() == {"ann": ""}


def test_a_persons_name_for_a_segment_survives_its_being_written_again(ledger: Ledger) -> None:
    segment = Segment(id="seg-1", name="Dogs, tea", size=1, language="en", members=("ann",), built_with=BUILT_WITH)
    ledger.put_segments([(segment, "h", None)])
    actions.rename_segment(ledger, "seg-1", "Early risers", by="bea", version=UNSEEN)
    ledger.put_segments([(segment.model_copy(update={"name": "Tea, dogs"}), "h2", None)])
    assert [found.name for found in overlay.segments(ledger)] == ["Early risers"]


def test_two_segments_cannot_have_one_name(ledger: Ledger) -> None:
    rows = [Segment(id=i, name=f"name {i}", size=1, language="en", built_with=BUILT_WITH) for i in ("a", "b")]
    ledger.put_segments((row, "h", None) for row in rows)
    with pytest.raises(UsageError, match="another segment"):
        actions.rename_segment(ledger, "a", "NAME b", by="bea", version=UNSEEN)


def test_decisions_of_a_removed_user_are_gone_from_the_file(ledger: Ledger, tmp_path: Path) -> None:
    actions.flag(ledger, "ann", "xylophonist", by="bea")
    ledger.save_audience(Audience(name="all", found_by="by hand", by="bea", at=datetime.now(UTC)), ["ann"])
    remove_users(ledger, "ann")
    assert list(ledger.iter_decisions()) == []
    assert ledger.audience_users("all") == []
    assert b"xylophonist" not in (tmp_path / "store" / LEDGER_FILE).read_bytes()


def test_a_user_without_documents_in_the_next_build_loses_the_decisions(ledger: Ledger) -> None:
    decide(ledger, "approve", "dogs")
    load(ledger, {"d9": "Somebody else."}, "cem")
    assert list(ledger.iter_decisions()) == []


@pytest.mark.parametrize("texts", [{"d2": TEXTS["d2"]}, {**TEXTS, "d1": "Cats now."}])
def test_a_kept_claim_loses_the_quote_of_a_text_that_is_gone_or_changed(
    ledger: Ledger, tmp_path: Path, texts: dict[str, str]
) -> None:
    decide(ledger, "approve", "dogs")
    load(ledger, texts)
    write(ledger, profile(TEA))
    assert says(ledger) == ["green tea", "dogs"]
    assert read(ledger).interests[1].evidence == ()
    ledger.record_build(build_report(1, 1))
    assert b"My dogs love" not in (tmp_path / "store" / LEDGER_FILE).read_bytes()


def test_decisions_taken_elsewhere_count_by_their_time(ledger: Ledger) -> None:
    decide(ledger, "strike", "dogs")
    earlier = datetime.now(UTC) - timedelta(days=1)
    there = Decision(
        at=earlier, by="cem", action="edit", user_id="ann", kind="interest", text="dogs", claim=DOGS, words="old dogs"
    )
    assert ledger.import_decisions([there, there]) == 1
    assert says(ledger) == ["green tea"]
    decide(ledger, "undo", "dogs")
    assert says(ledger) == ["old dogs", "green tea"]


def test_a_decision_comes_after_one_from_a_clock_that_is_ahead(ledger: Ledger) -> None:
    ahead = datetime.now(UTC) + timedelta(days=1)
    there = Decision(at=ahead, by="cem", action="strike", user_id="ann", kind="interest", text="dogs", claim=DOGS)
    ledger.import_decisions([there])
    decide(ledger, "undo", "dogs")
    assert says(ledger) == ["dogs", "green tea"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "approve", "user_id": "ann"},
        {"action": "rename", "user_id": "ann", "words": "x"},
        {"action": "flag", "user_id": "ann", "segment": "s", "words": "x"},
        {"action": "undo", "user_id": "ann", "kind": "interest", "text": "dogs"},
        {"action": "edit", "user_id": "ann", "kind": "interest", "text": "dogs", "claim": DOGS},
        {"action": "flag", "user_id": "ann", "at": "2025-01-01T00:00:00"},
        {"action": "flag", "user_id": "ann", "by": " "},
    ],
)
def test_a_decision_that_lacks_something_is_no_decision(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Decision.model_validate({"by": "bea", **wrong})


def test_users_are_found_by_the_claims_that_persons_left(ledger: Ledger) -> None:
    decide(ledger, "edit", "dogs", "older dogs")
    decide(ledger, "strike", "green tea")
    embedded: list[str] = []

    def embed(texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        embedded.extend(texts)
        return np.ones((len(texts), 2), np.float32)

    overlay.refresh_claims(ledger, embed)
    assert [found.text for found in ledger.claims_of(["ann"])["ann"]] == ["older dogs"]
    revision = ledger.revision()
    overlay.refresh_claims(ledger, embed)
    assert embedded == ["older dogs"]
    assert ledger.revision() == revision


def test_the_queue_knows_who_was_begun_and_who_is_weakest(ledger: Ledger) -> None:
    assert list(ledger.iter_by_support()) == [("ann", 0.5)]
    decide(ledger, "approve", "dogs")
    assert ledger.partly_reviewed_users() == ["ann"]
    decide(ledger, "approve", "green tea")
    assert ledger.partly_reviewed_users() == []
    assert ledger.decided() == (2, 1)


def test_filters_are_met_all_together(ledger: Ledger) -> None:
    ledger.put_memberships([Membership("ann", "seg-1", 1.0, False)])
    assert ledger.find_users(Filters(), 0, 10) == ["ann"]
    assert ledger.find_users(Filters(segment="seg-1", language="en", status="ok", support=0.5, documents=2), 0, 9) == [
        "ann"
    ]
    assert ledger.find_users(Filters(segment="seg-1", documents=3), 0, 10) == []
    assert ledger.filter_users(["bob", "ann"], Filters(status="ok")) == ["ann"]


def test_a_ledger_of_an_older_version_is_read_without_decisions(ledger: Ledger, tmp_path: Path) -> None:
    ledger._connection.execute("DROP TABLE decisions")
    with open_ledger(tmp_path / "store", read_only=True) as older:
        assert overlay.profile(older, "ann") == profile(DOGS, TEA)
        assert older.decided() == (0, 0)
    with open_ledger(tmp_path / "store") as mended:
        decide(mended, "approve", "dogs")


def test_laying_over_does_not_change_what_it_is_laid_over() -> None:
    written = profile(DOGS, TEA)
    strike = Decision(by="bea", action="strike", user_id="ann", kind="interest", text="dogs", claim=DOGS)
    laid = apply_decisions(written, [strike], {})
    assert len(laid.interests) == 1
    assert written == profile(DOGS, TEA)


# Decisions from a file


EDIT: dict[str, Any] = {
    "by": "cem",
    "action": "edit",
    "user_id": "ann",
    "kind": "interest",
    "text": "dogs",
    "claim": DOGS,
    "words": "old dogs",
}
ADD: dict[str, Any] = {**EDIT, "action": "add", "text": "cats", "claim": claim("cats"), "words": ""}
FLAG: dict[str, Any] = {"by": "cem", "action": "flag", "user_id": "ann", "words": "look"}


@pytest.mark.parametrize("decision", [EDIT, ADD, FLAG, {**FLAG, "action": "unflag", "words": ""}], ids=str)
def test_a_decision_that_could_be_typed_is_valid(decision: dict[str, Any]) -> None:
    assert Decision(**decision).action == decision["action"]


@pytest.mark.parametrize(
    "decision",
    [
        {**EDIT, "at": datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)},
        {**EDIT, "at": datetime.now(UTC) + timedelta(days=2)},
        {**EDIT, "at": datetime(1969, 12, 31, tzinfo=UTC)},
        {**EDIT, "at": datetime(2024, 1, 1)},
        {**EDIT, "id": "\x1b[2J"},
        {**EDIT, "id": UNSEEN},
        {**EDIT, "id": "x" * 65},
        {**EDIT, "by": "x" * 101},
        {**EDIT, "by": "\x1b"},
        {**EDIT, "kind": "user_id"},
        {**ADD, "kind": "mood"},
        {**EDIT, "words": "\n"},
        {**EDIT, "words": "x" * 301},
        {**EDIT, "text": "x" * 4_001},
        {**EDIT, "claim": claim("x" * 4_001)},
        {**EDIT, "claim": claim("dogs", "x" * 4_001)},
        {**EDIT, "claim": DOGS.model_copy(update={"evidence": DOGS.evidence * 11})},
        {**EDIT, "claim": DOGS.model_copy(update={"name": "x" * 4_001})},
        {
            **EDIT,
            "claim": {**DOGS.model_dump(), "reviewed": {"verdict": "added", "by": "b", "at": "2024-01-01T00:00Z"}},
        },
        {**EDIT, "action": "approve"},
        {**ADD, "text": "x" * 301, "claim": claim("x" * 301)},
        {**ADD, "text": "a\nb", "claim": claim("a\nb")},
        {**ADD, "text": "a\x1b[2J", "claim": claim("a\x1b[2J")},
        {**ADD, "claim": claim("dogs")},
        {**FLAG, "words": "x" * 2_001},
        {**FLAG, "words": ""},
        {**FLAG, "kind": "interest", "text": "dogs"},
        {**FLAG, "claim": DOGS},
        {"by": "cem", "action": "rename", "segment": "s", "words": "x" * 101},
        {**EDIT, "action": "undo", "words": "", "claim": None, "undoes": "x" * 65},
    ],
    ids=lambda decision: str(decision)[:60],
)
def test_a_decision_that_could_not_be_typed_is_refused_from_a_file_too(
    ledger: Ledger, tmp_path: Path, decision: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        Decision.model_validate(decision)
    rows = [FLAG, TypeAdapter(dict[str, Any]).dump_python(decision, mode="json")]
    (tmp_path / "decisions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match=r"decisions.jsonl:2: not a decision: .* Nothing was imported"):
        import_decisions(tmp_path / "store", tmp_path / "decisions.jsonl")
    assert list(ledger.iter_decisions()) == []


def test_words_from_a_file_become_one_line_as_typed_ones_do() -> None:
    assert Decision(**{**EDIT, "words": " old\n\x1b[2J dogs "}).words == "old [2J dogs"


def test_a_decision_of_the_last_year_that_there_is_can_be_undone(ledger: Ledger) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)
    ledger.import_decisions([Decision(**EDIT).model_copy(update={"at": last})])
    assert says(ledger) == ["old dogs", "green tea"]
    decide(ledger, "undo", "dogs")
    assert says(ledger) == ["dogs", "green tea"]
