"""What a terminal shows of a profile."""

import pytest
from handmade_store import BUILT_WITH

from profilegen.publish.output import escaping_console
from profilegen.publish.terminal import segment_list, segment_page, user_page
from profilegen.records import Behaviour, Segment, SegmentGroup, UserProfile


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


def shown(page: object) -> str:
    console = escaping_console(width=200)
    with console.capture() as captured:
        console.print(page)
    return captured.get()


def test_segments_of_a_group_stand_together_below_its_name() -> None:
    segments = [
        Segment(id=id_, name=name, groups=group, size=size, language="en", built_with=BUILT_WITH)
        for id_, name, group, size in (
            ("s1", "Trail runners", ("g1",), 9),
            ("s2", "Bread bakers", ("g2",), 7),
            ("s3", "Open water swimmers", ("g1",), 4),
        )
    ]
    groups = {id_: SegmentGroup(id=id_, name=name) for id_, name in (("g1", "Outdoor sports"), ("g2", "Home cooks"))}
    lines = shown(segment_list(segments, groups)).splitlines()
    order = [
        next(at for at, line in enumerate(lines) if name in line)
        for name in ("Outdoor sports", "Trail runners", "Open water swimmers", "Home cooks", "Bread bakers")
    ]
    assert order == sorted(order)
    assert lines[order[0]].split()[0] == "13"
    assert "part of Outdoor sports" in shown(segment_page(segments[2], {}, groups))
