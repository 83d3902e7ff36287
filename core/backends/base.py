"""What every backend can do, and what each method promises. One test class checks the contract on
every implementation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from core import settings
from core.errors import BackendError
from core.jobs.specs import EndpointSpec, LoadSpec, TrainingSpec, TransformSpec, TuningSpec
from core.jobs.status.endpoints import Answer, Details, Figures
from core.jobs.store import Job

# HTTP statuses with which an endpoint refuses a photo.
REFUSALS = (400, 413, 415)


class EndpointState(StrEnum):
    CREATING = "Starting"
    IN_SERVICE = "Live"
    DELETING = "Deleting"
    FAILED = "Failed"


@dataclass(frozen=True)
class Endpoint:
    """A server for one model, as its platform describes it now; `created` in seconds since 1970."""

    id: str
    name: str
    backend: str
    model_id: str
    state: EndpointState
    created: float
    url: str = ""
    reason: str = ""
    details: Details = field(default_factory=Details)


@dataclass(frozen=True)
class LogChunk:
    """Log text from one position to the next. Pass `next` to continue; `skipped` if the start was
    left out."""

    text: str
    next: int
    skipped: bool = False


@dataclass(frozen=True)
class Program:
    """A job or an endpoint as code: `language` is `bash` or `python`, `about` says how to run
    it."""

    title: str
    about: str
    language: str
    text: str


class Backend(Protocol):
    """Where jobs and endpoints run.

    Promises, for every backend:
    - A spec's id is the job's id. The same spec submitted twice is one job.
    - No method waits for a job. `refresh` is one cheap read that returns within a few seconds.
    - A finished job never changes its state.
    - A method that a backend does not support raises BackendError. It never does something else.
    """

    name: str
    title: str
    # Whether a spec has to name the resources that it runs on.
    asks_resources: bool = False
    # Whether its endpoints count waiting photos.
    counts_waiting: bool = False
    # What Stop does with a training or tuning job, and how long that takes if it is long.
    stop_hint: str = "Saves a checkpoint, then stops."
    stop_delay: str = ""

    def is_ready(self) -> bool:
        """Return whether jobs can be submitted, as far as is known without asking the platform."""
        return True

    def facts(self, job: Job) -> dict[str, str]:
        """Return where a job runs, for its page, as text by title."""
        return {}

    def notice(self, job: Job) -> str:
        """Return why the status of a running job may be out of date, and how old it is; "" if it is
        current."""
        return ""

    def as_code(self, job: Job) -> list[Program]:
        """Return programs that repeat the job by hand; empty if it is too early for that."""
        return []

    def train(self, spec: TrainingSpec) -> Job:
        """Submit a training job and return within seconds. Raises UserError if it cannot run."""
        raise self._cannot("run training jobs")

    def tune(self, spec: TuningSpec) -> Job:
        """Submit a tuning job and return within seconds."""
        raise self._cannot("run tuning jobs")

    def transform(self, spec: TransformSpec) -> Job:
        """Submit a batch and return within seconds."""
        raise self._cannot("run batches")

    def deploy(self, spec: EndpointSpec) -> Endpoint:
        """Start an endpoint, in state CREATING, within seconds. It becomes IN_SERVICE once it
        has classified a test image."""
        raise self._cannot("run endpoints")

    def refresh(self, job: Job) -> Job:
        """Return the job as it is now. If its process has exited unexpectedly, the job is Failed,
        with the reason."""
        ...

    def log(self, job: Job, after: int = 0) -> LogChunk:
        """Return the log from position `after`, up to a limit."""
        ...

    def stop(self, job: Job) -> None:
        """Request a stop: the job saves a checkpoint, or keeps its last one if `stop_hint` says so,
        and is then Stopped. Idempotent; does nothing to a finished job."""
        ...

    def endpoints(self) -> list[Endpoint]:
        """Return every endpoint that Fieldmark knows and that exists now, newest first."""
        ...

    def invoke(self, endpoint: Endpoint, body: bytes, content_type: str) -> Answer:
        """Classify one photo; the answer has the form of sm_scripts/inference.py. Raises
        BackendError with the endpoint's message."""
        ...

    def connect(self, endpoint: Endpoint) -> Callable[[bytes, str], bytes]:
        """Return `invoke` for one thread that reuses its connection; it returns the answer's
        bytes."""
        ...

    def most_bytes(self, endpoint: Endpoint) -> int:
        """Return the largest photo, in bytes, that the endpoint accepts; images.shrunk makes larger
        ones fit."""
        return settings.MAX_INVOCATION_BYTES

    def figures(self, endpoint: Endpoint) -> Figures:
        """Return the counts and times of the endpoint since it went live; None for those it does
        not report."""
        return Figures()

    def load_test(self, spec: LoadSpec) -> Job:
        """Submit a load test of one of this backend's endpoints; the test runs on this machine."""
        raise self._cannot("test endpoints under load")

    def usage(self, endpoint: Endpoint) -> list[Program]:
        """Return programs that classify a photo with the endpoint, ready to run."""
        return []

    def delete(self, endpoint: Endpoint) -> None:
        """Stop the endpoint and delete what was created for it. Idempotent."""
        ...

    def _cannot(self, what: str) -> BackendError:
        return BackendError(f"{self.title} does not {what}.")
