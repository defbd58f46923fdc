"""Profiles, segments and lists as pages for a terminal, which `output.print_page` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from profilegen.language.cleaning import printable
from profilegen.publish.changes import segment_lines
from profilegen.publish.files import counted, files_lines, indented, item_and_day, masked_line, repeated_lines
from profilegen.records import (
    BuildReport,
    Claim,
    Document,
    SearchResult,
    Segment,
    SegmentGroup,
    UserProfile,
    kind_named,
)

_BAR_WIDTH = 10
_STATUS_STYLES = {"ok": "green", "insufficient": "yellow", "failed": "red"}
_MAX_QUOTES = 2
_MAX_CATEGORIES, _MAX_LISTED = 8, 3
# A segment whose overlap with what new clusterings find is less than this is not to be relied on (Hennig 2007).


def user_page(
    profile: UserProfile,
    cited: Mapping[str, Document],
    segment: Segment | None,
    *,
    numbers: Mapping[tuple[str, str], int] | None = None,
) -> RenderableType:
    """Return a user's profile for reading.

    :param profile: of the user.
    :param cited: the documents that its claims rest on, by id.
    :param segment: of the user, None if there is none.
    :param numbers: what to put before claims, by kind and text.
    """
    head = Text(printable(profile.user_id), style="bold")
    head.append(f"  {profile.status}", style=_STATUS_STYLES[profile.status])
    head.append(f"  {profile.language}", style="dim")
    parts: list[RenderableType] = [head]
    if profile.reason:
        parts.append(Text(f"No profile: {profile.reason}.", style="yellow"))
    if profile.summary:
        parts += [Text(), Text(profile.summary)]
    parts += _claims(profile, cited, numbers or {})
    parts += [Text(), Text("Behaviour", style="bold"), indented(Text(_behaviour(profile)), 2)]
    parts += [
        Text(),
        Text("Segment", style="bold"),
        indented(Text(_segment_line(profile, segment)), 2),
    ]
    made = profile.built_with
    wrote = {"writer": f"written by {made.writer}", "template": "composed by template", "none": "no summary"}
    wrote["mixed"] = f"{wrote['writer']} and {wrote['template']}"
    parts += [Text(), Text(f"{wrote[made.summary]} · embedded by {made.embedder}", style="dim")]
    return Group(*parts)


def segment_page(
    segment: Segment, cited: Mapping[str, Document], groups: Mapping[str, SegmentGroup] | None = None
) -> RenderableType:
    """Return a segment for reading.

    :param segment: the segment.
    :param cited: the documents that its claims rest on, by id.
    :param groups: the groups that segments belong to, by id.
    """
    head = Text(segment.name, style="bold")
    head.append(f"  {segment.id}  {counted(segment.size, 'user')}", style="dim")
    parts: list[RenderableType] = [head]
    above = [groups[id_].name for id_ in segment.groups if groups and id_ in groups]
    if above:
        parts.append(Text(f"part of {' › '.join(above)}", style="dim"))
    if segment.criterion:
        parts.append(Text(segment.criterion, style="italic"))
    parts += [Text(), Text(segment.summary)]
    parts += _claims(segment, cited, {})
    if segment.keyphrases:
        parts += [Text(), Text("What sets them apart", style="bold")]
        parts.append(indented(Text(" · ".join(segment.keyphrases)), 2))
    if segment.categories:
        parts += [Text(), Text("Categories of its users", style="bold")]
        parts.append(indented(Text(_categories(segment, _MAX_CATEGORIES)), 2))
    shown = segment.members[:10]
    more = f" and {segment.size - len(shown)} more" if segment.size > len(shown) else ""
    parts += [Text(), Text("Most typical users", style="bold")]
    parts.append(indented(Text(", ".join(map(printable, shown)) + more), 2))
    return Group(*parts)


def segment_list(segments: Sequence[Segment], groups: Mapping[str, SegmentGroup] | None = None) -> RenderableType:
    """Return segments as a table, those of a group together.

    :param segments: in the order of the rows.
    :param groups: the groups that segments belong to, by id.
    """
    if not segments:
        return Text("no segments yet; profilegen build makes them")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("users", justify="right")
    table.add_column("id", no_wrap=True)
    table.add_column("segment", ratio=2)
    table.add_column("what its users care about", ratio=3)
    table.add_column("categories of its users", ratio=2)
    groups = groups or {}
    of_group: dict[str, list[Segment]] = {}
    for segment in segments:
        of_group.setdefault(segment.groups[0] if segment.groups else "", []).append(segment)
    group = ""
    for segment in (each for members in of_group.values() for each in members):
        if segment.groups and segment.groups[0] != group and segment.groups[0] in groups:
            group = segment.groups[0]
            users = str(sum(each.size for each in of_group[group]))
            of = groups[group]
            table.add_row(Text(users, style="dim"), "", Text(of.name, style="dim italic"), Text(of.criterion, "dim"))
        name, summary = Text(segment.name, style="bold"), Text(segment.summary)
        table.add_row(str(segment.size), segment.id, name, summary, Text(_categories(segment, _MAX_LISTED)))
    return table


def found_list(found: Sequence[SearchResult]) -> RenderableType:
    """Return the results of a search, each with the reason.

    :param found: the best first.
    """
    parts: list[RenderableType] = []
    for place, user in enumerate(found, 1):
        line = Text(f"{place:>2}. ")
        line.append(printable(user.user_id), style="bold")
        line.append(f"  {user.likeness:.2f}  {user.segment or ''}", style="dim")
        parts.append(line)
        if user.summary:
            parts.append(indented(Text(user.summary), 4))
        parts.append(indented(Text(f"why: {user.why}", style="dim"), 4))
    return Group(*parts) if parts else Text("no user found")


def build_summary(report: BuildReport, store: str) -> RenderableType:
    """Return what a build did, in a few lines.

    :param report: of the build.
    :param store: directory of the store.
    """
    lines = [
        f"{counted(report.users, 'user')} with {counted(report.documents, 'document')} "
        f"in {counted(report.segments, 'segment')}: {store}"
    ]
    lines.append(f"profiles: {report.ok:,} ok, {report.insufficient:,} insufficient, {report.failed:,} failed")
    lines += _changes(report)
    lines.append(masked_line(report.masked, report.mask))
    lines.append(f"embedder: {report.embedder} ({report.embedder_reason})")
    lines.append(f"writer: {report.writer}; verifier: {report.verifier}")
    if report.changed:
        slowest = sorted(report.seconds.items(), key=lambda item: -item[1])[:4]
        spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in slowest)
        total = sum(report.seconds.values())
        did = [f"embedded {counted(report.embedded, 'document')}"] if report.embedded else []
        did += [f"read {counted(report.readings, 'reading')}"] if report.readings else []
        did += [f"made {counted(report.written, 'profile')}"] if report.written else []
        lines.append(f"{', '.join(did) or 'updated segments and index'} in {total:.0f} s ({spent})")
    else:
        lines.append("nothing has changed")
    if report.categorised and not report.written:
        lines.append(f"gave the interests of {counted(report.categorised, 'user')} their categories")
    text = Text("\n".join([*lines, *repeated_lines(report.repeated), *files_lines(report.files)]))
    if report.bad_lines:
        text.append(f"\nskipped {counted(report.bad_lines, 'bad line')}, such as", style="yellow")
        for bad in report.bad_examples[:5]:
            text.append(f"\n  {printable(bad.file)}:{bad.line}: {printable(bad.reason)}", style="yellow")
    if report.skipped_files:
        text.append(f"\npassed over {counted(report.skipped_files, 'file')}, such as", style="yellow")
        for skipped in report.skipped_examples[:5]:
            text.append(f"\n  {printable(skipped.file)}: {skipped.reason}", style="yellow")
    return text


def _changes(report: BuildReport) -> Iterator[str]:
    """Yield a line for each kind of change that there was."""
    if report.unclustered:
        yield f"{counted(report.unclustered, 'user')} between segments, assigned to the nearest"
    if report.moved:
        yield f"moved {counted(report.moved, 'user')} to another segment"
    yield from segment_lines(report.segment_changes)
    if report.ended:
        yield f"{counted(report.ended, 'claim')} ended by later words"
    if report.duplicates:
        yield f"dropped {counted(report.duplicates, 'duplicate')}"
    if report.forgotten:
        yield f"passed over {counted(report.forgotten, 'row')} of forgotten users; --allow-forgotten takes them in"
    if report.removed_users:
        yield f"removed {counted(report.removed_users, 'user')} that the input no longer has"


def _claims(
    profile: UserProfile | Segment, cited: Mapping[str, Document], numbers: Mapping[tuple[str, str], int]
) -> list[RenderableType]:
    parts: list[RenderableType] = []
    heading = None
    for kind, claim in profile.iter_claims():
        if kind != heading:
            heading = kind
            parts += [Text(), Text(kind_named(kind).heading, style="bold")]
        parts.append(_claim(claim, cited, numbers.get((kind, claim.text))))
    return parts


def _claim(claim: Claim, cited: Mapping[str, Document], number: int | None) -> RenderableType:
    line = Text("  " if number is None else f"{number:>3} ")
    full = round(claim.support * _BAR_WIDTH)
    line.append("█" * full + "░" * (_BAR_WIDTH - full), style="cyan")
    line.append(f" {claim.support:.2f} ", style="dim")
    line.append(claim.words)
    if claim.trend:
        line.append(f"  {claim.trend}", style="dim")
    if claim.category:
        line.append(f"  {claim.category.name}", style="dim")
    if claim.reviewed:
        line.append(f"  {claim.reviewed.verdict} by {claim.reviewed.by}", style="green")
    parts: list[RenderableType] = [line]
    for evidence in claim.evidence[:_MAX_QUOTES]:
        quote = Text(f"“{' '.join(evidence.quote.split())}”", style="italic")
        about = item_and_day(cited.get(evidence.document))
        quote.append(f" — {about}" if about else "", style="dim not italic")
        parts.append(indented(quote, 18))
    return Group(*parts)


def _categories(segment: Segment, most: int) -> str:
    return " · ".join(f"{count.category.name} {count.users / segment.size:.0%}" for count in segment.categories[:most])


def _behaviour(profile: UserProfile) -> str:
    seen = profile.behaviour
    parts = [counted(seen.documents, "document")]
    if seen.first and seen.last:
        parts.append(seen.first if seen.first == seen.last else f"{seen.first} to {seen.last}")
    if seen.per_month is not None:
        parts.append(f"{seen.per_month:g} a month")
    if seen.mean_rating is not None:
        parts.append(f"mean rating {seen.mean_rating:g} of 5")
    if seen.low_ratings:
        parts.append(f"{seen.low_ratings:.0%} low ratings")
    if seen.spend is not None:
        parts.append(f"prices add up to {seen.spend:,.2f}")
    if seen.active_hours:
        parts.append("mostly at " + ", ".join(f"{hour}h" for hour in seen.active_hours))
    return " · ".join(parts)


def _segment_line(profile: UserProfile, segment: Segment | None) -> str:
    if profile.segment is None:
        return "none yet"
    name = f"{segment.name} ({segment.id})" if segment else profile.segment
    how = "assigned to the nearest" if profile.segment_assigned else "placed"
    near = ", ".join(f"{near.id} ({near.weight:.2f})" for near in profile.near_segments)
    line = f"{name} · {how}, confidence {profile.segment_confidence or 0:.2f}"
    return f"{line} · near {near}" if near else line
