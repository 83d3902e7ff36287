"""The door of an endpoint: bounds for its connections that uvicorn has no setting for.

A connection has HEAD_SECONDS for each request's head and REQUEST_SECONDS for all of a request. When
there are too many, the one that has been idle the longest is closed, so that whoever comes next is
answered. All clients of an endpoint are on this machine: counting by address would tell none apart.
"""

from __future__ import annotations

import asyncio
import errno
import http
import json
import logging
import os
import resource
import socket
import time
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.backends.local.endpoints.service import error_body

logger = logging.getLogger(__name__)

HEAD_SECONDS = 10
# Between two requests on one connection.
IDLE_SECONDS = 5
REQUEST_SECONDS = 120
MAX_CONNECTIONS = 512
# How many may wait to be accepted, and are accepted at once. Who finds no room tries again after a
# second, so it is more where there are files for it.
BACKLOG, LONG_BACKLOG = 256, 1024
# Files that the process needs besides its connections.
OTHER_FILES = 128
WANTED_FILES = 65_536
MAX_HEAD_BYTES = 16_384
LOG_SECONDS = 60

TOO_SLOW = 408, "too_slow", f"The request's head did not arrive within {HEAD_SECONDS} seconds."
TOO_MANY = 503, "busy", "Too many requests are open already. Try again in a moment."
NO_HTTP = 400, "bad_http", "This is not a valid HTTP/1.1 request."


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows it, WANTED_FILES at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS calls its limit infinite and refuses so many; then there are fewer connections.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """How many connections there may be, so that files for everything else remain."""
    return min(MAX_CONNECTIONS, max(16, _files() - BACKLOG - OTHER_FILES))


def backlog() -> int:
    """How many may wait to be accepted."""
    if _files() > 2 * (LONG_BACKLOG + MAX_CONNECTIONS):
        return LONG_BACKLOG
    return BACKLOG


def _files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return WANTED_FILES
    return soft


def server(application: ASGIApp, grace: int) -> uvicorn.Server:
    """Return uvicorn with all the bounds. After it is told to exit, requests have `grace` seconds.

    It logs errors only: a warning for each malformed request would let anybody fill the disk.
    """
    return uvicorn.Server(
        uvicorn.Config(
            application,
            http=Connection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            backlog=backlog(),
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=grace,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            proxy_headers=False,
            access_log=False,
            log_level="error",
        )
    )


class Connection(H11Protocol):
    """One connection, with a timer that runs from one phase to the next: idle, or in a request."""

    _since = 0.0
    _request: Any = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer(HEAD_SECONDS)
        if len(self.connections) > most_connections() and not _close_idlest(self.connections, self):
            self._refuse(*TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._note_phase()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note_phase()

    def send_400_response(self, msg: str) -> None:
        if not self.is_idle() and self.cycle.response_started:
            self.transport.abort()
        else:
            self._refuse(*NO_HTTP)

    def is_idle(self) -> bool:
        """Whether no request is open, though a part of one may have arrived."""
        return self.cycle is None or self.cycle.response_complete

    def idle_since(self) -> float:
        """When it became idle, in the loop's time."""
        return self._since

    def _note_phase(self) -> None:
        request = None if self.is_idle() else self.cycle
        if request is not self._request and not self.transport.is_closing():
            self._request = request
            self._start_timer(HEAD_SECONDS if request is None else REQUEST_SECONDS)

    def _start_timer(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._since = self.loop.time()
        self._timer = self.loop.call_later(seconds, self._on_time)

    def _on_time(self) -> None:
        if self.transport.is_closing() or not self.is_idle():
            # What is still to be sent is not taken by the other side.
            self.transport.abort()
        elif self.cycle is None or self.conn.trailing_data[0]:
            self._refuse(*TOO_SLOW)
        else:
            self.close()

    def close(self) -> None:
        """Close once everything is sent, or when HEAD_SECONDS are over."""
        self._start_timer(HEAD_SECONDS)
        self.transport.close()

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer past h11, which allows no answer to half a request."""
        body = json.dumps(error_body(code, message))
        head = [
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
            head.append("Retry-After: 1")
        self.transport.write("\r\n".join([*head, "", body]).encode())
        self.close()


class Listener(socket.socket):
    """A listening socket that outlives a shortage of files.

    asyncio would log each failure in full, thousands a second. Here the client is let go, by way of
    a file that is kept for that, and the log has one line a minute.
    """

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._spare = os.open(os.devnull, os.O_RDONLY)
        self._said = float("-inf")

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._turn_away()
            # Which asyncio understands as: nobody waits any more.
            raise BlockingIOError(errno.EAGAIN, "too many files are open") from error

    def close(self) -> None:
        self._close_spare()
        super().close()

    def _turn_away(self) -> None:
        if time.monotonic() - self._said > LOG_SECONDS:
            self._said = time.monotonic()
            logger.error("Connections are refused: too many files are open.")
        self._close_spare()
        try:
            super().accept()[0].close()
            self._spare = os.open(os.devnull, os.O_RDONLY)
        except BlockingIOError:
            return
        except OSError:
            # Another thread took the file. Without a pause this would be a busy loop.
            time.sleep(0.05)

    def _close_spare(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
        self._spare = -1


def _close_idlest(connections: set[Any], newest: Connection) -> bool:
    """Close the connection that has been idle the longest; False if none but `newest` is."""
    idle = [one for one in connections if _is_idle(one) and one is not newest]
    if idle:
        min(idle, key=Connection.idle_since).close()
    return bool(idle)


def _is_idle(connection: Any) -> bool:
    closing = connection.transport.is_closing()
    return isinstance(connection, Connection) and not closing and connection.is_idle()
