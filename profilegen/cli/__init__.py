"""The commands: parse, call, print. Each module registers its own on `app`."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Never

import typer

from profilegen.cli import (  # noqa: F401 (they register their commands)
    building,
    evaluate,
    forgetting,
    inspecting,
    models,
    privacy,
    reading,
    review,
    verify,
    watching,
)
from profilegen.cli.app import StoppedError, TerminatedError, app
from profilegen.disk import full_disk, is_full
from profilegen.errors import ProfilegenError, UsageError
from profilegen.publish.output import print_text

__all__ = ["app", "main"]


# Typer has Click inside, under a name that depends on its version.
_ClickException: type[Exception] = typer.BadParameter.mro()[2]

_BUILD_GOES_ON = "; a build goes on from where it was with the same command"
_AFTER_STOP = {
    **dict.fromkeys(("build", "demo", "watch"), _BUILD_GOES_ON),
    "forget": "; what it began is finished by the same command",
}
"""What can be done after a command was stopped, by command."""


def main() -> Never:
    """Run the command line; a user's mistake is one line and an exit status, never a traceback."""
    status = 0
    try:
        _raise_at_sigterm()
        _print_warnings()
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
    except TerminatedError:
        _fail("stopped", 128 + signal.SIGTERM)
    except StoppedError as error:
        _fail(f"stopped{_AFTER_STOP.get(error.command or '', '')}", error.status)
    except BrokenPipeError:  # The reader of the pipe has gone.
        _discard_output()
        sys.exit(1)
    except OSError as error:
        _discard_output()
        named = isinstance(error.filename, str) and is_full(error)  # of standard output nobody knows where it goes
        _fail(str(full_disk(Path(error.filename)) if named else error), 1)
    sys.exit(status)


def _discard_output() -> None:
    """Have the rest of standard output go nowhere: Python would complain when it flushes it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _raise_at_sigterm() -> None:
    """Have SIGTERM end what is running as Ctrl-C does: child processes end, and files are left whole."""

    def terminate(signal_number: int, frame: FrameType | None) -> None:
        raise TerminatedError

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # else whoever started the process has other plans
        signal.signal(signal.SIGTERM, terminate)


def _print_warnings() -> None:
    logger = logging.getLogger("profilegen")
    if not logger.handlers:
        logger.addHandler(_Warnings(logging.WARNING))


class _Warnings(logging.Handler):
    """Prints what the package logs as `logging` does by default, with control characters escaped."""

    def emit(self, record: logging.LogRecord) -> None:
        print_text(f"warning: {record.getMessage()}", error=True)


def _fail(message: str, status: int) -> Never:
    print_text(f"error: {message}", error=True)
    sys.exit(status)


def _misused(error: Any) -> Never:
    """Print how the command is used and what was wrong, as Click words it."""
    message = io.StringIO()
    error.show(message)
    print_text(message.getvalue(), error=True, end="")
    sys.exit(error.exit_code)
