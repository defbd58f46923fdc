"""The commands: parse, call, print. Each module registers its own on `app`."""

from __future__ import annotations

import os
import sys
from typing import Never

import typer

from profilegen.cli import building, evaluate, models, reading, review  # noqa: F401 (they register their commands)
from profilegen.cli.app import StoppedError, app
from profilegen.errors import ProfilegenError, UsageError

__all__ = ["app", "main"]


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
    except KeyboardInterrupt:
        _fail("stopped", 130)
    except StoppedError as error:
        goes_on = error.args[0] in ("build", "demo")
        _fail("stopped; a build goes on from where it was with the same command" if goes_on else "stopped", 130)
    except BrokenPipeError:
        # The reader of the pipe has gone; Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # such as a full disk
        _fail(str(error), 1)
    sys.exit(0)


def _fail(message: str, status: int) -> Never:
    typer.echo(f"error: {message}", err=True)
    sys.exit(status)
