"""The command line itself, to which each module of commands adds its own."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from profilegen import __version__
from profilegen.publish.output import print_text


class Commands(TyperGroup):
    """Commands that leave Ctrl-C to `main`; Typer says nothing, or `Aborted.`, according to its version."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise StoppedError(ctx.invoked_subcommand) from None


class StoppedError(Exception):
    """Ctrl-C was pressed; holds the name of the command."""


app = typer.Typer(
    name="profilegen",
    cls=Commands,
    help="Profiles of users and segments from what they wrote, on your own machine.\n\nBegin with: profilegen demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_text(f"profilegen {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
