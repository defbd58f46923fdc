"""HTTP/1.1 connections that are closed when a request does not arrive whole in time."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_TIMEOUT_S = 15.0
"""How long a client may take to send a whole request: its first line, headers and body. The largest form has 200 kB."""

MAX_CONNECTIONS = 256
"""A browser opens six. Well below the 1,024 files that a process may have open, of which each connection takes one."""


class TimedProtocol(H11Protocol):
    """uvicorn's protocol, with a time limit for each request; uvicorn itself limits only the pause between two."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit of the first request; refuse a connection too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._set_timer()

    def data_received(self, data: bytes) -> None:
        """Start the time limit with the first bytes of a request, end it with its last."""
        super().data_received(data)
        self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the time limit."""
        self._cancel_timer()
        super().connection_lost(exc)

    def _set_timer(self) -> None:
        # IDLE: the headers are not whole; SEND_BODY: the body is not. The timer runs on when more bytes come.
        if self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._cancel_timer()
        elif self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.abort)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
