"""The commands that read a store: search, similar, show, diff, segments, export."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from profilegen.cli.app import app
from profilegen.cli.console import opened_store
from profilegen.cli.options import Category, Count, Json, MinSegmentUsers, Store, readable
from profilegen.errors import ProfilegenError, UsageError
from profilegen.publish.output import print_json, print_page, print_text


class What(StrEnum):
    """What can be exported."""

    users = "users"
    segments = "segments"
    documents = "documents"
    report = "report"


class Format(StrEnum):
    """How it can be exported."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    html = "html"
    md = "md"


class Page(StrEnum):
    """How a profile can be written for people."""

    html = "html"
    md = "md"


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="A description of users, in plain words.", callback=readable)],
    n: Count = 10,
    segment: Annotated[
        str | None, typer.Option(help="Only users of this segment, by id or name.", callback=readable)
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Only users who write in this language, such as en.", callback=readable)
    ] = None,
    category: Category = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Find the users whom a description fits, with the reason for each result.

    Example: profilegen search "people who train dogs"

    Example: profilegen search "gifts for a birthday" --category Pets
    """
    with opened_store(store) as opened:
        _print_found(opened.search(query, n, segment=segment, language=language, category=category), json_)


@app.command()
def similar(
    user: Annotated[str, typer.Argument(help="A user id.", callback=readable)],
    n: Count = 10,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Find the users most like a user.

    Example: profilegen similar maya_t -n 5
    """
    with opened_store(store) as opened:
        _print_found(opened.similar(user, n), json_)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A user id, or the id or name of a segment.", callback=readable)],
    store: Store = None,
    format: Annotated[
        Page | None, typer.Option("--format", "-f", help="Print a complete page for other readers.")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show claims of a user that ended, and what each build changed.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Show the claims of a user that held on a day, as in 2024-05-31."),
    ] = None,
    json_: Json = False,
) -> None:
    """Show the profile of a user or of a segment, each claim with quotes as evidence.

    Example: profilegen show maya_t

    Example: profilegen show maya_t --format html > maya_t.html

    Example: profilegen show maya_t --history

    Example: profilegen show maya_t --as-of 2024-05-31
    """
    if json_ and format:
        raise UsageError("--json and --format exclude each other")
    if sum([history, as_of is not None, format is not None]) > 1:
        raise UsageError("--history, --as-of and --format exclude each other")
    from profilegen.publish import terminal

    if history or as_of is not None:
        _show_past(name, store, None if as_of is None else _day(as_of), json_)
        return

    with opened_store(store) as opened:
        user = opened.user(name)
        segment = opened.segment(user.segment) if user and user.segment else opened.segment(name)
        shown = user or segment
        if shown is None:
            raise ProfilegenError(
                f"there is no user or segment {name!r} in {opened.directory}; find users with `profilegen search`, "
                "segments with `profilegen segments`"
            )
        if format:
            from profilegen.config import load_settings
            from profilegen.publish import report
            from profilegen.publish.export import export_text

            page = report.sheet(opened, user, format.value) if user else None
            export_text(
                page
                or report.segment_sheet(
                    opened, shown, format.value, min_segment_users=load_settings().min_segment_users
                ),
                None,
            )
        elif json_:
            print_json(shown.model_dump(mode="json"))
        elif user:
            print_page(terminal.user_page(user, opened.cited(user), segment))
        elif segment:
            print_page(terminal.segment_page(segment, opened.cited(segment), opened.segment_groups()))


