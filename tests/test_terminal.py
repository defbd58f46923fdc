"""What a terminal shows of a profile."""

import pytest
from handmade_store import BUILT_WITH

from profilegen.publish.output import escaping_console
from profilegen.publish.terminal import user_page
from profilegen.records import Behaviour, UserProfile


@pytest.mark.parametrize(
    ("summary", "shown"),
    [
        ("writer", f"written by {BUILT_WITH.writer} ·"),
        ("mixed", f"written by {BUILT_WITH.writer} and composed by template ·"),
        ("template", "composed by template ·"),
        ("none", "no summary ·"),
    ],
)
def test_a_profile_says_how_its_summary_was_made(summary: str, shown: str) -> None:
    profile = UserProfile(
        user_id="ann",
        status="ok",
        language="en",
        behaviour=Behaviour(documents=1),
        built_with=BUILT_WITH.model_copy(update={"summary": summary}),
    )
    console = escaping_console(width=200)
    with console.capture() as captured:
        console.print(user_page(profile, {}, None))
    assert shown in captured.get()
