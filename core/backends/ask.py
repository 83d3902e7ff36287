"""Many photos to one endpoint: several at a time, each answered or with the reason why not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from core import backends
from core.backends import Endpoint
from core.errors import BackendError, BadImage, PhotoRefused
from core.io import files, images
from core.jobs.status.endpoints import Answer

MEDIA_TYPE = "application/x-image"
AT_ONCE = 4


def ask_all(endpoint: Endpoint, photos: Mapping[str, Path]) -> Iterator[tuple[str, Answer]]:
    """(key, answer) for each photo, as they come.

    An answer is the endpoint's with `round_trip_ms`, or `{"failed": reason, "is_final": whether
    asking again would change nothing}`. One about a photo that was too large for the endpoint has
    `shrunk`: its bytes before and after.
    """
    kept = threading.local()

    def ask(path: Path) -> Answer:
        if not hasattr(kept, "send"):
            kept.send = backends.of(endpoint).connect(endpoint)
        return _ask(kept.send, path, most)

    most = backends.of(endpoint).most_bytes(endpoint)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {pool.submit(ask, path): key for key, path in photos.items()}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _ask(send: Callable[[bytes, str], bytes], path: Path, most: int) -> Answer:
    try:
        whole = path.read_bytes()
        body = images.shrunk(whole, most)
    except OSError as error:
        return {"failed": files.os_reason(error), "is_final": False}
    except BadImage as error:
        return {"failed": f"The photo can't be used: {error}.", "is_final": True}
    start = time.perf_counter()
    try:
        answer = json.loads(send(body, MEDIA_TYPE))
    except BackendError as error:
        return {"failed": str(error), "is_final": isinstance(error, PhotoRefused)}
    except ValueError:
        reason = "The endpoint answered with something that is not JSON. Look at its log."
        return {"failed": reason, "is_final": False}
    sizes = {"shrunk": [len(whole), len(body)]} if body is not whole else {}
    return {**answer, **sizes, "round_trip_ms": 1000 * (time.perf_counter() - start)}
