"""Reading the bodies of requests, with limits on size, time, number and total memory.

At a limit, the body that has been idle the longest is dropped, so that clients which open requests
and send nothing block nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from core import settings


class TooLarge(Exception):
    """A body exceeds settings.MAX_INVOCATION_BYTES."""


class TooMany(Exception):
    """Too many requests are open."""


class Bodies:
    """The open requests of a server, with at most `size` bytes in total."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._open = self._answering = 0
        # In the order of their last bytes: the first has been idle the longest.
        self._reading: dict[asyncio.Timeout, int] = {}

    @asynccontextmanager
    async def read(self, request: Request, seconds: float, most: int) -> AsyncIterator[bytes]:
        """Read the whole body, which is counted until the context ends; at most `most` are open.

        Raises TooLarge as early as possible, TooMany, or TimeoutError for a body that is late or
        was dropped.
        """
        if self._open >= most and not self._drop_slowest():
            raise TooMany
        self._open += 1
        try:
            body = await self._whole(request, seconds)
            self._answering += len(body)
            try:
                yield body
            finally:
                self._answering -= len(body)
        finally:
            self._open -= 1

    async def _whole(self, request: Request, seconds: float) -> bytes:
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > settings.MAX_INVOCATION_BYTES:
            raise TooLarge
        body = bytearray()
        async with asyncio.timeout(seconds) as limit:
            try:
                self._note(limit, 0)
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > settings.MAX_INVOCATION_BYTES:
                        raise TooLarge
                    self._note(limit, len(body))
            finally:
                self._reading.pop(limit, None)
        return bytes(body)

    def _note(self, limit: asyncio.Timeout, size: int) -> None:
        self._reading.pop(limit, None)
        self._reading[limit] = size
        while self._answering + sum(self._reading.values()) > self.size:
            if not self._drop_slowest():
                break

    def _drop_slowest(self) -> bool:
        """End the reading of one body; False if none is being read."""
        limit = next(iter(self._reading), None)
        if limit is None:
            return False
        del self._reading[limit]
        if not limit.expired():
            limit.reschedule(0)
        return True
