"""The command that builds as files arrive: watch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profilegen.cli.app import app
from profilegen.cli.console import progress_bars
from profilegen.cli.options import Map, Mask, Pseudonyms, Store, User, Verifier, Workers, Writer, mapping_of
from profilegen.publish.output import print_page, print_text

if TYPE_CHECKING:
    from profilegen.pipeline.watching import Round
    from profilegen.records import BuildReport


@app.command()
def watch(
    directory: Annotated[Path, typer.Argument(help="The directory whose files are built.")],
    store: Store = None,
    map: Map = None,
    user: User = None,
    writer: Writer = None,
    verifier: Verifier = None,
    mask: Mask = None,
    pseudonyms: Pseudonyms = None,
    add: Annotated[bool, typer.Option("--add", help="Remove nothing: keep what the files do not have.")] = False,
    wait: Annotated[float, typer.Option(min=0.1, max=3600, help="Build when nothing changed for so many seconds.")] = 2,
    workers: Workers = None,
    json_: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each build and each error.")] = False,
) -> None:
    """Build a directory, and again whenever files in it are new, changed or gone, until Ctrl-C.

    Each build does what `profilegen build DIRECTORY` does, and only what the changes make necessary. A build that would
    remove many users is refused, as there. An error is printed and does not end the watch: where a file is damaged,
    the others that changed are added. What changes during a build is built after it.

    Example: profilegen watch inbox --store store

    Example: profilegen watch inbox --add --json >> builds.jsonl
    """
    from profilegen.config import load_settings
    from profilegen.pipeline.build import build as run
    from profilegen.pipeline.watching import build_changes, changes_in

    settings = load_settings(
        store=store,
        writer=writer,
        verifier=verifier,
        mask=mask.value if mask else None,
        pseudonyms=pseudonyms,
        workers=workers,
    )
    mapping = mapping_of(map)

    def built(changed: Sequence[Path]) -> Round:
        with progress_bars() as progress:

            def build(paths: Sequence[str], only_add: bool) -> BuildReport:
                return run(
                    paths,
                    settings,
                    mapping=mapping,
                    user=user,
                    add=only_add,
                    progress=progress,
                    announce=progress.announce,
                )

            return build_changes(build, directory, changed, add=add)

    is_building = False
    try:
        for number, changed in enumerate(changes_in(directory, settings.store, wait)):
            if number == 0:
                print_text(f"Watching {directory} (Ctrl-C ends it)", error=True)
            is_building = True
            done = built(changed)
            is_building = False
            _print(done, str(settings.store), json_)
    except KeyboardInterrupt:  # how a watch is meant to end
        if is_building:
            raise


def _print(done: Round, store: str, as_json: bool) -> None:
    from profilegen.publish import terminal

    at = datetime.now(UTC).isoformat(timespec="seconds")
    for report in done.reports:
        if as_json:
            print_text(json.dumps({"at": at, "event": "build", "report": report.model_dump(mode="json")}))
        elif report.changed:
            print_page(terminal.build_summary(report, store))
    for error in done.errors:
        if as_json:
            print_text(json.dumps({"at": at, "event": "error", "error": type(error).__name__, "message": str(error)}))
        else:
            print_text(f"error: {error}", error=True)
