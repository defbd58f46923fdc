"""The same review without a browser: profiles of the queue one after the other, and a line typed for each decision."""

from __future__ import annotations

import getpass
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import typer
from rich.text import Text

from profilegen import display
from profilegen.decisions import MAX_NAME_CHARS, one_line
from profilegen.errors import UsageError
from profilegen.ledger import ChangedError
from profilegen.records import Kind
from profilegen.review import acts, queue, views
from profilegen.review.desk import Desk

HELP = """\
  a 1 3      approve claims 1 and 3; a alone approves all that are open
  e 2        edit claim 2 in $EDITOR; e 2 new words does it at once
  x 2        strike claim 2
  u 2        take the last decision on claim 2 back
  + interest new words      add a claim; also value, lifestyle
  f note     flag the profile; f alone takes the flag off
  w          have the next build write the profile again
  n, Enter   next profile      b   the one before      g USER   go to a user
  ?          this list         q   end"""

_KINDS: dict[str, Kind] = {"interest": "interest", "value": "value", "lifestyle": "lifestyle"}


def review(directory: Path, *, by: str | None) -> None:
    """Go through the queue of a store until it is done or the person ends it.

    :raises StoreError: there is no store, or it cannot be written to.
    """
    name = one_line(by or getpass.getuser())[:MAX_NAME_CHARS]
    desk = Desk(directory)
    try:
        _go_through(desk, name)
    finally:
        desk.close()


class _Place(NamedTuple):
    """Where the person is: a profile that is shown, and what was shown before."""

    user_id: str
    before: tuple[str, ...] = ()


def _go_through(desk: Desk, by: str) -> None:
    typer.echo(f"You are {by}. ? lists what can be typed.")
    place = _following(desk, _Place(""))
    while place is not None:
        card = views.card(desk.read, place.user_id)
        if card is not None:
            _show(desk, card)
        place = _ask(desk, place, by)
    decided = desk.decided()
    typer.echo(f"Decided on {decided.claims:,} of {desk.facts().counts.claims:,} claims.")


def _following(desk: Desk, place: _Place) -> _Place | None:
    """Return the next profile that waits and was not shown yet."""
    shown = {*place.before, place.user_id}
    waiting = queue.waiting(desk.read, len(shown) + 1)
    user_id = next((item.user_id for item in waiting if item.user_id not in shown), None)
    if user_id is None:
        typer.echo("Nothing more waits.")
        return None
    return _Place(user_id, (*place.before, place.user_id) if place.user_id else ())


def _ask(desk: Desk, place: _Place, by: str) -> _Place | None:
    """Read lines until one leads to another profile, or to the end (None)."""
    while True:
        typed = _line()
        command, _, rest = typed.strip().partition(" ")
        if typed == "" or command == "q":
            return None
        if command in {"", "n"}:
            return _following(desk, place)
        if command == "b" and place.before:
            return _Place(place.before[-1], place.before[:-1])
        if command == "g" and desk.read.profile(rest.strip()):
            return _Place(rest.strip(), (*place.before, place.user_id))
        if _act(desk, place.user_id, command, rest.strip(), by):
            return place


def _line() -> str:
    typer.echo("> ", nl=False)
    return sys.stdin.readline()


def _act(desk: Desk, user_id: str, command: str, rest: str, by: str) -> bool:
    """Do what was typed; returns whether the profile is to be shown again."""
    act = _ACTS.get(command)
    if act is None:
        typer.echo(HELP if command == "?" else "That is nothing I know; ? lists what can be typed.")
        return False
    try:
        act(desk, user_id, rest, by)
    except UsageError as error:
        typer.echo(f"{error}.")
        return False
    except ChangedError as error:
        typer.echo(f"{error}.")
    return True


def _claims(desk: Desk, user_id: str) -> tuple[views.Card, list[views.ClaimView]]:
    card = views.card(desk.read, user_id)
    if card is None:
        raise ChangedError("the user is not there any more")
    return card, [view for group in card.claims.values() for view in group]


