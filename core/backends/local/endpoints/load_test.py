"""Runs a load test in its own process, so that pages do not disturb the measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import backends
from core.backends import Endpoint, EndpointState
from core.backends.local.endpoints import process as endpoints
from core.endpoints import load_test
from core.errors import BackendError
from core.io import files, images
from core.jobs.status.asked import load_spec
from core.models import store as models

if TYPE_CHECKING:
    from core.jobs.worker import Worker

PHOTOS = 64
MEDIA_TYPE = "application/x-image"


def run(worker: Worker) -> None:
    """Run the test. Raises BackendError if the endpoint is not live."""
    spec = load_spec(worker.job)
    endpoint = _find_endpoint(spec.endpoint_id)
    backend = backends.of(endpoint)
    most = backend.most_bytes(endpoint)
    found = endpoints.some_photos(models.read(endpoint.model_id), PHOTOS)
    photos = [images.shrunk(photo, most) for photo in found]

    def connect() -> load_test.Send:
        send = backend.connect(endpoint)
        return lambda photo: send(photo, MEDIA_TYPE)

    def report(result: load_test.Result) -> None:
        worker.progress(**_figures(result, spec.requests))

    result = load_test.run(
        connect,
        photos,
        requests=spec.requests,
        clients=spec.clients,
        progress=report,
        should_stop=lambda: worker.stopping,
    )
    files.write_json(
        worker.folder.output / "load.json",
        {
            "milliseconds": [round(value, 3) for value in result.milliseconds],
            "errors": dict(result.errors),
            "seconds": result.seconds,
        },
    )
    report(result)
    worker.check_stop()


def _find_endpoint(endpoint_id: str) -> Endpoint:
    found = next(
        (endpoint for endpoint in backends.endpoints() if endpoint.id == endpoint_id), None
    )
    if found is None or found.state is not EndpointState.IN_SERVICE:
        raise BackendError("The endpoint is not live. Start it again, then repeat the test.")
    return found


def _figures(result: load_test.Result, total: int) -> dict[str, object]:
    done = result.answered + result.failed
    counts: dict[str, object] = {
        "done": done,
        "total": total,
        "failed": result.failed,
        "errors": dict(result.errors.most_common(5)),
    }
    if not result.answered:
        return counts
    times = {
        f"p{round(100 * share)}_ms": round(result.quantile(share), 2) for share in (0.5, 0.95, 0.99)
    }
    return {
        **counts,
        **times,
        "per_second": round(result.per_second, 2),
        "seconds": round(result.seconds, 2),
    }
