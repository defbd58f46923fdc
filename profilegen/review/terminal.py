"""Review on a terminal: the profiles of the queue one after the other, and a typed command for each decision."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.text import Text

from profilegen.errors import UsageError
from profilegen.language.cleaning import printable
from profilegen.publish import terminal
from profilegen.publish.output import print_page, print_text
from profilegen.records import KINDS, MAX_NAME_CHARS, one_line
from profilegen.review import actions, views
from profilegen.review.queue import queue_page
from profilegen.review.session import Session
from profilegen.store import overlay
from profilegen.store.ledger import ChangedError, Ledger

_COMMAND_HELP = """\
  a 1 3      approve claims 1 and 3; a alone approves all open claims
  e 2        edit claim 2 in $EDITOR; e 2 new text sets its text at once
  x 2        strike claim 2
  u 2        undo the last decision on claim 2
  + KIND new text           add a claim; KIND is one of {kinds}
  f note     flag the profile; f alone removes the flag
  w          have the next build write the profile again
  n, Enter   next profile      b   previous profile      g USER   go to a user
  ?          this list         q   quit"""


def review(directory: Path, *, by: str | None) -> None:
    """Go through the queue of a store until it is empty or the reviewer quits.

    :param directory: the store.
    :param by: the reviewer's name; None for the login name.
    :raises StoreError: there is no store, or it cannot be written to.
    """
    name = one_line(by or getpass.getuser())[:MAX_NAME_CHARS]
    session = Session(directory)
    try:
        with session.reading() as ledger:
            _review_queue(_Reviewer(session, ledger, name))
    finally:
        session.close()


class _Reviewer(NamedTuple):
    """Who reviews, and where decisions are read and written."""

    session: Session
    ledger: Ledger
    name: str


class _Position(NamedTuple):
    """The user whose profile is shown, and those shown before."""

    user_id: str
    previous: tuple[str, ...] = ()


def _review_queue(reviewer: _Reviewer) -> None:
    print_text(f"You are {printable(reviewer.name)}. ? lists the commands.")
    position = _next(reviewer, _Position(""))
    while position is not None:
        card = views.load_card(reviewer.ledger, position.user_id)
        if card is not None:
            _show(reviewer, card)
        position = _prompt(reviewer, position)
    decided, claims = reviewer.ledger.decided().claims, reviewer.ledger.counts().claims
    print_text(f"Decided on {decided:,} of {claims:,} claims.")


def _next(reviewer: _Reviewer, position: _Position) -> _Position | None:
    """Return the next profile of the queue that has not been shown, or None at its end."""
    shown = {*position.previous, position.user_id}
    items = queue_page(reviewer.ledger, len(shown) + 1)
    user_id = next((item.user_id for item in items if item.user_id not in shown), None)
    if user_id is None:
        print_text("The queue is empty.")
        return None
    return _Position(user_id, (*position.previous, position.user_id) if position.user_id else ())


def _prompt(reviewer: _Reviewer, position: _Position) -> _Position | None:
    """Read commands until one leads to a profile, or to the end (None)."""
    while True:
        print_text("> ", end="")
        typed = sys.stdin.readline()
        command, _, rest = typed.strip().partition(" ")
        if typed == "" or command == "q":
            return None
        if command in {"", "n"}:
            return _next(reviewer, position)
        if command == "b" and position.previous:
            return _Position(position.previous[-1], position.previous[:-1])
        if command == "g" and reviewer.ledger.profile(rest.strip()):
            return _Position(rest.strip(), (*position.previous, position.user_id))
        if _run(reviewer, position.user_id, command, rest.strip()):
            return position


def _run(reviewer: _Reviewer, user_id: str, command: str, rest: str) -> bool:
    """Run a command on the profile of a user; returns whether to show the profile again."""
    run = _COMMANDS.get(command)
    if run is None:
        commands = _COMMAND_HELP.format(kinds=", ".join(KINDS))
        print_text(commands if command == "?" else "Unknown command; ? lists the commands.")
        return False
    try:
        run(reviewer, user_id, rest)
    except UsageError as error:
        print_text(f"{printable(str(error))}.")
        return False
    except ChangedError as error:
        print_text(f"{printable(str(error))}.")
    return True


def _card(reviewer: _Reviewer, user_id: str) -> views.Card:
    card = views.load_card(reviewer.ledger, user_id)
    if card is None:
        raise ChangedError("the user is not there any more")
    return card


def _numbered_claims(reviewer: _Reviewer, user_id: str, numbers: str) -> list[views.ClaimView]:
    claims = _card(reviewer, user_id).claim_views()
    given = numbers.replace(",", " ").split()
    if not given or not all(re.fullmatch("[0-9]{1,4}", number) and 1 <= int(number) <= len(claims) for number in given):
        raise UsageError(f"name claims by their numbers, 1 to {len(claims)}")
    return [claims[int(number) - 1] for number in given]


def _decide(
    reviewer: _Reviewer, user_id: str, view: views.ClaimView, action: actions.ClaimAction, words: str = ""
) -> None:
    kind, text, version = view.standing.kind, view.standing.text, view.standing.version
    reviewer.session.write(
        actions.decide_on_claim, user_id, kind, text, action, by=reviewer.name, version=version, words=words
    )


def _approve(reviewer: _Reviewer, user_id: str, rest: str) -> None:
    if rest:
        for view in _numbered_claims(reviewer, user_id, rest):
            _decide(reviewer, user_id, view, "approve")
    else:
        version = _card(reviewer, user_id).version
        reviewer.session.write(actions.approve_all, user_id, by=reviewer.name, version=version)


def _edit(reviewer: _Reviewer, user_id: str, rest: str) -> None:
    number, _, words = rest.partition(" ")
    view = _numbered_claims(reviewer, user_id, number)[0]
    if not words:
        words = _edit_text(view.claim.text)
        if one_line(words) == view.claim.text:
            return
    _decide(reviewer, user_id, view, "edit", words)


def _edit_text(text: str) -> str:
    """Return a text as the reviewer saved it in the editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "claim.txt"
        draft.write_text(text + "\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(draft)], check=True)
            return draft.read_text(encoding="utf-8")
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise UsageError(f"cannot edit with {editor!r} ({error}); set EDITOR, or type: e NUMBER new text") from None


def _strike(reviewer: _Reviewer, user_id: str, rest: str) -> None:
    for view in _numbered_claims(reviewer, user_id, rest):
        _decide(reviewer, user_id, view, "strike")


def _undo(reviewer: _Reviewer, user_id: str, rest: str) -> None:
    for view in _numbered_claims(reviewer, user_id, rest):
        _decide(reviewer, user_id, view, "undo")


def _add(reviewer: _Reviewer, user_id: str, rest: str) -> None:
    kind, _, words = rest.partition(" ")
    if kind not in KINDS:
        raise UsageError(f"type + KIND, then the text; KIND is one of {', '.join(KINDS)}")
    reviewer.session.write(actions.add_claim, user_id, kind, words, by=reviewer.name)


def _flag(reviewer: _Reviewer, user_id: str, rest: str) -> None:
    if rest:
        reviewer.session.write(actions.flag, user_id, rest, by=reviewer.name)
    else:
        reviewer.session.write(actions.unflag, user_id, by=reviewer.name)


def _request_rewrite(reviewer: _Reviewer, user_id: str, rest: str) -> None:
    reviewer.session.write(actions.request_rewrite, user_id, by=reviewer.name)


_COMMANDS: dict[str, Callable[[_Reviewer, str, str], None]] = {
    "a": _approve,
    "e": _edit,
    "x": _strike,
    "u": _undo,
    "+": _add,
    "f": _flag,
    "w": _request_rewrite,
}


def _show(reviewer: _Reviewer, card: views.Card) -> None:
    """Print a profile as `profilegen show` does, with numbered claims, and then the struck ones."""
    numbers: dict[tuple[str, str], int] = {}
    struck = Text()
    for number, view in enumerate(card.claim_views(), 1):
        numbers[view.standing.kind, view.claim.text] = number
        if view.standing.struck:
            struck.append(f"\n{number:>3} {printable(view.claim.text)}", style="dim strike")
    segment_id = card.profile.segment
    segment = overlay.segment(reviewer.ledger, segment_id) if segment_id else None
    cited = views.cited_documents(reviewer.ledger, card.profile)
    print_page(terminal.user_page(card.profile, cited, segment, numbers=numbers))
    if struck:
        print_page(Text.assemble("\nStruck", struck))
    if card.flag is not None:
        print_page(Text(f"\nFlagged: {printable(card.flag)}", style="yellow"))
    if card.rewrite_requested:
        print_text("\nThe next build writes this profile again.")