def _chosen(desk: Desk, user_id: str, numbers: str) -> list[views.ClaimView]:
    _, claims = _claims(desk, user_id)
    given = numbers.replace(",", " ").split()
    if not given or not all(number.isdecimal() and 1 <= int(number) <= len(claims) for number in given):
        raise UsageError(f"name claims by their numbers, 1 to {len(claims)}")
    return [claims[int(number) - 1] for number in given]


def _decide(
    desk: Desk, user_id: str, view: views.ClaimView, action: acts.ClaimAction, by: str, words: str = ""
) -> None:
    standing = view.standing
    desk.act(acts.on_claim, user_id, standing.kind, standing.text, action, by=by, seen=standing.version, words=words)


def _approve(desk: Desk, user_id: str, rest: str, by: str) -> None:
    if rest:
        for view in _chosen(desk, user_id, rest):
            _decide(desk, user_id, view, "approve", by)
    else:
        desk.act(acts.approve_all, user_id, by=by, seen=_claims(desk, user_id)[0].version)


def _edit(desk: Desk, user_id: str, rest: str, by: str) -> None:
    number, _, words = rest.partition(" ")
    (view,) = _chosen(desk, user_id, number)[:1]
    if not words:
        words = _edited(view.claim.text)
        if one_line(words) == view.claim.text:
            return
    _decide(desk, user_id, view, "edit", by, words)


def _edited(text: str) -> str:
    """Return a text as the person left it in their editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "claim.txt"
        draft.write_text(text + "\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(draft)], check=True)
            return draft.read_text(encoding="utf-8")
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise UsageError(
                f"cannot edit with {editor!r} ({error}); set EDITOR, or type: e NUMBER new words"
            ) from None


def _strike(desk: Desk, user_id: str, rest: str, by: str) -> None:
    for view in _chosen(desk, user_id, rest):
        _decide(desk, user_id, view, "strike", by)


def _undo(desk: Desk, user_id: str, rest: str, by: str) -> None:
    for view in _chosen(desk, user_id, rest):
        _decide(desk, user_id, view, "undo", by)


def _add(desk: Desk, user_id: str, rest: str, by: str) -> None:
    kind, _, words = rest.partition(" ")
    if kind not in _KINDS:
        raise UsageError("say what kind it is: + interest, + value or + lifestyle, then the words")
    desk.act(acts.add_claim, user_id, _KINDS[kind], words, by=by)


def _flag(desk: Desk, user_id: str, rest: str, by: str) -> None:
    if rest:
        desk.act(acts.flag, user_id, rest, by=by)
    else:
        desk.act(acts.unflag, user_id, by=by)


def _write_again(desk: Desk, user_id: str, rest: str, by: str) -> None:
    desk.act(acts.write_again, user_id, by=by)


_ACTS: dict[str, Callable[[Desk, str, str, str], None]] = {
    "a": _approve,
    "e": _edit,
    "x": _strike,
    "u": _undo,
    "+": _add,
    "f": _flag,
    "w": _write_again,
}


def _show(desk: Desk, card: views.Card) -> None:
    """Print a profile as `profilegen show` does, with numbers before its claims and those that were struck."""
    numbers: dict[tuple[str, str], int] = {}
    struck = Text()
    for number, view in enumerate((view for group in card.claims.values() for view in group), 1):
        numbers[view.standing.kind, view.claim.text] = number
        if view.standing.struck:
            struck.append(f"\n{number:>3} {view.claim.text}", style="dim strike")
    page = display.user_page(
        card.profile, desk.store.cited(card.profile), desk.segment(card.profile.segment), numbers=numbers
    )
    display.show(page)
    if struck:
        display.show(Text.assemble("\nStruck", struck))
    if card.flag is not None:
        display.show(Text(f"\nFlagged: {card.flag}", style="yellow"))
    if card.asked_again:
        typer.echo("\nThe next build writes this profile again.")
