"""The command line itself, to which each module of commands adds its own."""

from __future__ import annotations

import signal
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from profilegen import __version__
from profilegen.publish.output import print_text


class TerminatedError(BaseException):
    """SIGTERM was received; not an `Exception`, so that nothing but cleaning up handles it, as with Ctrl-C."""


class StoppedError(Exception):
    """A command was ended by Ctrl-C or SIGTERM.

    :param command: its name.
    :param signal_number: the number of the signal.
    """

    def __init__(self, command: str | None, signal_number: int) -> None:
        super().__init__(command, signal_number)
        self.command = command
        self.status = 128 + signal_number


class Commands(TyperGroup):
    """Commands that leave Ctrl-C and SIGTERM to `main`; what Typer prints at Ctrl-C depends on its version."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        :param ctx: Click's context of the command line.
        :raises StoppedError: Ctrl-C or SIGTERM ended it.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise StoppedError(ctx.invoked_subcommand, signal.SIGINT) from None
        except TerminatedError:
            raise StoppedError(ctx.invoked_subcommand, signal.SIGTERM) from None


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
