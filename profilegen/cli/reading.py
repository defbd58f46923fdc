"""The commands that read a store: search, similar, show, segments, export."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from profilegen.cli.app import app
from profilegen.cli.console import opened_store
from profilegen.cli.options import Category, Count, Json, Store, readable
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
    json_: Json = False,
) -> None:
    """Show the profile of a user or of a segment, each claim with quotes as evidence.

    Example: profilegen show maya_t

    Example: profilegen show maya_t --format html > maya_t.html
    """
    if json_ and format:
        raise UsageError("--json and --format exclude each other")
    from profilegen.publish import terminal

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
            from profilegen.publish import report
            from profilegen.publish.export import export_text

            page = report.sheet(opened, user, format.value) if user else None
            export_text(page or report.segment_sheet(opened, shown, format.value), None)
        elif json_:
            print_json(shown.model_dump(mode="json"))
        elif user:
            print_page(terminal.user_page(user, opened.cited(user), segment))
        elif segment:
            print_page(terminal.segment_page(segment, opened.cited(segment), opened.segment_groups()))


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
    store: Store = None,
) -> None:
    """Write all users, segments or documents for other programs, or a report for people who have no profilegen.

    CSV is safe to open in a spreadsheet: text that begins with = + - @, a tab or a line break has an apostrophe before
    it, so that it is never evaluated as a formula. JSON Lines and Parquet hold every text exactly.

    Example: profilegen export users --format parquet -o users.parquet

    Example: profilegen export users --category "Skin care"

    Example: profilegen export report -o report.html
    """
    from profilegen.publish.export import export as run
    from profilegen.publish.export import export_text

    if (what is What.report) != (format in {Format.html, Format.md} if format else what is What.report):
        raise UsageError("a report is html or md; users, segments and documents are jsonl, csv or parquet")
    if what is What.report:
        from profilegen.publish.report import report

        with opened_store(store) as opened:
            export_text(report(opened, "md" if format is Format.md else "html"), output)
        if output is not None:
            print_text(f"wrote the report to {output}", error=True)
        return
    if category is not None and what is not What.users:
        raise UsageError("--category chooses among users; leave it out for segments and documents")
    format = format or Format.jsonl
    if output is None and format is Format.parquet and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal; name a file with --output")
    with opened_store(store) as opened:
        count = run(opened, cast("Any", what.value), cast("Any", format.value), output, category=category)
    if output is not None:
        print_text(f"wrote {count:,} {what.value} to {output}", error=True)


def _print_found(found: Sequence[Any], as_json: bool) -> None:
    from profilegen.publish import terminal

    if as_json:
        print_json([user.model_dump(mode="json") for user in found])
    else:
        print_page(terminal.found_list(found))
