"""A build from a file to a store that is read and searched, with the real models."""

import json
from pathlib import Path

import profilegen
from profilegen.resources import resource


def test_a_build_gives_checked_profiles_that_can_be_searched_and_a_second_build_changes_nothing(tmp_path: Path) -> None:
    lines = resource("examples/sample.jsonl").read_text("utf-8").splitlines()
    users = sorted({json.loads(line)["user_id"] for line in lines})[:24]
    small = tmp_path / "small.jsonl"
    small.write_text("\n".join(line for line in lines if json.loads(line)["user_id"] in users), "utf-8")
    report = profilegen.build(small, store=tmp_path / "store")
    assert report.users == len(users)
    assert report.failed == 0
    with profilegen.open_store(tmp_path / "store") as store:
        profiles = list(store.users())
        texts = {document.id: document for document in store.documents()}
        for profile in profiles:
            assert profile.status in ("ok", "insufficient")
            for _, claim in profile.claims():
                for evidence in claim.evidence:
                    assert evidence.quote in texts[evidence.document].text
                    assert texts[evidence.document].user_id == profile.user_id
        assert store.search("people who have a dog", 3)
        assert {profile.segment for profile in profiles} <= {segment.id for segment in store.segments()}
    again = profilegen.build(small, store=tmp_path / "store")
    assert not again.changed
    assert again.written == again.embedded == 0
