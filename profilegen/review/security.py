"""What a request must be before a page sees it, and what every answer carries.

The page shows what people wrote and takes decisions, on a port that any web page in the same browser can reach. So a
name that points to this machine is not enough (DNS rebinding), nor is a browser that sends along what it keeps (request
forgery); and nothing that people wrote may run.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
CSRF_COOKIE, CSRF_FIELD = "profilegen_csrf", "csrf"
TOKEN_COOKIE, TOKEN_PARAMETER = "profilegen_token", "token"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with it, browsers send `Origin: null` with a form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def new_token() -> str:
    """Return a word that nobody guesses."""
    return secrets.token_urlsafe(24)


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on can be reached from this machine only."""
    return host.strip("[]").lower() in LOOPBACK_NAMES


def same(given: str | None, wanted: str) -> bool:
    """Compare a secret in a time that tells nothing of it."""
    return given is not None and hmac.compare_digest(given.encode(), wanted.encode())


class Guard:
    """Refuses what does not come from a page of our own, and puts the security headers on every answer.

    :param token: what a request must carry, where others than this machine can reach the port; None on loopback.
    """

    def __init__(self, app: ASGIApp, *, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = self._refusal(scope)
        await (refused or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._token is None and _name_of(host) not in LOOPBACK_NAMES:
            return PlainTextResponse("this page answers to localhost only", 421)
        if self._token is not None and (refused := self._unknown(scope, headers)):
            return refused
        if not _is_own(scope, headers, host):
            return PlainTextResponse("refused: the request comes from another page", 403)
        return None

    def _unknown(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the answer to who does not know the token; who brings it in the link gets it as a cookie."""
        assert self._token is not None
        parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if scope["method"] == "GET" and same(dict(parameters).get(TOKEN_PARAMETER), self._token):
            rest = urlencode([pair for pair in parameters if pair[0] != TOKEN_PARAMETER])
            # Of the path alone, and with one slash, so that it cannot lead to another host.
            answer = RedirectResponse(f"/{scope['path'].lstrip('/')}{'?' + rest if rest else ''}", 303)
            answer.set_cookie(TOKEN_COOKIE, self._token, httponly=True, samesite="strict")
            return answer
        if same(cookies(headers).get(TOKEN_COOKIE), self._token):
            return None
        return PlainTextResponse("open the link that `profilegen review` printed: it carries the token", 401)


def cookies(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the cookies of a request by name; none where they make no sense."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except Exception:  # http.cookies raises errors of several kinds on what a client made up
        return {}


def _name_of(host: str) -> str:
    """Return the host name of a Host header without its port."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name.strip("[]").lower() if name.count(":") == 0 or host.startswith("[") else ""


def _is_own(scope: Scope, headers: Headers, host: str) -> bool:
    """Tell whether a page of ours, or a person who typed or followed an address, sent the request."""
    site = headers.get("sec-fetch-site", "same-origin")
    if scope["method"] in {"GET", "HEAD"}:
        return site in {"same-origin", "none"} or headers.get("sec-fetch-mode") == "navigate"
    return site == "same-origin" and headers.get("origin") == f"{scope['scheme']}://{host}"
