"""What a request must bring before a page answers it, and the headers of every answer.

The page shows what people wrote and takes decisions, on a port that every account of this machine and every web page in
the same browser can reach. So each request must carry the token of the link that the command printed, must name this
machine (against DNS rebinding), must come from a page of this server (against request forgery), and nothing that people
wrote may run.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from html import escape
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
CSRF_COOKIE, CSRF_FIELD = "profilegen_csrf", "csrf"
TOKEN_PARAMETER = "token"

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

_SIGN_IN_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="color-scheme" content="light dark">{refresh}
<title>Sign in · profilegen</title>
</head>
<body>
<h1>Sign in</h1>
<p role="alert">Open the link that “profilegen review” printed when it started: it signs you in. \
Every start prints a new one.</p>
</body>
</html>
"""


def new_token() -> str:
    """Return a random token of 192 bits, safe in a URL."""
    return secrets.token_urlsafe(24)


def is_loopback(host: str) -> bool:
    """Return whether an address to listen on can be reached from this machine only.

    :param host: a host name or an IP address; IPv6 with or without brackets.
    """
    return host.strip("[]").lower() in LOOPBACK_NAMES


def secrets_equal(given: str | None, expected: str) -> bool:
    """Compare two secrets in constant time.

    :param given: what a client sent, None where it sent nothing.
    :param expected: the right one.
    """
    return given is not None and hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def token_cookie(host: str) -> str:
    """Return the name of the cookie that holds the token; two servers on one machine do not overwrite each other's.

    :param host: the `Host` header of a request. Browsers keep cookies by host name, without the port.
    """
    port = host.rpartition(":")[2]
    return f"profilegen_token_{port if port.isascii() and port.isdecimal() else 80}"


class Guard:
    """ASGI middleware that refuses requests without the token or from other sites, and sets the security headers.

    :param app: the application that answers the other requests.
    :param token: what a request must carry, in the address once and then in a cookie.
    :param loopback_only: whether the server can be reached from this machine only, so that a `Host` header with
        another name is refused.
    """

    def __init__(self, app: ASGIApp, *, token: str, loopback_only: bool) -> None:
        self._app = app
        self._token = token
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if scope["type"] != "http":
            return PlainTextResponse("only HTTP is answered", 403)
        if self._loopback_only and _host_name(host) not in LOOPBACK_NAMES:
            return PlainTextResponse("this page answers to localhost only", 421)
        if not secrets_equal(cookies(headers).get(token_cookie(host)), self._token):
            return self._sign_in(scope, headers, host)
        if TOKEN_PARAMETER in _parameters(scope) and scope["method"] == "GET":
            return _without_token(scope)
        if not _is_same_origin(scope, headers, host):
            return PlainTextResponse("refused: the request comes from another page", 403)
        return None

    def _sign_in(self, scope: Scope, headers: Headers, host: str) -> Response:
        """Answer a request without the right cookie: set it if the address carries the token, refuse it if not."""
        if scope["method"] == "GET" and secrets_equal(_parameters(scope).get(TOKEN_PARAMETER), self._token):
            answer = _without_token(scope)
            answer.set_cookie(token_cookie(host), self._token, httponly=True, samesite="strict")
            return answer
        # A browser that follows a link on another site withholds the cookie; when this page asks again, it sends it.
        follows_link = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") == "navigate"
        again = f'<meta http-equiv="refresh" content="0;url={escape(_own_address(scope))}">' if follows_link else ""
        return HTMLResponse(_SIGN_IN_PAGE.format(refresh=again), 401)


def cookies(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the cookies of a request by name; empty if they cannot be parsed.

    :param headers: of the request.
    """
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except Exception:  # http.cookies raises errors of several kinds on what a client made up
        return {}


def _parameters(scope: Scope) -> dict[str, str]:
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _without_token(scope: Scope) -> Response:
    """Redirect to the same address without the token, so that it stays in neither address bar nor bookmarks."""
    return RedirectResponse(_own_address(scope), 303)


def _own_address(scope: Scope) -> str:
    """Return path and query of a request without the token; with one leading slash, so it cannot name another host."""
    query = urlencode([(name, value) for name, value in _parameters(scope).items() if name != TOKEN_PARAMETER])
    return "/" + quote(scope["path"].lstrip("/\\")) + (f"?{query}" if query else "")


def _host_name(host: str) -> str:
    """Return the host name of a Host header without its port."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name.strip("[]").lower() if name.count(":") == 0 or host.startswith("[") else ""


def _is_same_origin(scope: Scope, headers: Headers, host: str) -> bool:
    """Return whether a page of this server, or a person who typed or followed an address, sent the request."""
    site = headers.get("sec-fetch-site", "same-origin")
    if scope["method"] in {"GET", "HEAD"}:
        return site in {"same-origin", "none"} or headers.get("sec-fetch-mode") == "navigate"
    return site == "same-origin" and headers.get("origin") == f"{scope['scheme']}://{host}"
