"""The command that tries a verifier on one's own cases: verify."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from profilegen.cli.app import app
from profilegen.cli.console import progress_bars
from profilegen.cli.options import Json, Workers
from profilegen.errors import InputError, ModelError
from profilegen.publish.output import print_json, print_text

if TYPE_CHECKING:
    from profilegen.backends import Verdict
    from profilegen.claims.statements import Statement

_MAX_SHOWN_CHARS = 80


@app.command()
def verify(
    file: Annotated[str, typer.Argument(help="JSON Lines with text and claim, - for standard input.")],
    verifier: Annotated[
        str | None,
        typer.Option(help="Name or path of the verifier; A,B for a cascade. [default: by the language of each line]"),
    ] = None,
    workers: Workers = None,
    json_: Json = False,
) -> None:
    """Say whether texts show claims about the people who wrote them.

    A line is {"text": …, "claim": …}, with "item" and "rating" (stars of five) where a review has them. The claim is a
    predicate without subject, as in "has a dog", and has to be true now. Where lines have "holds" (true or false),
    precision and recall follow. --json prints a list with text, claim, verdict and probability.

    Example: echo '{"text": "My dog loves it.", "claim": "has a dog"}' | profilegen verify -
    """
    from profilegen.backends import Options, open_verifier
    from profilegen.claims.statements import gate_figures, read_statements
    from profilegen.claims.verification import passage_text
    from profilegen.config import load_settings

    try:
        with sys.stdin.buffer if file == "-" else open(file, "rb") as lines:  # noqa: PTH123 - or standard input
            statements = list(read_statements(lines, file))
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None
    if not statements:
        raise InputError(f"{file} holds no statement; a line is an object with text and claim")
    names = [verifier or _default_verifier(one) for one in statements]
    settings = load_settings(workers=workers)
    found: dict[int, Verdict] = {}
    with progress_bars() as progress:
        options = Options(
            workers=settings.workers, progress=lambda what, done, total: progress(f"pull {what}", done, total)
        )

        done = 0

        def on_done(count: int) -> None:
            nonlocal done
            done += count
            progress("verify", done, len(statements))

        for name in dict.fromkeys(names):
            places = [at for at, each in enumerate(names) if each == name]
            pairs = [
                (passage_text(one.text, one.item, one.rating), one.claim)
                for one in (statements[place] for place in places)
            ]
            with open_verifier(name, options) as opened:
                found.update(zip(places, opened.verify(pairs, on_done), strict=True))
    verdicts = [found[at] for at in range(len(statements))]
    if json_:
        print_json(
            [
                {"text": one.text, "claim": one.claim, "verdict": verdict.label, "probability": verdict.probability}
                for one, verdict in zip(statements, verdicts, strict=True)
            ]
        )
        return
    for one, verdict in zip(statements, verdicts, strict=True):
        text = " ".join(one.text.split())
        shown = text if len(text) <= _MAX_SHOWN_CHARS else f"{text[: _MAX_SHOWN_CHARS - 1]}…"
        print_text(f"{verdict.label:<12} {verdict.probability:.2f}  {one.claim}  |  {shown}")
    if figures := gate_figures(statements, verdicts):
        shares = {
            "right": figures.right,
            "precision": figures.precision,
            "recall": figures.recall,
            "false claims shown": figures.false_shown,
        }
        shares_text = ", ".join(f"{name} {'-' if value is None else f'{value:.2f}'}" for name, value in shares.items())
        print_text(f"{figures.n} with an answer: {shares_text}")


def _default_verifier(statement: Statement) -> str:
    """Return the name of the verifier for the language of a statement."""
    from profilegen.language.detection import detect_language
    from profilegen.llama.catalog import default_model

    language = detect_language(f"{statement.text}\n{statement.claim}")
    model = default_model("verifier", language) or default_model("verifier", "en")
    if model is None:
        raise ModelError("the catalogue has no default verifier; name one with --verifier")
    return model.name
