"""HTTP to endpoints on this workstation. Ignores proxy settings: no proxy can reach 127.0.0.1."""

from __future__ import annotations

import http.client
import json
import urllib.request
from urllib.parse import urlsplit

from core.jobs.status.endpoints import Answer

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post_image(url: str, body: bytes, content_type: str, seconds: float) -> Answer:
    """Return the answer of the endpoint at `url` to one image. Raises urllib.error.HTTPError if the
    endpoint rejects it, else OSError or ValueError."""
    request = urllib.request.Request(
        f"{url}/invocations", body, {"Content-Type": content_type}, method="POST"
    )
    with _OPENER.open(request, timeout=seconds) as answer:
        return dict(json.load(answer))


def get_json(url: str, seconds: float) -> dict[str, object]:
    """Return the JSON object at `url`. Raises OSError or ValueError."""
    with _OPENER.open(url, timeout=seconds) as answer:
        return dict(json.load(answer))


class Connection:
    """A persistent connection for one thread; reopened if the server has closed it."""

    def __init__(self, url: str, seconds: float) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=seconds
        )

    def post(self, body: bytes, content_type: str) -> tuple[int, bytes]:
        """Return status and answer. Raises OSError or http.client.HTTPException."""
        fresh = self._connection.sock is None
        try:
            return self._post(body, content_type)
        except (http.client.RemoteDisconnected, ConnectionError):
            self._connection.close()
            if fresh:
                raise
            return self._post(body, content_type)

    def _post(self, body: bytes, content_type: str) -> tuple[int, bytes]:
        try:
            self._connection.request("POST", "/invocations", body, {"Content-Type": content_type})
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except BaseException:
            self._connection.close()
            raise
