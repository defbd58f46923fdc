"""The command that opens the page where a person reads, checks and corrects profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from profilegen.cli.app import app
from profilegen.cli.options import Store, readable
from profilegen.errors import UsageError
from profilegen.publish.output import print_text


@app.command()
def review(
    store: Store = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other machines can reach any but the default.")
    ] = "127.0.0.1",
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    terminal: Annotated[bool, typer.Option("--terminal", help="Review here, without a browser.")] = False,
    by: Annotated[
        str | None, typer.Option(help="Your name, with --terminal. [default: the login name]", callback=readable)
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write all decisions to a file (JSON Lines), - for standard output.")
    ] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", help="Take decisions from such a file, - for standard input.")
    ] = None,
) -> None:
    """Read, check and correct profiles on a page of your own, or on the terminal.

    The page is served on this machine alone and needs no network. The link that is printed carries a token and signs
    you in: nobody sees anything without it. What a person approves, edits, strikes or adds
    stays when the store is built again, and `show` and `export` carry it.

    Example: profilegen review --open

    Example: profilegen review --terminal --by Bea

    Example: profilegen review --export decisions.jsonl
    """
    from profilegen.config import load_settings

    if sum([terminal, export is not None, import_ is not None]) > 1:
        raise UsageError("--terminal, --export and --import are three different things; choose one")
    directory = load_settings(store=store).store
    if export is not None:
        from profilegen.review.transfer import export_decisions

        count = export_decisions(directory, export)
        print_text(f"wrote {count:,} decisions to {export}", error=True)
    elif import_ is not None:
        from profilegen.review.transfer import import_decisions

        print_text(import_decisions(directory, import_))
    elif terminal:
        from profilegen.review.terminal import review as run

        run(directory, by=by)
    else:
        from profilegen.review.serve import serve

        serve(directory, host=host, port=port, open_browser=open_, echo=print_text)
