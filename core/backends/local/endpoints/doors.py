"""Limits for an endpoint's connections that uvicorn has no setting for.

A connection has HEAD_SECONDS for each request's head and REQUEST_SECONDS for a whole request. If
there are too many, the connection that has been idle the longest is closed, so that new clients are
answered. All clients are on this machine: a limit by address would not tell them apart.
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
# The listen queue. Clients that find it full retry after a second, so it is longer if the process
# can open enough files.
BACKLOG, LONG_BACKLOG = 256, 1024
# Files that the process needs besides its connections.
OTHER_FILES = 128
WANTED_FILES = 65_536
MAX_HEAD_BYTES = 16_384
LOG_SECONDS = 60

TOO_SLOW = 408, "too_slow", f"The request's head did not arrive within {HEAD_SECONDS} seconds."
TOO_MANY = 503, "busy", "Too many requests are open. Try again in a second."
NO_HTTP = 400, "bad_http", "This is not a valid HTTP/1.1 request."


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows it, WANTED_FILES at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS reports no limit but rejects this many; then there are fewer connections.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """Return the maximum number of connections, which leaves files for everything else."""
    return min(MAX_CONNECTIONS, max(16, _files() - BACKLOG - OTHER_FILES))


def backlog() -> int:
    """Return the length of the listen queue."""
    if _files() > 2 * (LONG_BACKLOG + MAX_CONNECTIONS):
        return LONG_BACKLOG
    return BACKLOG


def _files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return WANTED_FILES
    return soft


def server(application: ASGIApp, grace: int) -> uvicorn.Server:
    """Return uvicorn with all limits. When it exits, requests have `grace` seconds.

    It logs errors only: a warning for each malformed request could fill the disk.
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
    """One connection, with a timer for its current phase: idle, or in a request."""

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
        """Return whether no request is open; a part of one may have arrived."""
        return self.cycle is None or self.cycle.response_complete

    def idle_since(self) -> float:
        """Return when it became idle, in the loop's time."""
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
            # The client does not read its answer.
            self.transport.abort()
        elif self.cycle is None or self.conn.trailing_data[0]:
            self._refuse(*TOO_SLOW)
        else:
            self.close()

    def close(self) -> None:
        """Close once everything is sent, or after HEAD_SECONDS."""
        self._start_timer(HEAD_SECONDS)
        self.transport.close()

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer without h11, which allows no answer to half a request."""
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
    """A listening socket that survives a shortage of file descriptors.

    asyncio would log each failure in full, thousands per second. Here a spare descriptor is used to
    accept and close the connection, and the log has one line per minute.
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
            # asyncio takes this for an empty queue.
            raise BlockingIOError(errno.EAGAIN, "too many files are open") from error

    def close(self) -> None:
        self._close_spare()
        super().close()

    def _turn_away(self) -> None:
        if time.monotonic() - self._said > LOG_SECONDS:
            self._said = time.monotonic()
            logger.error("Connections are rejected: too many files are open.")
        self._close_spare()
        try:
            super().accept()[0].close()
            self._spare = os.open(os.devnull, os.O_RDONLY)
        except BlockingIOError:
            return
        except OSError:
            # Another thread took the descriptor. Without a pause this would be a busy loop.
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