@app.command()
def diff(
    before: Annotated[
        int | None, typer.Argument(min=1, help="Number of the earlier build. [default: the one before]")
    ] = None,
    after: Annotated[
        int | None, typer.Argument(min=1, help="Number of the later build. [default: the last that changed something]")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Only this user.", callback=readable)] = None,
    builds: Annotated[bool, typer.Option("--builds", help="List the builds and their numbers.")] = False,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Show what changed from one build to another: claims that came, went, ended or changed, and segments.

    Claims are as the machine wrote them, without the decisions of reviewers. Users and documents that are no longer in
    the store are in no difference.

    Example: profilegen diff

    Example: profilegen diff 3 7 --user maya_t

    Example: profilegen diff --builds
    """
    from profilegen.publish import changes

    with opened_store(store) as opened:
        if builds:
            found = opened.builds()
            if json_:
                print_json([build.model_dump(mode="json") for build in found])
            for build in () if json_ else found:
                what = "" if build.changed else "  nothing has changed"
                print_text(
                    f"{build.number:>4}  {build.finished:%Y-%m-%d %H:%M} UTC  "
                    f"users: {build.users:,}  documents: {build.documents:,}{what}"
                )
            return
        shown = opened.diff(before, after, user_id=user)
    if json_:
        print_json(shown.model_dump(mode="json"))
    else:
        print_page(changes.diff_page(shown))


@app.command()
def segments(store: Store = None, json_: Json = False) -> None:
    """List the segments, the largest first.

    Example: profilegen segments --json
    """
    from profilegen.publish import terminal

    with opened_store(store) as opened:
        found = opened.segments()
        if json_:
            print_json([segment.model_dump(mode="json") for segment in found])
        else:
            print_page(terminal.segment_list(found, opened.segment_groups()))


@app.command()
def export(
    what: Annotated[What, typer.Argument(help="What to export.")],
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="File format. [default: jsonl; of a report, html]")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. [default: standard output]")
    ] = None,
    category: Category = None,
    min_segment_users: MinSegmentUsers = None,
    store: Store = None,
) -> None:
    """Write all users, segments or documents for other programs, or a report for people who have no profilegen.

    CSV is safe to open in a spreadsheet: text that begins with = + - @, a tab or a line break has an apostrophe before
    it, so that it is never evaluated as a formula. JSON Lines and Parquet hold every text exactly.

    Of segments of fewer than five users (--min-segment-users), exports of segments and reports have neither words nor
    the number of users.

    Example: profilegen export users --format parquet -o users.parquet

    Example: profilegen export users --category "Skin care"

    Example: profilegen export report -o report.html
    """
    from profilegen.config import load_settings
    from profilegen.publish.export import export as run
    from profilegen.publish.export import export_text

    if (what is What.report) != (format in {Format.html, Format.md} if format else what is What.report):
        raise UsageError("a report is html or md; users, segments and documents are jsonl, csv or parquet")
    least = load_settings(store=store, min_segment_users=min_segment_users).min_segment_users
    if what is What.report:
        from profilegen.publish.report import report

        with opened_store(store) as opened:
            page = report(opened, "md" if format is Format.md else "html", min_segment_users=least)
            export_text(page, output)
        if output is not None:
            print_text(f"wrote the report to {output}", error=True)
        return
    if category is not None and what is not What.users:
        raise UsageError("--category chooses among users; leave it out for segments and documents")
    format = format or Format.jsonl
    if output is None and format is Format.parquet and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal; name a file with --output")
    with opened_store(store) as opened:
        as_format = cast("Any", format.value)
        count = run(opened, cast("Any", what.value), as_format, output, category=category, min_segment_users=least)
    if output is not None:
        print_text(f"wrote {count:,} {what.value} to {output}", error=True)


def _show_past(name: str, store: Path | None, day: date | None, as_json: bool) -> None:
    """Print the history of a user, or the profile as it was on a day."""
    from profilegen.publish import changes, terminal

    with opened_store(store) as opened:
        user = opened.user(name) if day is None else opened.user_on(name, day)
        if user is None:
            raise ProfilegenError(
                f"there is no user {name!r} in {opened.directory}; find users with `profilegen search`"
            )
        if day is not None and as_json:
            print_json(user.model_dump(mode="json"))
        elif day is not None:
            print_page(terminal.user_page(user, opened.cited(user), None))
        elif as_json:
            past = [each.model_dump(mode="json") for each in user.past_claims]
            builds = [each.model_dump(mode="json") for each in opened.history(name)]
            print_json({"user_id": name, "past_claims": past, "builds": builds})
        else:
            print_page(changes.history_page(user, opened.history(name), opened.cited(user)))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of wants a day such as 2024-05-31, not {text!r}") from None


def _print_found(found: Sequence[Any], as_json: bool) -> None:
    from profilegen.publish import terminal

    if as_json:
        print_json([user.model_dump(mode="json") for user in found])
    else:
        print_page(terminal.found_list(found))
