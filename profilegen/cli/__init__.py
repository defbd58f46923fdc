"""The commands: parse, call, print. Each module registers its own on `app`."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, Never

import typer

from profilegen.cli import building, evaluate, models, reading, review  # noqa: F401 (they register their commands)
from profilegen.cli.app import StoppedError, app
from profilegen.errors import ProfilegenError, UsageError
from profilegen.publish.output import print_text

__all__ = ["app", "main"]


# Typer has Click inside, under a name that depends on its version.
_ClickException: type[Exception] = typer.BadParameter.mro()[2]


def main() -> Never:
    """Run the command line; a user's mistake is one line and an exit status, never a traceback."""
    status = 0
    try:
        try:
            status = app(standalone_mode=False) or 0
        finally:
            sys.stdout.flush()
    except _ClickException as error:
        _misused(error)
    except UsageError as error:
        _fail(str(error), 2)
    except ProfilegenError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        _fail("stopped", 130)
    except typer.Abort:  # the end of the input where an answer was to be typed
        _fail("stopped", 1)
    except StoppedError as error:
        goes_on = error.args[0] in ("build", "demo")
        _fail("stopped; a build goes on from where it was with the same command" if goes_on else "stopped", 130)
    except BrokenPipeError:
        # The reader of the pipe has gone; Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # such as a full disk
        _fail(str(error), 1)
    sys.exit(status)


def _fail(message: str, status: int) -> Never:
    print_text(f"error: {message}", error=True)
    sys.exit(status)


def _misused(error: Any) -> Never:
    """Print how the command is used and what was wrong, as Click words it."""
    message = io.StringIO()
    error.show(message)
    print_text(message.getvalue(), error=True, end="")
    sys.exit(error.exit_code)
