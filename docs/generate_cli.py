"""Writes docs/cli.md from the help texts of the commands: python docs/generate_cli.py."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from profilegen.cli import app

PAGE = Path(__file__).with_name("cli.md")
_COLUMNS = 100
_HEAD = """# Commands

What `profilegen COMMAND --help` says. This page is made by `make docs`; edit the texts in `profilegen/cli/`.

Exit status: 0 when the work is done, 1 when it failed, 2 for misuse, 130 when Ctrl-C ended it,
143 when SIGTERM did. Progress is shown on a terminal only.
"""


def reference() -> str:
    """Return the page."""
    command = typer.main.get_command(app)
    sections = [f"## {path}\n\n```text\n{text}\n```\n" for path, text in _helps(command, "profilegen", None)]
    return "\n".join([_HEAD, *sections])


def _helps(command: Any, name: str, parent: typer.Context | None) -> Iterator[tuple[str, str]]:
    """Give the path and the help of a command, then of those below it."""
    context = typer.Context(
        command, info_name=name, parent=parent, terminal_width=_COLUMNS, max_content_width=_COLUMNS, color=False
    )
    yield context.command_path, command.get_help(context).rstrip()
    for below, subcommand in getattr(command, "commands", {}).items():
        yield from _helps(subcommand, below, context)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
