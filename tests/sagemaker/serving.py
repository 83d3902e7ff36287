"""Endpoints and batches on the emulator: waiting for them, and photos to ask about."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest

from core import backends
from core.backends import Endpoint, EndpointState
from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec, Resources, TransformSpec
from core.jobs.store import Job
from core.models.store import Model
from tests import shapes
from tests.patience import PATIENCE

SERVERLESS = Resources(memory_mb=3072)
REAL_TIME = Resources("ml.m5.large")


def deploy(model: Model, resources: Resources | None = SERVERLESS, **more: object) -> Endpoint:
    return backends.SAGEMAKER.deploy(EndpointSpec("Served", model.id, resources=resources, **more))  # type: ignore[arg-type]


def batch(model: Model, source: str = "split", **more: object) -> Job:
    given = (
        {"dataset_id": model.dataset_id, "version_id": model.version_id, "split": "test"}
        if source == "split"
        else {}
    )
    spec = TransformSpec("Batch", model.id, source, **{"resources": REAL_TIME, **given, **more})  # type: ignore[arg-type]
    return backends.SAGEMAKER.transform(spec)


def now(endpoint_id: str) -> Endpoint | None:
    return next(
        (endpoint for endpoint in backends.SAGEMAKER.endpoints() if endpoint.id == endpoint_id),
        None,
    )


def until(holds: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not happen within {patience:.0f} s")
        time.sleep(0.1)


def in_service(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint once it is in service; fails with its log where it never is."""

    def settled() -> bool:
        found = now(endpoint.id)
        return found is not None and found.state in (EndpointState.IN_SERVICE, EndpointState.FAILED)

    until(settled, "the endpoint's start")
    found = now(endpoint.id)
    assert found
    assert found.state is EndpointState.IN_SERVICE, f"{found.reason}\n{log(endpoint.id)}"
    return found


def ended(job: Job) -> Job:
    until(lambda: backends.SAGEMAKER.refresh(job).state.is_finished, "the end of the job")
    return jobs.read(job.id)


def log(job_id: str) -> str:
    try:
        return jobs.read(job_id).folder.log.read_text()
    except (OSError, NotFound) as error:
        return str(error)


def png(name: str, seed: int = 99) -> bytes:
    buffer = io.BytesIO()
    shapes.photo(name, seed=seed).save(buffer, "PNG")
    return buffer.getvalue()
