"""Many photos to one endpoint: several at a time, each answered or with the reason why not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from core import backends, files, settings
from core.backends import Endpoint
from core.errors import BackendError

MEDIA_TYPE = "application/x-image"
AT_ONCE = 4


def ask_all(endpoint: Endpoint, photos: Mapping[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, answer) for each photo, as they come. An answer is the endpoint's (DESIGN.md 4.2) with `round_trip_ms`, or
    `{"failed": reason}`."""
    kept = threading.local()

    def ask(path: Path) -> dict[str, Any]:
        if not hasattr(kept, "send"):
            kept.send = backends.of(endpoint).connect(endpoint)
        return _ask(kept.send, path)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {pool.submit(ask, path): key for key, path in photos.items()}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _ask(send: Callable[[bytes, str], bytes], path: Path) -> dict[str, Any]:
    try:
        body = path.read_bytes()
    except OSError as error:
        return {"failed": files.os_reason(error)}
    if len(body) > settings.MAX_INVOCATION_BYTES:
        most = files.human_bytes(settings.MAX_INVOCATION_BYTES)
        return {"failed": f"The file has {files.human_bytes(len(body))}; an endpoint takes at most {most}. Make it smaller."}
    start = time.perf_counter()
    try:
        answer = json.loads(send(body, MEDIA_TYPE))
    except BackendError as error:
        return {"failed": str(error)}
    except ValueError:
        return {"failed": "The endpoint answered with something that is not JSON. Look at its log."}
    return {**answer, "round_trip_ms": 1000 * (time.perf_counter() - start)}
