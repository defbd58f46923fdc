"""Starts Python child processes that import this package, and nothing from the current directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_PACKAGE_PARENT = Path(__file__).resolve().parent.parent


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module in a child process.

    `-P` keeps the current directory off the child's import path (Python's documentation, "Command line and
    environment"), so that a file `numpy.py` beside the user's data is never imported.

    :param module: dotted name, such as `profilegen.llama.worker` or `pip`.
    :param arguments: command line arguments of the module.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def python_environment(**variables: str) -> Mapping[str, str]:
    """Return the environment of a child process: that of this process, with its import path.

    The import path is passed on without the current directory, unless this package is in it.

    :param variables: environment variables to add or to replace.
    """
    return os.environ | {"PYTHONPATH": os.pathsep.join(_import_path()), "PYTHONSAFEPATH": "1"} | variables


def drop_current_directory() -> None:
    """Remove the current directory from the import path of this process, unless this package is in it.

    `python -m profilegen` puts it first, before any code of this package runs.
    """
    sys.path[:] = _import_path()


def _import_path() -> list[str]:
    current = Path.cwd().resolve()
    entries = [
        entry for entry in sys.path if entry and (Path(entry).resolve() != current or current == _PACKAGE_PARENT)
    ]
    package = str(_PACKAGE_PARENT)
    return entries if package in entries else [package, *entries]
