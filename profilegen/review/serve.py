"""The page served on an address until the process is interrupted."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from profilegen.errors import ProfilegenError, UsageError
from profilegen.language.words import content_stems
from profilegen.review import security
from profilegen.review.session import Session


def serve(directory: Path, *, host: str, port: int, open_browser: bool, echo: Callable[[str], None]) -> None:
    """Serve the page of a store until the process is interrupted.

    :param directory: the store.
    :param host: an address of this machine to listen on.
    :param port: 0 for any that is free.
    :param open_browser: whether to open the page, signed in, in the user's browser.
    :param echo: prints a line for the user: the link that signs in, and warnings.
    :raises UsageError: the address cannot be listened on.
    :raises StoreError: there is no store, or it cannot be written to.
    """
    import uvicorn

    from profilegen.review.app import make_app
    from profilegen.review.connections import TimedProtocol

    token = security.new_token()
    app = make_app(directory, token=token, loopback_only=security.is_loopback(host))
    listening = _listen(host.strip("[]"), port)
    link = _link(host.strip("[]"), listening.getsockname()[1], token)
    echo(f"Review {directory} at {link} (Ctrl-C ends it)")
    echo("The link signs in whoever opens it. Keep it to yourself.")
    if not security.is_loopback(host):
        echo("The connection is not encrypted: see “Safety” in docs/review.md.")
    # Addresses of requests hold user ids, and once the token: they are not logged.
    config = uvicorn.Config(
        app, http=TimedProtocol, ws="none", access_log=False, log_level="warning", server_header=False
    )
    server = uvicorn.Server(config)
    threading.Thread(target=_warm_up, args=(app.state.session,), daemon=True).start()
    # Ctrl-C is how the page is meant to be closed; uvicorn raises it again when it has shut down.
    with listening, contextlib.suppress(KeyboardInterrupt), _opened(directory, link if open_browser else None):
        server.run(sockets=[listening])


def _warm_up(session: Session) -> None:
    """Load what takes seconds, so that neither the first page nor the first decision waits for it."""
    with contextlib.suppress(ProfilegenError), session.reading() as ledger:  # The next request reports an error.
        session.snapshot(ledger)
    content_stems("", "en")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (")[0]
        raise UsageError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --host or --port"
        ) from None


def _link(host: str, port: int, token: str) -> str:
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/?{security.TOKEN_PARAMETER}={token}"


@contextlib.contextmanager
def _opened(directory: Path, link: str | None) -> Iterator[None]:
    """Open a link in the browser by a file that leads to it and that only this account can read.

    Every account of the machine sees the arguments of a browser's process, so the link cannot be one. The file lies in
    the store, since confined browsers (snap, flatpak) read the home directory and not the temporary one.
    """
    if link is None:
        yield
        return
    with tempfile.NamedTemporaryFile("w", dir=directory.absolute(), prefix="review-", suffix=".html") as file:
        file.write(
            f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(link)}"><title>profilegen</title>'
        )
        file.flush()
        threading.Timer(0.5, webbrowser.open, [Path(file.name).as_uri()]).start()
        yield
