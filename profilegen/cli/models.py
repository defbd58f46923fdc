"""The commands under `profilegen models`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from itertools import groupby, islice
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profilegen.cli.app import app
from profilegen.cli.console import progress_bars
from profilegen.cli.options import Json, Workers
from profilegen.errors import UsageError
from profilegen.publish.output import print_json, print_text

if TYPE_CHECKING:
    from profilegen.evaluation.examination import Examination

models_app = typer.Typer(
    help="List, download, try, tune and add models that embed, write and verify.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(models_app, name="models")


class Pooling(StrEnum):
    """How the vectors of the tokens of a text are combined."""

    mean = "mean"
    cls = "cls"
    last = "last"


@models_app.command("list")
def models_list(json_: Json = False) -> None:
    """List the models by what they do: for which languages and machines, how large, how good, and which are downloaded.

    Models that were trained for profilegen come first. Memory is that of one process; each more, one a core, needs a
    part of it again. Quality and speed are those of `profilegen models try`, where a model was tried.

    Example: profilegen models list
    """
    from profilegen.llama.catalog import download_mb, is_pulled, known_models

    rows: list[dict[str, Any]] = [
        {
            "name": model.name,
            "job": model.job,
            "languages": list(model.languages),
            "machine": model.machine,
            "download_mb": download_mb(model),
            "size_mb": model.size_mb,
            "licence": model.licence,
            "trained": model.trained,
            "default": model.default,
            "here": is_pulled(model.name),
            "figures": model.figures,
        }
        for model in known_models().values()
    ]
    rows.sort(key=lambda row: (_JOBS.index(row["job"]), not row["trained"]))
    if json_:
        print_json(rows)
        return
    for job, of_job in groupby(rows, key=lambda row: row["job"]):
        print_text(f"{_JOB_TITLES[job]}:", bold=True)
        for row in of_job:
            print_text(f"  {_model_line(row)}")
            if row["figures"]:
                print_text("    " + ", ".join(f"{name} {value:g}" for name, value in row["figures"].items()))


_JOB_TITLES = {
    "writer": "Writers, which read texts and write notes and summaries",
    "verifier": "Verifiers, which check statements against texts",
    "embedder": "Embedders, which turn texts into vectors",
}
_JOBS = tuple(_JOB_TITLES)


def _model_line(row: Mapping[str, Any]) -> str:
    languages = "all languages" if row["languages"] == ["*"] else ", ".join(row["languages"])
    size = f"{row['download_mb']} MB to download" if row["download_mb"] else f"{row['size_mb']} MB"
    notes = [note for note, holds in (("ours", row["trained"]), ("default", row["default"])) if holds]
    notes += ["downloaded"] if row["here"] else []
    parts = [f"{row['name']:<28}", languages, row["machine"], size, row["licence"], *notes]
    return "  ".join([parts[0], ", ".join(part for part in parts[1:] if part)])


@models_app.command("pull")
def models_pull(
    names: Annotated[list[str], typer.Argument(help="Names from `models list`.")],
) -> None:
    """Download models of the catalogue, verify their hashes and convert them to GGUF files.

    For any other model, download its GGUF file and use `profilegen models add`.

    Example: profilegen models pull all-minilm-l6-v2 profilegen-writer-135m profilegen-verifier-22m
    """
    from profilegen.llama.catalog import load_catalog
    from profilegen.llama.fetch import pull

    catalog = load_catalog()
    unknown = [name for name in names if name not in catalog]
    if unknown:
        raise UsageError(f"there is no model {unknown[0]!r}; `profilegen models list` has the names")
    for name in names:
        with progress_bars() as progress:
            path = pull(catalog[name], progress)
        print_text(path)


@models_app.command("try")
def models_try(
    writer: Annotated[str, typer.Argument(help="Name of a writer, or path of its GGUF file.")],
    verifier: Annotated[str | None, typer.Option(help="Who checks the notes. [default: that of the catalogue]")] = None,
    workers: Workers = None,
    json_: Json = False,
) -> None:
    """Try a writer: its notes on ten users of the samples, checked, beside those of the default writer.

    Prints the share of answers that are whole, the notes a user, the share of notes that the verifier takes for shown
    (and by chance: by what another user wrote), and the users a minute. Ends with status 1 if the writer cannot hold
    the task.

    Example: profilegen models try ~/qwen3-4b-q4_k_m.gguf
    """
    from profilegen.backends import Options, open_verifier, open_writer
    from profilegen.config import load_settings
    from profilegen.evaluation.examination import CONTEXT_TOKENS, examine_writer, sample_passages
    from profilegen.llama.catalog import default_model

    settings = load_settings(workers=workers)
    with progress_bars() as progress, ExitStack() as stack:
        options = Options(
            workers=settings.workers,
            slots=settings.slots,
            context_tokens=CONTEXT_TOKENS,
            gpu_layers=settings.gpu_layers,
            progress=lambda what, done, total: progress(f"pull {what}", done, total),
        )
        tried = stack.enter_context(open_writer(writer, options))
        read = sample_passages(tried.languages)
        judge = verifier or getattr(default_model("verifier", "en"), "name", None)
        opened = stack.enter_context(open_verifier(judge, options)) if judge else None
        progress(f"trying {tried.name}", 0, 0)
        examined = [examine_writer(tried, opened, read)]
        default = default_model("writer", "en")
        if default is not None and default.name != tried.name:
            beside = stack.enter_context(open_writer(default.name, options))
            progress(f"trying {beside.name}", 0, 0)
            examined.append(examine_writer(beside, opened, read))
    if json_:
        print_json([one.model_dump(mode="json") | {"faults": one.faults} for one in examined])
    else:
        _print_examinations(examined)
    if examined[0].faults:
        raise typer.Exit(1)


def _print_examinations(examined: Sequence[Examination]) -> None:
    for one in examined:
        shares = {"answers whole": one.whole, "notes shown": one.shown, "notes shown by chance": one.shown_by_chance}
        figures = [f"{name} {value:.0%}" for name, value in shares.items() if value is not None]
        figures += [f"{one.notes:.1f} notes a user", f"{one.users_per_minute:.0f} users a minute"]
        print_text(f"{one.writer}: {', '.join(figures)}", bold=True)
        for fault in one.faults:
            print_text(f"  it cannot hold the task: {fault}")
    if examined[0].verifier is None:
        print_text("The notes were not checked: the catalogue has no default verifier; name one with --verifier.")
    for samples in islice(zip(*(one.samples for one in examined), strict=True), _SHOWN_SAMPLES):
        print_text(f"\n{samples[0].user}", bold=True)
        for number, passage in enumerate(samples[0].passages, 1):
            print_text(f"  {number}. {shorten(passage, _MAX_SHOWN_CHARS, placeholder='…')}")
        for one, sample in zip(examined, samples, strict=True):
            print_text(f"  {one.writer}:")
            for at, note in enumerate(sample.notes):
                fell = sample.shown is not None and at not in sample.shown
                print_text(f"    {note}{'   (not shown)' if fell else ''}")
            if not sample.notes:
                print_text("    no notes")


_SHOWN_SAMPLES, _MAX_SHOWN_CHARS = 3, 160


@models_app.command("tune")
def models_tune(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of downloaded models. [default: all of them]")
    ] = None,
    json_: Json = False,
) -> None:
    """Find the weight type in which a model is fastest on this processor, at equal quality.

    `pull` does this for models of less than a gigabyte. Each weight type is measured and compared with the published
    file. Models that profilegen trained, and verifiers, are used in the type that they have.

    Example: profilegen models tune smollm2-135m-instruct
    """
    from profilegen.llama.catalog import is_pulled, known_models
    from profilegen.llama.fetch import is_tunable, tune_model

    known = known_models()
    chosen = names or [name for name, model in known.items() if is_pulled(name) and is_tunable(model)]
    if unknown := [name for name in chosen if name not in known]:
        raise UsageError(f"there is no model {unknown[0]!r}; `profilegen models list` has the names")
    results = {}
    for name in chosen:
        with progress_bars() as progress:
            results[name] = tune_model(known[name], progress)
    if json_:
        print_json({name: tuned.model_dump(mode="json", exclude_none=True) for name, tuned in results.items()})
        return
    for name, tuned in results.items():
        print_text(f"{name}: {tuned.weight_type} on {tuned.processor}")
        for trial in tuned.trials:
            line = f"  {trial.weight_type:<10}  {trial.read_ms:6.2f} ms per token read"
            if trial.write_ms is not None and trial.perplexity is not None:
                line += f"  {trial.write_ms:6.2f} ms per token written  perplexity {trial.perplexity:6.2f}"
            print_text(f"{line}  agreement {trial.agreement:.3f}")


@models_app.command("add")
def models_add(
    file: Annotated[Path, typer.Argument(help="Your GGUF file.")],
    name: Annotated[str | None, typer.Option(help="Name of the model. [default: the file's name]")] = None,
    language: Annotated[list[str] | None, typer.Option(help="A language it knows, such as en; repeatable.")] = None,
    pooling: Annotated[Pooling | None, typer.Option(help="How an embedder combines the vectors of tokens.")] = None,
    prefix: Annotated[str, typer.Option(help="Prefix of each text that is embedded.")] = "",
    query_prefix: Annotated[
        str | None, typer.Option(help="Prefix of a search query. [default: the prefix of texts]")
    ] = None,
) -> None:
    """Add your own GGUF file to the models, under a name.

    The file may be from anywhere, such as a Hugging Face hub.

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
    print_text(f"added {model.name} ({model.job}); use it with --{model.job} {model.name}")
