"""HTTP to the servers on this workstation, past any proxy that the environment names: no proxy can reach 127.0.0.1 here."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post_image(url: str, body: bytes, content_type: str, seconds: float) -> dict[str, Any]:
    """The answer of the endpoint at `url` to one image. Raises urllib.error.HTTPError where it refuses, else OSError or ValueError."""
    request = urllib.request.Request(f"{url}/invocations", body, {"Content-Type": content_type}, method="POST")
    with _OPENER.open(request, timeout=seconds) as answer:
        return dict(json.load(answer))
