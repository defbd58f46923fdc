"""The page served: on an address, until it is interrupted."""

from __future__ import annotations

import contextlib
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

from profilegen.claims.phrases import keys
from profilegen.errors import ProfilegenError, UsageError
from profilegen.review import security
from profilegen.review.session import Session


def serve(directory: Path, *, host: str, port: int, open_browser: bool, tell: Callable[[str], None]) -> None:
    """Serve the page of a store until the process is interrupted.

    :param host: an address of this machine; beyond loopback, a token is asked for.
    :param port: 0 for any that is free.
    :param tell: is given the lines a person must see: the link, and what to mind.
    :raises UsageError: the address cannot be listened on.
    :raises StoreError: there is no store, or it cannot be written to.
    """
    import uvicorn

    from profilegen.review.app import make_app

    token = None if security.is_loopback(host) else security.new_token()
    app = make_app(directory, token=token)
    listening = _listen(host.strip("[]"), port)
    link = _link(host.strip("[]"), listening.getsockname()[1], token)
    tell(f"Review {directory} at {link} (Ctrl-C ends it)")
    if token:
        tell("Who has this link can read and decide on everything, and the way is not encrypted: see docs/review.md.")
    # The requests' addresses hold user ids, and once the token: nothing of them is logged.
    config = uvicorn.Config(app, access_log=False, log_level="warning", server_header=False)
    server = uvicorn.Server(config)
    threading.Thread(target=_warm, args=(app.state.session,), daemon=True).start()
    if open_browser:
        threading.Timer(0.5, webbrowser.open, [link]).start()
    # Ctrl-C is how the page is meant to be closed; uvicorn raises it again when it has shut down.
    with listening, contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def _warm(session: Session) -> None:
    """Load what takes seconds, so that neither the first page nor the first decision waits for it."""
    with contextlib.suppress(ProfilegenError):  # Whoever asks next is told.
        session.facts()
    keys("", "en")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (")[0]
        raise UsageError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --host or --port"
        ) from None


def _link(host: str, port: int, token: str | None) -> str:
    named = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    address = f"http://{f'[{named}]' if ':' in named else named}:{port}/"
    return f"{address}?{security.TOKEN_PARAMETER}={token}" if token else address
