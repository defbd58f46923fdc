"""The command that looks files over before anything is built: inspect."""

from __future__ import annotations

from typing import Annotated

import typer

from profilegen.cli.app import app
from profilegen.cli.options import Files, Json, Map, Mask, User, mapping_of
from profilegen.publish.output import print_json, print_page


@app.command()
def inspect(
    files: Files,
    map: Map = None,
    user: User = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Read everything, not only 100,000 rows or about a second of each file.")
    ] = False,
    mask: Mask = None,
    json_: Json = False,
) -> None:
    """Say what files are and what a build would read of them.

    Format, encoding, and the source that they were recognised as; rows, users, documents, times and languages; which
    column became which field and why, and which are left out; what is passed over, what cannot be read and what looks
    wrong; what would be masked in the texts; two documents; and the command that builds from them. Nothing is built or
    written, no model is needed.

    Files that are alike, such as the days of a chat export, are summed up.

    Example: profilegen inspect reviews.csv

    Example: profilegen inspect export.zip --json

    Example: profilegen inspect posts.json --map user_id=author.id --map text=title --map text=body
    """
    from profilegen.config import load_settings
    from profilegen.ingest.inspection import LIMITS, inspect_files

    limits, settings = None if all_ else LIMITS, load_settings(mask=mask.value if mask else None)
    found = inspect_files(
        files, mapping=mapping_of(map), user=user, limits=limits, max_bad=settings.max_bad, mask=settings.mask
    )
    if json_:
        print_json(found.model_dump(mode="json"))
    else:
        from profilegen.publish.files import inspection_page

        print_page(inspection_page(found))
    if found.problems:
        raise typer.Exit(1)
