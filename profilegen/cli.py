"""The commands: parse, call, print."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Never

import typer
from typer.core import TyperGroup

from profilegen.errors import ProfilegenError, UsageError


class _Commands(TyperGroup):
    """Commands that leave Ctrl-C to `main`; Typer says nothing, or `Aborted.`, according to its version."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _StoppedError from None


class _StoppedError(Exception):
    """Ctrl-C was pressed."""


app = typer.Typer(
    name="profilegen",
    cls=_Commands,
    help="Profiles of users and segments from what they wrote, on your own machine.\n\nBegin with: profilegen demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
models_app = typer.Typer(
    help="The models that embed and write: list them, fetch them, add your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(models_app, name="models")


class What(StrEnum):
    """What can be exported."""

    users = "users"
    segments = "segments"
    documents = "documents"


class Format(StrEnum):
    """How it can be exported."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


class Pooling(StrEnum):
    """How the vectors of a text's tokens become one."""

    mean = "mean"
    cls = "cls"
    last = "last"


def _readable(value: str | None) -> str | None:
    """Refuse what the shell gave that is not UTF-8."""
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise UsageError(f"{value!r} is not valid UTF-8") from None
    return value


Store = Annotated[Path | None, typer.Option("--store", "-s", help="Directory of the store. [default: store]")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Count = Annotated[int, typer.Option("-n", min=1, max=1000, help="How many users.")]
Embedder = Annotated[str | None, typer.Option(help="Name or path of the embedding model. [default: follows the data]")]
Writer = Annotated[str | None, typer.Option(help="Name or path of the writing model. [default: the catalogue's]")]
Workers = Annotated[int | None, typer.Option(min=1, max=256, help="Processes that hold a model. [default: one a core]")]


def main() -> Never:
    """Run the command line; a user's mistake is one line and an exit status, never a traceback."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except UsageError as error:
        _fail(str(error), 2)
    except ProfilegenError as error:
        _fail(str(error), 1)
    except (KeyboardInterrupt, _StoppedError):
        _fail("stopped; a build goes on from where it was with the same command", 130)
    except BrokenPipeError:
        # The reader of the pipe has gone; Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # such as a full disk
        _fail(str(error), 1)
    sys.exit(0)


@app.command()
def build(
    files: Annotated[list[str], typer.Argument(help="Files or directories to read, - for standard input.")],
    store: Store = None,
    map: Annotated[
        list[str] | None, typer.Option("--map", help="Column of a field, as text=body; may be given again.")
    ] = None,
    embedder: Embedder = None,
    writer: Writer = None,
    add: Annotated[bool, typer.Option("--add", help="Keep what the store has and the files have not.")] = False,
    re_embed: Annotated[
        bool, typer.Option("--re-embed", help="Embed everything again, with another embedder.")
    ] = False,
    max_bad: Annotated[
        float | None, typer.Option(help="Share of bad lines past which nothing is built. [default: 0.01]")
    ] = None,
    min_cluster_size: Annotated[
        int | None, typer.Option(help="Smallest segment. [default: grows with the users]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the clustering. [default: 42]")] = None,
    workers: Workers = None,
    json_: Json = False,
) -> None:
    """Read what users wrote and make or update the store.

    CSV, TSV, JSON Lines, JSON and Parquet, plain or compressed. The store ends up with what the files hold: users
    and texts that are in it already are not worked on again, those that are gone are removed (see --add).

    Example: profilegen build reviews.jsonl --store store

    Example: profilegen build posts.csv --map user_id=handle --map text=body
    """
    from profilegen.config import load_settings
    from profilegen.pipeline import build as run

    settings = load_settings(
        store=store,
        embedder=embedder,
        writer=writer,
        max_bad=max_bad,
        min_cluster_size=min_cluster_size,
        seed=seed,
        workers=workers,
    )
    with _progress() as progress:
        report = run(files, settings, mapping=_mapping(map or []), add=add, re_embed=re_embed, progress=progress)
    if json_:
        _print_json(report.model_dump(mode="json"))
    else:
        from profilegen import display

        display.show(display.build_summary(report, str(settings.store)))


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What kind of users, in plain words.", callback=_readable)],
    n: Count = 10,
    segment: Annotated[
        str | None, typer.Option(help="Only users of this segment, by id or name.", callback=_readable)
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Only users who write in this language, as en.", callback=_readable)
    ] = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Find users by what they care about, and say why each was found.

    Example: profilegen search "people who train dogs"
    """
    with _opened(store) as opened:
        _print_found(opened.search(query, n, segment=segment, language=language), json_)


@app.command()
def similar(
    user: Annotated[str, typer.Argument(help="A user id.", callback=_readable)],
    n: Count = 10,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Find the users most like a user.

    Example: profilegen similar maya_t -n 5
    """
    with _opened(store) as opened:
        _print_found(opened.similar(user, n), json_)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A user id, or the id or name of a segment.", callback=_readable)],
    store: Store = None,
    json_: Json = False,
) -> None:
    """Show the profile of a user or of a segment, each claim with the words it rests on.

    Example: profilegen show maya_t
    """
    from profilegen import display

    with _opened(store) as opened:
        user = opened.user(name)
        segment = opened.segment(user.segment) if user and user.segment else opened.segment(name)
        shown = user or segment
        if shown is None:
            raise ProfilegenError(
                f"there is no user or segment {name!r} in {opened.directory}; find users with `profilegen search`, "
                "segments with `profilegen segments`"
            )
        if json_:
            _print_json(shown.model_dump(mode="json"))
        elif user:
            display.show(display.user_page(user, opened.cited(user), segment))
        elif segment:
            display.show(display.segment_page(segment, opened.cited(segment)))


@app.command()
def segments(store: Store = None, json_: Json = False) -> None:
    """List the segments, the largest first.

    Example: profilegen segments --json
    """
    from profilegen import display

    with _opened(store) as opened:
        found = opened.segments()
        if json_:
            _print_json([segment.model_dump(mode="json") for segment in found])
        else:
            display.show(display.segment_list(found))


@app.command()
def export(
    what: Annotated[What, typer.Argument(help="What to export.")],
    format: Annotated[Format, typer.Option("--format", "-f", help="As what.")] = Format.jsonl,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. [default: standard output]")
    ] = None,
    store: Store = None,
) -> None:
    """Write all users, segments or documents for other programs.

    Example: profilegen export users --format parquet -o users.parquet
    """
    from profilegen.export import export as run

    if output is None and format is Format.parquet and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal; name a file with --output")
    with _opened(store) as opened:
        count = run(opened, what.value, format.value, output)
    if output is not None:
        typer.echo(f"wrote {count:,} {what.value} to {output}", err=True)


@app.command()
def demo(
    store: Annotated[Path, typer.Option("--store", "-s", help="Directory of the store.")] = Path("demo-store"),
) -> None:
    """Build the sample that ships with profilegen and look at what comes out.

    Example: profilegen demo
    """
    from profilegen import display
    from profilegen.config import load_settings
    from profilegen.pipeline import build as run
    from profilegen.resources import resource
    from profilegen.store import open_store

    sample = resource("examples/sample.jsonl")
    typer.echo("Building the sample: 68 invented users, English and Chinese. The first time takes a few minutes.")
    with _progress() as progress:
        report = run([str(sample)], load_settings(store=store), progress=progress)
    display.show(display.build_summary(report, str(store)))
    with open_store(store) as opened:
        _heading(f"profilegen segments --store {store}")
        display.show(display.segment_list(opened.segments()))
        for user_id in _DEMO_USERS:
            user = opened.user(user_id)
            if user:
                _heading(f"profilegen show {user_id} --store {store}")
                segment = opened.segment(user.segment) if user.segment else None
                display.show(display.user_page(user, opened.cited(user), segment))
        _heading(f'profilegen search "{_DEMO_QUERY}" -n 5 --store {store}')
        display.show(display.found_list(opened.search(_DEMO_QUERY, 5)))
    typer.echo("\nNow you, for example:")
    typer.echo(f'  profilegen search "people with small gardens" --store {store}')
    typer.echo(f"  profilegen show USER --store {store}")
    typer.echo("  profilegen build YOUR_FILE.csv")
    typer.echo("  profilegen --help")


@app.command()
def doctor(store: Store = None, json_: Json = False) -> None:
    """Check the installation, the models and the store.

    Example: profilegen doctor
    """
    from profilegen.config import load_settings
    from profilegen.doctor import examine

    checks = examine(load_settings(store=store).store)
    if json_:
        _print_json([check.model_dump(mode="json") for check in checks])
    else:
        for check in checks:
            mark = {True: "ok  ", False: "bad ", None: "    "}[check.ok]
            typer.echo(f"{mark}{check.name}: {check.found}")
    if any(check.ok is False for check in checks):
        raise typer.Exit(1)


@models_app.command("list")
def models_list(json_: Json = False) -> None:
    """List the models that have a name, and which of them are here.

    Example: profilegen models list
    """
    from profilegen.llama.catalog import is_pulled, known_models

    rows: list[dict[str, Any]] = [
        {
            "name": model.name,
            "job": model.job,
            "languages": list(model.languages),
            "size_mb": model.size_mb,
            "licence": model.licence,
            "default": model.default,
            "here": is_pulled(model.name),
        }
        for model in known_models().values()
    ]
    if json_:
        _print_json(rows)
        return
    for row in rows:
        languages = "all languages" if row["languages"] == ["*"] else ", ".join(row["languages"])
        notes = ", ".join(word for word in ("default" * row["default"], "here" * row["here"]) if word)
        typer.echo(
            f"{row['name']:<28} {row['job']:<9} {row['size_mb']:>6} MB  {row['licence']:<12} {languages:<16} {notes}"
        )


@models_app.command("pull")
def models_pull(names: Annotated[list[str], typer.Argument(help="Names of the catalogue.")]) -> None:
    """Fetch models, check them and make GGUF files of them.

    Example: profilegen models pull all-minilm-l6-v2 smollm2-135m-instruct
    """
    from profilegen.llama.catalog import load_catalog
    from profilegen.llama.fetch import pull

    catalog = load_catalog()
    unknown = [name for name in names if name not in catalog]
    if unknown:
        raise UsageError(f"there is no model {unknown[0]!r}; `profilegen models list` has the names")
    for name in names:
        with _progress() as progress:
            path = pull(catalog[name], progress)
        typer.echo(path)


@models_app.command("add")
def models_add(
    file: Annotated[Path, typer.Argument(help="A GGUF file of yours.")],
    name: Annotated[str | None, typer.Option(help="Its name from now on. [default: the file's]")] = None,
    language: Annotated[list[str] | None, typer.Option(help="A language it knows, as en; may be given again.")] = None,
    pooling: Annotated[Pooling | None, typer.Option(help="How an embedder pools its tokens.")] = None,
    prefix: Annotated[str, typer.Option(help="What stands before each text that is embedded.")] = "",
    query_prefix: Annotated[
        str | None, typer.Option(help="What stands before a search query. [default: the prefix]")
    ] = None,
) -> None:
    """Keep a GGUF file of your own among the models, under a name.

    Example: profilegen models add ~/qwen3-4b-q4_k_m.gguf --name qwen3-4b --language en --language zh
    """
    from profilegen.llama.catalog import add_model

    model = add_model(
        file,
        name or file.stem.lower(),
        languages=tuple(language or ()),
        pooling=pooling.value if pooling else None,
        prefix=prefix,
        query_prefix=query_prefix,
    )
    typer.echo(f"{model.name} ({model.job}) is here; use it with --{model.job} {model.name}")


# --- printing ---------------------------------------------------------------------------------------------

_DEMO_USERS = ("oldboy_walter", "laochen_yuanzi")
_DEMO_QUERY = "people who train their dogs"


def _heading(command: str) -> None:
    """Show the command that gives what comes next."""
    typer.secho(f"\n$ {command}", bold=True)


def _fail(message: str, status: int) -> Never:
    typer.echo(f"error: {message}", err=True)
    sys.exit(status)


def _mapping(pairs: Sequence[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not (field and equals and column):
            raise UsageError(f"--map wants FIELD=COLUMN, as in --map text=body, not {pair!r}")
        mapping[field.strip()] = column.strip()
    return mapping


@contextmanager
def _opened(store: Path | None) -> Iterator[Any]:
    from profilegen.config import load_settings
    from profilegen.store import open_store

    with open_store(load_settings(store=store).store) as opened:
        yield opened


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _print_found(found: Sequence[Any], as_json: bool) -> None:
    from profilegen import display

    if as_json:
        _print_json([user.model_dump(mode="json") for user in found])
    else:
        display.show(display.found_list(found))


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar with the time left for each stage on a terminal; say nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total or None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield show


if __name__ == "__main__":
    main()
