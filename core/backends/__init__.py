"""The backends by name. Everything else asks here and never compares names."""

from __future__ import annotations

from core.backends.base import Backend, Endpoint, EndpointState, LogChunk, Program
from core.backends.local.backend import LocalBackend
from core.backends.sagemaker.backend import SageMakerBackend
from core.errors import NotFound
from core.jobs.store import Job

LOCAL = LocalBackend()
SAGEMAKER = SageMakerBackend()
BACKENDS: dict[str, Backend] = {LOCAL.name: LOCAL, SAGEMAKER.name: SAGEMAKER}


def named(name: str) -> Backend:
    if name not in BACKENDS:
        raise NotFound(f"There is no backend called {name!r}. Known: {', '.join(BACKENDS)}.")
    return BACKENDS[name]


def of(work: Job | Endpoint) -> Backend:
    """The backend that runs this job or endpoint."""
    return named(work.backend)


def endpoints() -> list[Endpoint]:
    """The endpoints of every backend, newest first."""
    found = [endpoint for backend in BACKENDS.values() for endpoint in backend.endpoints()]
    return sorted(found, key=lambda endpoint: endpoint.created, reverse=True)


__all__ = [
    "BACKENDS",
    "LOCAL",
    "SAGEMAKER",
    "Backend",
    "Endpoint",
    "EndpointState",
    "LogChunk",
    "Program",
    "endpoints",
    "named",
    "of",
]
