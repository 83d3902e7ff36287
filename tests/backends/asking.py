"""Plain HTTP to an endpoint, without our own client's manners: wrong methods, wrong paths, half a request."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from tests.patience import PATIENCE

SECONDS = PATIENCE


@dataclass
class Answer:
    status: int
    body: bytes

    @property
    def error(self) -> str:
        """The error's code, from the one shape that every refusal has."""
        content = json.loads(self.body)
        assert set(content) == {"error"}
        assert set(content["error"]) == {"code", "message"}
        assert content["error"]["message"]
        return str(content["error"]["code"])


@dataclass
class Client:
    """Plain HTTP to one port of this machine."""

    port: int

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        content_type: str = "image/png",
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, {"Content-Type": content_type})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def post(self, body: bytes | Iterator[bytes], content_type: str = "image/png") -> Answer:
        return self.ask("POST", "/invocations", body, content_type)

    def open(self, *lines: str) -> socket.socket:
        """A connection on which a request has begun."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
        return connection


def answer_of(connection: socket.socket) -> Answer:
    with connection:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return Answer(answer.status, answer.read())
