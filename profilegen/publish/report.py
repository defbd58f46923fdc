"""Profiles and segments as one file for people without profilegen: HTML or Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jinja2
import numpy as np

from profilegen.publish import pages
from profilegen.publish.changes import history_lines, segment_lines
from profilegen.publish.charts import over_time
from profilegen.publish.map import NO_SEGMENT, Map, colours, make_map
from profilegen.publish.withholding import withhold_small
from profilegen.records import Document, Segment, SegmentChange, UserProfile, kind_named
from profilegen.store.ledger import open_ledger
from profilegen.store.store import Store

Format = Literal["html", "md"]

_TEMPLATES = Path(__file__).with_name("templates")
_DRAWN_USERS, _EXEMPLARY_PROFILES = 5_000, 12
_LOOKED_AT = 20
_NO_PAINT = "#888888"


class Example(NamedTuple):
    """A profile that shows what a segment's users are like, and the documents it cites."""

    segment: Segment
    profile: UserProfile
    cited: Mapping[str, Document]


def report(store: Store, format: Format, *, min_segment_users: int = 1) -> str:
    """Return the report on a store: segments, map, exemplary profiles, and the evaluation if there was one.

    :param store: an open store.
    :param format: `html` or `md`.
    :param min_segment_users: segments of fewer users are withheld, as `withhold_small` does it.
    """
    with open_ledger(store.directory, read_only=True) as ledger:
        points, evaluation, build = ledger.points(), ledger.get_meta("evaluation"), ledger.last_build()
    segments = withhold_small(store.segments(), min_segment_users)
    # Of a withheld segment, the points of its colour could be counted.
    paints = {
        segment.id: _NO_PAINT if segment.withheld else colour
        for segment, colour in zip(segments, colours(len(segments)), strict=True)
    }
    drawn = make_map(points, list(paints), "")
    return _render(
        f"report.{format}.jinja",
        counts=store.counts(),
        build=build,
        changes=list(segment_lines(_named(build.report.segment_changes, segments))) if build else [],
        segments=segments,
        paints=paints,
        dots=list(_dots(drawn, list(paints.values()))) if drawn else [],
        centres={each.id: drawn.centres[each.id] for each in segments if not each.withheld and each.id in drawn.centres}
        if drawn
        else {},
        min_segment_users=min_segment_users,
        examples=list(_examples(store, [segment for segment in segments if not segment.withheld])),
        cited=store.cited,
        evaluation=evaluation,
    )


def _named(changes: Sequence[SegmentChange], segments: Sequence[Segment]) -> list[SegmentChange]:
    """Return changes with the names of segments that there are; the report of a build keeps none."""
    names = {segment.id: segment.name for segment in segments}
    return [each.model_copy(update={"names": names}) for each in changes]


def sheet(store: Store, profile: UserProfile, format: Format) -> str:
    """Return everything a store holds on a user, with all evidence: the answer to a subject access request.

    :param store: an open store.
    :param profile: of the user.
    :param format: `html` or `md`.
    """
    documents = list(store.documents(profile.user_id))
    return _render(
        f"sheet.{format}.jinja",
        profile=profile,
        segment=store.segment(profile.segment) if profile.segment else None,
        documents=documents,
        by_id={document.id: document for document in documents},
        chart=over_time(documents),
        history=list(history_lines(store.history(profile.user_id))),
    )


def segment_sheet(store: Store, segment: Segment, format: Format, *, min_segment_users: int = 1) -> str:
    """Return a segment's profile, with all evidence.

    :param store: an open store.
    :param segment: one of its segments.
    :param format: `html` or `md`.
    :param min_segment_users: as of `report`.
    """
    shown = {each.id: each for each in withhold_small(store.segments(), min_segment_users)}.get(segment.id, segment)
    return _render(f"segment.{format}.jinja", segment=shown, by_id=store.cited(shown))


def _examples(store: Store, segments: Sequence[Segment]) -> Iterator[Example]:
    """Give, of each of the largest segments, the typical user whose profile has most claims."""
    for segment in segments[:_EXEMPLARY_PROFILES]:
        profiles = [profile for user in segment.members[:_LOOKED_AT] if (profile := store.user(user))]
        if profiles:
            fullest = max(profiles, key=lambda profile: len(list(profile.iter_claims())))
            yield Example(segment, fullest, store.cited(fullest))


def _dots(drawn: Map, paints: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Give (x, y, colour) of users, x and y from 0 to 1,000; a sample where there are more than a file shows well."""
    rows = np.linspace(0, len(drawn.places) - 1, min(len(drawn.places), _DRAWN_USERS)).astype(int)
    for row in rows:
        x, y = drawn.places[row]
        number = int(drawn.segment_numbers[row])
        paint = paints[number] if number != NO_SEGMENT else _NO_PAINT
        yield round(1000 * float(x)), round(1000 * (1 - float(y))), paint


def _render(template: str, **shown: Any) -> str:
    return str(_environment().get_template(template).render(**shown))


@cache
def _environment() -> jinja2.Environment:
    environment = pages.environment(_TEMPLATES)
    environment.filters |= {
        "percent": lambda share: f"{share:.0%}",
        "day": lambda time: time.date().isoformat() if time else "",
        "quote": _quoted,
        "heading": lambda kind: kind_named(kind).heading,
        "facts": lambda document: document.model_dump(
            mode="json", exclude_none=True, exclude={"text", "user_id", "item_title"}
        ).items(),
    }
    return environment


def _quoted(text: str) -> str:
    """Return a text as a block quote of Markdown, line by line."""
    return "\n".join(f"> {pages.markdown(line)}".rstrip() for line in text.splitlines())
