"""What changed in a store, and the past of a user, as pages for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from profilegen.language.cleaning import printable
from profilegen.publish.files import counted, indented, item_and_day
from profilegen.records import Document, SegmentChange, UserProfile
from profilegen.records.history import ClaimChange, ClaimState, StoreDiff, UserBuild, UserChange

_MARKS = {"came": "+", "went": "-", "ended": "-", "reworded": "~", "changed": "~"}
_STYLES = {"came": "green", "went": "red", "ended": "yellow", "reworded": "cyan", "changed": "cyan"}


def diff_page(diff: StoreDiff) -> RenderableType:
    """Return what changed between two builds for reading.

    :param diff: of the store.
    """
    head = Text(f"build {diff.before.number} to build {diff.after.number}", style="bold")
    head.append(f"  {diff.before.finished:%Y-%m-%d %H:%M} to {diff.after.finished:%Y-%m-%d %H:%M} UTC", style="dim")
    parts: list[RenderableType] = [head]
    if not diff.users and not diff.segments:
        parts.append(Text("nothing has changed"))
    parts += [Text(line) for line in segment_lines(diff.segments)]
    for change in diff.users:
        parts += [Text(), Text(printable(change.user_id), style="bold"), *_user_lines(change)]
    return Group(*parts)


def history_page(profile: UserProfile, builds: Sequence[UserBuild], cited: Mapping[str, Document]) -> RenderableType:
    """Return the claims that later words of a user ended, and what builds changed, for reading.

    :param profile: of the user.
    :param builds: what each build changed, the last one first.
    :param cited: the documents of the words that ended claims, by id.
    """
    parts: list[RenderableType] = [Text(printable(profile.user_id), style="bold")]
    if profile.past_claims:
        parts += [Text(), Text("Claims that ended", style="bold")]
    for past in profile.past_claims:
        line = Text(f"  {past.claim.words}", style="strike")
        line.append(f"  {past.claim.first} to {past.ended}", style="dim not strike")
        quote = Text(f"“{' '.join(past.by.quote.split())}”", style="italic")
        about = item_and_day(cited.get(past.by.document))
        quote.append(f" — {about}" if about else "", style="dim not italic")
        parts += [line, indented(quote, 6)]
    for build in builds:
        head = Text(f"build {build.build.number}", style="bold")
        head.append(f"  {build.build.finished:%Y-%m-%d %H:%M} UTC", style="dim")
        parts += [Text(), head, *_user_lines(build.change)]
    if not profile.past_claims and not builds:
        parts.append(Text("no build has changed anything about this user since history is kept"))
    return Group(*parts)


def history_lines(builds: Sequence[UserBuild]) -> Iterator[str]:
    """Yield a line of text for each change of a user's claims and segment.

    :param builds: what each build changed, the last one first.
    """
    for build in builds:
        for line in _user_lines(build.change):
            yield f"{build.build.finished:%Y-%m-%d}: {' '.join(line.plain.split())}"


def segment_lines(changes: Sequence[SegmentChange]) -> Iterator[str]:
    """Yield a sentence for each segment that split, merged, appeared or vanished.

    :param changes: of a build or between two.
    """
    for change in changes:
        before = " and ".join(_segment(id_, change) for id_ in change.before)
        after = " and ".join(_segment(id_, change) for id_ in change.after)
        if change.change == "split":
            yield f"segment {before} split into {after}"
        elif change.change == "merged":
            yield f"segments {before} merged into {after}"
        elif change.change == "appeared":
            yield f"segment {after} appeared"
        else:
            yield f"segment {before} vanished"


def _segment(id_: str, change: SegmentChange) -> str:
    name = change.names.get(id_)
    return f"{id_} ({printable(name)})" if name else id_


def _user_lines(change: UserChange) -> Iterator[Text]:
    if change.is_new:
        yield Text(f"  new, {counted(len(change.claims), 'claim')}", style="dim")
    for claim in change.claims:
        yield _claim_line(claim)
    if change.segment_before and change.segment_before != change.segment:
        yield Text(f"  segment {change.segment_before} to {change.segment or 'none'}", style="dim")


def _claim_line(change: ClaimChange) -> Text:
    state = change.after or change.before
    assert state is not None
    line = Text(f"  {_MARKS[change.change]} ", style=_STYLES[change.change])
    if change.change == "reworded" and change.before:
        line.append(f"{change.before.words} → ")
    line.append(state.words)
    line.append(f"  {state.kind} {_facts(change, state)}", style="dim")
    return line


def _facts(change: ClaimChange, state: ClaimState) -> str:
    if change.change == "ended":
        return f"ended {change.ended}"
    if change.change != "changed" or change.before is None:
        return f"{state.support:.2f}"
    parts = [f"{change.before.support:.2f} to {state.support:.2f}"]
    if change.before.trend != state.trend:
        parts.append(f"{change.before.trend or 'no trend'} to {state.trend or 'no trend'}")
    return ", ".join(parts)
