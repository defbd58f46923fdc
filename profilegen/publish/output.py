"""All that is printed, so that no text from outside acts on the terminal: control characters are shown as escapes."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from profilegen.language.cleaning import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_PIPE_COLUMNS = 100_000
_NOT_PRINTABLE_ASCII = re.compile(r"[^\n -~]")


def print_text(text: object, *, error: bool = False, bold: bool = False, end: str = "\n") -> None:
    """Print text; its line breaks stay, all other control characters are escaped.

    :param text: anything; `str` of it is printed.
    :param error: print on standard error.
    :param bold: in bold letters, on a terminal.
    :param end: printed after it.
    """
    typer.secho(printable_lines(str(text)) + end, err=error, bold=bold or None, nl=False)


def print_json(value: Any) -> None:
    """Print a value as JSON, in which control characters are escaped as JSON does it.

    :param value: what `json.dumps` takes.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2)
    if printable_lines(text) != text:  # DEL, the C1 controls and the direction marks, which JSON may hold as they are
        text = _NOT_PRINTABLE_ASCII.sub(lambda match: _json_escape(match[0]), text)
    typer.echo(text)


def print_page(page: RenderableType) -> None:
    """Print a page on standard output; on a terminal it fits the width, in a pipe no line is broken.

    :param page: what Rich prints, such as `profilegen.publish.terminal` makes; a string in it is never markup.
    """
    console = escaping_console()
    if console.is_terminal:
        console.print(page)
        return
    console = escaping_console(width=_PIPE_COLUMNS)
    with console.capture() as captured:
        console.print(page)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def escaping_console(*, error: bool = False, width: int | None = None) -> Console:
    """Return a Rich console that escapes control characters in whatever it prints, and reads no text as markup.

    :param error: print on standard error.
    :param width: columns of a line; None for those of the terminal.
    """
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment

    class EscapingConsole(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(printable_lines(segment.text), segment.style)

    return EscapingConsole(stderr=error, width=width, markup=False, emoji=False, highlight=False)


def printable_lines(text: str) -> str:
    """Return text in which all control characters but line breaks are escaped.

    :param text: any text, of one line or several.
    """
    return "\n".join(map(printable, text.split("\n")))


class TerminalStream(io.RawIOBase):
    """Standard output as a stream of UTF-8 bytes, for a terminal: control characters are escaped.

    Each call of `write` has to give whole characters.
    """

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def write(self, data: Any) -> int:
        """Print bytes of UTF-8.

        :param data: whole characters.
        :return: how many bytes these were.
        """
        given = bytes(data)
        sys.stdout.write(printable_lines(given.decode("utf-8", "replace").replace("\r\n", "\n")))
        return len(given)


def _json_escape(character: str) -> str:
    return character if printable(character) == character else json.dumps(character)[1:-1]
