"""The commands that make and check a store: build, demo, doctor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profilegen.cli.app import app
from profilegen.cli.console import progress_bars
from profilegen.cli.options import (
    Embedder,
    Files,
    Json,
    Map,
    Mask,
    Pseudonyms,
    Store,
    User,
    Verifier,
    Workers,
    Writer,
    mapping_of,
    readable,
)
from profilegen.publish.output import print_json, print_page, print_text

if TYPE_CHECKING:
    from profilegen.store.ledger import Removals

_DEMO_USERS = ("couchplay_kim", "qinzi_tubu_ma")
_DEMO_QUERY = "people who train their dogs"


@app.command()
def build(
    files: Files,
    store: Store = None,
    map: Map = None,
    user: User = None,
    embedder: Embedder = None,
    writer: Writer = None,
    verifier: Verifier = None,
    read: Annotated[
        int | None, typer.Option(min=100, help="Tokens of each user's texts that the writer reads. [default: 1500]")
    ] = None,
    special_subjects: Annotated[
        bool,
        typer.Option(
            "--special-subjects", help="Make claims on health, faith, politics, sexuality, origin and unions too."
        ),
    ] = False,
    mask: Mask = None,
    pseudonyms: Pseudonyms = None,
    taxonomy: Annotated[
        str | None,
        typer.Option(
            help="File of categories for interests, or default. [default: the store's, else the shipped list]",
            callback=readable,
        ),
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="Remove nothing: keep what the files do not have.")] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove users whom the files do not have, even many, without asking.")
    ] = False,
    allow_forgotten: Annotated[
        bool, typer.Option("--allow-forgotten", help="Take in users again whom `forget` removed.")
    ] = False,
    re_embed: Annotated[
        bool, typer.Option("--re-embed", help="Embed everything again, with another embedder.")
    ] = False,
    settle: Annotated[
        bool, typer.Option("--settle", help="Do what small builds put off, as one build of everything would.")
    ] = False,
    max_bad: Annotated[
        float | None, typer.Option(help="Highest share of bad lines; with more, nothing is built. [default: 0.01]")
    ] = None,
    min_cluster_size: Annotated[
        int | None, typer.Option(help="Smallest segment. [default: chosen by how well segments separate users]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the clustering. [default: 42]")] = None,
    workers: Workers = None,
    json_: Json = False,
) -> None:
    """Read what users wrote and make or update the store.

    A writer notes what passages of each user show, a verifier checks each note against the words it cites, and what
    stands becomes claims and a summary. Users in a language that no writer or verifier knows get segments, no claims.
    Before the writer starts, the build says about how long it will take.

    Exports of many platforms are recognised by their shape, other tables by the names of their columns; what was
    recognised is printed, and `profilegen inspect` says it beforehand.

    The store ends up with what the files hold: users and texts that are in it already are not worked on again, those
    that are gone are removed. If more than a tenth of the users, or more than ten, would be removed, it asks first;
    where nobody can be asked, it stops unless --remove is given. With --add, nothing is removed. Rows of users whom
    `forget` removed are passed over and counted, unless --allow-forgotten is given.

    A small build puts off what hardly changes: it counts what texts have in common anew only when users are a quarter
    more or fewer, and clusters all users only when one in twenty has changed. --settle does both now, and describes
    all segments, so that the store is as one build of everything would make it.

    Before anything is stored, addresses, numbers and names of accounts in the texts give way to placeholders such as
    [email]; docs/privacy.md says which, and how many are found.

    Example: profilegen build reviews.jsonl --store store

    Example: profilegen build reviews.jsonl --settle

    Example: profilegen build posts.csv --map user_id=handle --map text=body

    Example: profilegen build chats.json --user ana --map 'text=messages[role=user].content'

    Example: profilegen build chats.json --mask strict --pseudonyms ../profilegen.key

    Example: profilegen build reviews.jsonl --read 400 --writer qwen2.5-coder-1.5b-instruct

    Example: profilegen build reviews.jsonl --taxonomy audience-taxonomy-1.1.tsv
    """
    from profilegen.config import load_settings
    from profilegen.pipeline.build import build as run

    settings = load_settings(
        store=store,
        embedder=embedder,
        writer=writer,
        verifier=verifier,
        read=read,
        special_subjects=special_subjects or None,
        mask=mask.value if mask else None,
        pseudonyms=pseudonyms,
        taxonomy=taxonomy,
        max_bad=max_bad,
        min_cluster_size=min_cluster_size,
        seed=seed,
        workers=workers,
    )
    with progress_bars() as progress:
        report = run(
            files,
            settings,
            mapping=mapping_of(map),
            user=user,
            add=add,
            re_embed=re_embed,
            remove=remove,
            settle=settle,
            allow_forgotten=allow_forgotten,
            confirm=None if json_ or "-" in files else progress.asking(_confirm_removal),
            progress=progress,
            announce=progress.announce,
        )
    if json_:
        print_json(report.model_dump(mode="json"))
    else:
        from profilegen.publish import terminal

        print_page(terminal.build_summary(report, str(settings.store)))


@app.command()
def demo(
    store: Annotated[Path, typer.Option("--store", "-s", help="Directory of the store.")] = Path("demo-store"),
) -> None:
    """Build the sample that ships with profilegen and show the results.

    Example: profilegen demo
    """
    from profilegen.config import load_settings
    from profilegen.pipeline.build import build as run
    from profilegen.publish import terminal
    from profilegen.resources import resource
    from profilegen.store.store import open_store

    sample = resource("examples/sample.jsonl")
    print_text("Building the sample: 68 invented users, English and Chinese. The first time takes a few minutes.")
    with progress_bars() as progress:
        ask = progress.asking(_confirm_removal)
        report = run(
            [str(sample)], load_settings(store=store), confirm=ask, progress=progress, announce=progress.announce
        )
    print_page(terminal.build_summary(report, str(store)))
    with open_store(store) as opened:
        print_text(f"\n$ profilegen segments --store {store}", bold=True)
        print_page(terminal.segment_list(opened.segments(), opened.segment_groups()))
        for user_id in _DEMO_USERS:
            user = opened.user(user_id)
            if user:
                print_text(f"\n$ profilegen show {user_id} --store {store}", bold=True)
                segment = opened.segment(user.segment) if user.segment else None
                print_page(terminal.user_page(user, opened.cited(user), segment))
        print_text(f'\n$ profilegen search "{_DEMO_QUERY}" -n 5 --store {store}', bold=True)
        print_page(terminal.found_list(opened.search(_DEMO_QUERY, 5)))
    print_text("\nTry, for example:")
    print_text(f'  profilegen search "people with small gardens" --store {store}')
    print_text(f"  profilegen show USER --store {store}")
    print_text("  profilegen build YOUR_FILE.csv")
    print_text("  profilegen --help")


@app.command()
def doctor(
    store: Store = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Keep what is sound of a damaged store; the next build makes the rest.")
    ] = False,
    json_: Json = False,
) -> None:
    """Check the installation, the models and the store.

    Of a damaged store it says what is lost. With --repair, each sound row is copied into a new ledger, and the damaged
    file stays beside it until a build has finished. Run the same build again after it: it reads lost texts from the
    files, makes again what was made of them, and builds the index.

    Example: profilegen doctor

    Example: profilegen doctor --store store --repair
    """
    from profilegen.config import load_settings
    from profilegen.doctor import examine
    from profilegen.doctor import repair as run_repair

    directory = load_settings(store=store).store
    checks = run_repair(directory) if repair else examine(directory)
    if json_:
        print_json([check.model_dump(mode="json") for check in checks])
    else:
        for check in checks:
            mark = {True: "ok  ", False: "bad ", None: "    "}[check.ok]
            print_text(f"{mark}{check.name}: {check.found}")
    if any(check.ok is False for check in checks):
        raise typer.Exit(1)


def _confirm_removal(removals: Removals) -> bool:
    print_text(
        f"The files have no text of {removals.users:,} of the {removals.all_users:,} users in the store; a build "
        f"removes them (documents: {removals.documents:,}, decisions of reviewers: {removals.decisions:,}).\n"
        "Remove them? [y/N] ",
        error=True,
        end="",
    )
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
