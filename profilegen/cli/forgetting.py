"""The command that removes users for good, and proves it: forget."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from profilegen.cli.app import app
from profilegen.cli.console import progress_bars
from profilegen.cli.options import Json, Store, readable
from profilegen.errors import UsageError
from profilegen.publish.output import print_json, print_text


@app.command()
def forget(
    users: Annotated[list[str], typer.Argument(metavar="USER...", help="Ids of users.")],
    store: Store = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Remove nothing: look for the users in every byte of the store.")
    ] = False,
    texts: Annotated[
        list[str] | None,
        typer.Option(
            "--texts", metavar="FILE", help="With --check, a file that has their texts, as for build. Repeatable."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Remove users for good, and prove it.

    Removes their documents, vectors, profiles, notes, decisions, and places in lists; their words in descriptions of
    segments, which are written again; the old index, reports of evaluations, and what the files of the ledger still
    hold of all that. Then it looks for them in every byte of the store, and prints a receipt. What could not be removed
    is named, and the exit status is 1. If it is killed, whatever writes to the store next finishes it.

    A build of the same files passes these users over: the store keeps a salted hash of each id.

    With --check, it only looks: for the ids, and for any six words in a row of their texts, which are those in the
    store or in the files of --texts. The exit status is 1 if there is a trace.

    Example: profilegen forget maya_t --yes

    Example: profilegen forget --check maya_t --texts reviews.jsonl
    """
    from profilegen.config import load_settings
    from profilegen.pipeline.forgetting import find_traces
    from profilegen.pipeline.forgetting import forget as run
    from profilegen.publish.receipts import receipt_lines, trace_lines

    for user in users:
        readable(user)
    settings = load_settings(store=store)
    if check:
        if yes:
            raise UsageError("--check removes nothing, so there is nothing to say --yes to")
        found = find_traces(users, settings.store, texts=texts or ())
        print_json(found.model_dump(mode="json")) if json_ else print_text("\n".join(trace_lines(found)))
        raise typer.Exit(int(bool(found.found)))
    if texts:
        raise UsageError("--texts goes with --check; to remove users, their texts are taken from the store")
    if not yes and not _is_confirmed(users):
        raise UsageError("nothing was removed")
    with progress_bars() as progress:
        receipt = run(users, settings, progress=progress)
    print_json(receipt.model_dump(mode="json")) if json_ else print_text("\n".join(receipt_lines(receipt)))
    raise typer.Exit(int(bool(receipt.pending)))


def _is_confirmed(users: list[str]) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("this cannot be undone, and nobody can be asked here; confirm it with --yes")
    print_text(
        f"This removes {', '.join(users)} with all texts and all that was made of them, and cannot be undone.\n"
        "Remove? [y/N] ",
        error=True,
        end="",
    )
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
