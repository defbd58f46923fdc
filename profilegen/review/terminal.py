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

from rich.text import Text

from profilegen.errors import UsageError
from profilegen.publish import terminal
from profilegen.publish.output import print_page, print_text
from profilegen.records import KINDS, MAX_NAME_CHARS, one_line
from profilegen.review import actions, queue, views
from profilegen.review.session import Session
from profilegen.store.ledger import ChangedError

_KINDS = " or ".join((", ".join([*KINDS][:-1]), [*KINDS][-1]))
HELP = f"""\
  a 1 3      approve claims 1 and 3; a alone approves all that are open
  e 2        edit claim 2 in $EDITOR; e 2 new words does it at once
  x 2        strike claim 2
  u 2        take the last decision on claim 2 back
  + KIND new words      add a claim; KIND is {_KINDS}
  f note     flag the profile; f alone takes the flag off
  w          have the next build write the profile again
  n, Enter   next profile      b   the one before      g USER   go to a user
  ?          this list         q   end"""


def review(directory: Path, *, by: str | None) -> None:
    """Go through the queue of a store until it is done or the person ends it.

    :raises StoreError: there is no store, or it cannot be written to.
    """
    name = one_line(by or getpass.getuser())[:MAX_NAME_CHARS]
    session = Session(directory)
    try:
        _go_through(session, name)
    finally:
        session.close()


class _Place(NamedTuple):
    """Where the person is: a profile that is shown, and what was shown before."""

    user_id: str
    before: tuple[str, ...] = ()


def _go_through(session: Session, by: str) -> None:
    print_text(f"You are {by}. ? lists what can be typed.")
    place = _following(session, _Place(""))
    while place is not None:
        card = views.card(session.read, place.user_id)
        if card is not None:
            _show(session, card)
        place = _ask(session, place, by)
    decided = session.decided()
    print_text(f"Decided on {decided.claims:,} of {session.facts().counts.claims:,} claims.")


def _following(session: Session, place: _Place) -> _Place | None:
    """Return the next profile that waits and was not shown yet."""
    shown = {*place.before, place.user_id}
    waiting = queue.waiting(session.read, len(shown) + 1)
    user_id = next((item.user_id for item in waiting if item.user_id not in shown), None)
    if user_id is None:
        print_text("Nothing more waits.")
        return None
    return _Place(user_id, (*place.before, place.user_id) if place.user_id else ())


def _ask(session: Session, place: _Place, by: str) -> _Place | None:
    """Read lines until one leads to another profile, or to the end (None)."""
    while True:
        typed = _line()
        command, _, rest = typed.strip().partition(" ")
        if typed == "" or command == "q":
            return None
        if command in {"", "n"}:
            return _following(session, place)
        if command == "b" and place.before:
            return _Place(place.before[-1], place.before[:-1])
        if command == "g" and session.read.profile(rest.strip()):
            return _Place(rest.strip(), (*place.before, place.user_id))
        if _act(session, place.user_id, command, rest.strip(), by):
            return place


def _line() -> str:
    print_text("> ", end="")
    return sys.stdin.readline()


def _act(session: Session, user_id: str, command: str, rest: str, by: str) -> bool:
    """Do what was typed; returns whether the profile is to be shown again."""
    act = _ACTS.get(command)
    if act is None:
        print_text(HELP if command == "?" else "Unknown command; ? lists the commands.")
        return False
    try:
        act(session, user_id, rest, by)
    except UsageError as error:
        print_text(f"{error}.")
        return False
    except ChangedError as error:
        print_text(f"{error}.")
    return True


def _claims(session: Session, user_id: str) -> tuple[views.Card, list[views.ClaimView]]:
    card = views.card(session.read, user_id)
    if card is None:
        raise ChangedError("the user is not there any more")
    return card, [view for group in card.claims.values() for view in group]


def _chosen(session: Session, user_id: str, numbers: str) -> list[views.ClaimView]:
    _, claims = _claims(session, user_id)
    given = numbers.replace(",", " ").split()
    if not given or not all(number.isdecimal() and 1 <= int(number) <= len(claims) for number in given):
        raise UsageError(f"name claims by their numbers, 1 to {len(claims)}")
    return [claims[int(number) - 1] for number in given]


def _decide(
    session: Session, user_id: str, view: views.ClaimView, action: actions.ClaimAction, by: str, words: str = ""
) -> None:
    standing = view.standing
    session.act(
        actions.on_claim, user_id, standing.kind, standing.text, action, by=by, seen=standing.version, words=words
    )


def _approve(session: Session, user_id: str, rest: str, by: str) -> None:
    if rest:
        for view in _chosen(session, user_id, rest):
            _decide(session, user_id, view, "approve", by)
    else:
        session.act(actions.approve_all, user_id, by=by, seen=_claims(session, user_id)[0].version)


def _edit(session: Session, user_id: str, rest: str, by: str) -> None:
    number, _, words = rest.partition(" ")
    (view,) = _chosen(session, user_id, number)[:1]
    if not words:
        words = _edited(view.claim.text)
        if one_line(words) == view.claim.text:
            return
    _decide(session, user_id, view, "edit", by, words)


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


def _strike(session: Session, user_id: str, rest: str, by: str) -> None:
    for view in _chosen(session, user_id, rest):
        _decide(session, user_id, view, "strike", by)


def _undo(session: Session, user_id: str, rest: str, by: str) -> None:
    for view in _chosen(session, user_id, rest):
        _decide(session, user_id, view, "undo", by)


def _add(session: Session, user_id: str, rest: str, by: str) -> None:
    kind, _, words = rest.partition(" ")
    if kind not in KINDS:
        raise UsageError(f"type + KIND, then the words; KIND is {_KINDS}")
    session.act(actions.add_claim, user_id, kind, words, by=by)


def _flag(session: Session, user_id: str, rest: str, by: str) -> None:
    if rest:
        session.act(actions.flag, user_id, rest, by=by)
    else:
        session.act(actions.unflag, user_id, by=by)


def _write_again(session: Session, user_id: str, rest: str, by: str) -> None:
    session.act(actions.write_again, user_id, by=by)


_ACTS: dict[str, Callable[[Session, str, str, str], None]] = {
    "a": _approve,
    "e": _edit,
    "x": _strike,
    "u": _undo,
    "+": _add,
    "f": _flag,
    "w": _write_again,
}


def _show(session: Session, card: views.Card) -> None:
    """Print a profile as `profilegen show` does, with numbers before its claims and those that were struck."""
    numbers: dict[tuple[str, str], int] = {}
    struck = Text()
    for number, view in enumerate((view for group in card.claims.values() for view in group), 1):
        numbers[view.standing.kind, view.claim.text] = number
        if view.standing.struck:
            struck.append(f"\n{number:>3} {view.claim.text}", style="dim strike")
    page = terminal.user_page(
        card.profile, session.store.cited(card.profile), session.segment(card.profile.segment), numbers=numbers
    )
    print_page(page)
    if struck:
        print_page(Text.assemble("\nStruck", struck))
    if card.flag is not None:
        print_page(Text(f"\nFlagged: {card.flag}", style="yellow"))
    if card.asked_again:
        print_text("\nThe next build writes this profile again.")
