"""A real HTTP server that serves one file, and misbehaves as it is told to, a connection at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Script:
    """What the server does. Each list is used up, one item for each request: `drops` bytes after which the connection breaks, `statuses`
    answered instead of the file, `wrong` bytes sent instead of the right ones.

    `ranges`: whether it can continue. `lie` is added to the length that it says. `pause` seconds between chunks of 2 KB.
    """

    data: bytes
    drops: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    wrong: list[bytes] = field(default_factory=list)
    ranges: bool = True
    shift: int = 0
    lie: int = 0
    pause: float = 0.0
    asked: list[str] = field(default_factory=list)


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the play."""


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """The server's address, while it serves."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            script.asked.append(wanted)
            if script.statuses:
                self.send_error(script.statuses.pop(0))
                return
            data = script.wrong.pop(0) if script.wrong else script.data
            start = (
                int(wanted.removeprefix("bytes=").removesuffix("-"))
                if wanted and script.ranges
                else 0
            )
            if start >= len(data) > 0 and wanted and script.ranges:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._send(
                data,
                start,
                script.drops.pop(0) if script.drops else None,
                partial=bool(wanted) and script.ranges,
            )

        def _send(self, data: bytes, start: int, drop: int | None, *, partial: bool) -> None:
            self.send_response(206 if partial else 200)
            if partial:
                self.send_header(
                    "Content-Range",
                    f"bytes {start + script.shift}-{len(data) - 1}/{len(data) + script.lie}",
                )
            self.send_header("Content-Length", str(len(data) - start + script.lie))
            self.end_headers()
            body = data[start:] if drop is None else data[start : start + drop]
            for place in range(0, len(body), 2048):
                self.wfile.write(body[place : place + 2048])
                time.sleep(script.pause)
            self.close_connection = True

        def log_message(self, *_: object) -> None: ...

    server = _Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/birds.tgz"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
