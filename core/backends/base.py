"""The verbs of a backend and what each promises. One contract test class runs on every
implementation."""

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

# HTTP statuses by which an endpoint says that a photo can't be used.
REFUSALS = (400, 413, 415)


class EndpointState(StrEnum):
    CREATING = "Starting"
    IN_SERVICE = "Live"
    DELETING = "Deleting"
    FAILED = "Failed"


@dataclass(frozen=True)
class Endpoint:
    """A server for one model, as its platform describes it now. `created` is in seconds since
    1970."""

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
    """Log text from one position to the next; pass `next` to read on."""

    text: str
    next: int
    skipped: bool = False


@dataclass(frozen=True)
class Program:
    """A job or an endpoint as code. `language` is what the text is in, `bash` or `python`; `about`
    says how to run it."""

    title: str
    about: str
    language: str
    text: str


class Backend(Protocol):
    """Where jobs and endpoints run.

    Promises, for every backend:
    - A spec's id is the job's id. The same spec submitted twice is one job.
    - Nothing here waits for a job; `refresh` is one cheap read and never blocks for more than a few
      seconds.
    - A finished job never changes its state again.
    - What a backend cannot do raises BackendError saying so; it never does something else instead.
    """

    name: str
    title: str
    # Whether a spec has to say which resources it runs on.
    asks_resources: bool = False
    # Whether its endpoints count the photos that wait for their answer.
    counts_waiting: bool = False

    def is_ready(self) -> bool:
        """Whether work can be submitted here at all, as far as this machine knows; never asks a
        platform."""
        return True

    def facts(self, job: Job) -> dict[str, str]:
        """What a job's page shows of where it runs, by title, in words that stand alone; empty
        where there is nothing to say."""
        return {}

    def notice(self, job: Job) -> str:
        """How old what is shown of a running job is, and why; empty where it is as good as now."""
        return ""

    def as_code(self, job: Job) -> list[Program]:
        """The job as programs that repeat it by hand; empty where it cannot be said yet."""
        return []

    def train(self, spec: TrainingSpec) -> Job:
        """Submits a training job and returns at once. UserError where the spec cannot run."""
        raise self._cannot("run training jobs")

    def tune(self, spec: TuningSpec) -> Job:
        """Submits a tuning job and returns at once."""
        raise self._cannot("run tuning jobs")

    def transform(self, spec: TransformSpec) -> Job:
        """Submits a transform job and returns at once."""
        raise self._cannot("run transform jobs")

    def deploy(self, spec: EndpointSpec) -> Endpoint:
        """Starts an endpoint and returns at once, as CREATING. It is IN_SERVICE only after a
        smoke image was classified."""
        raise self._cannot("run endpoints")

    def refresh(self, job: Job) -> Job:
        """The job as it is now. A job whose process died is Failed, with the reason, from the first
        refresh after."""
        ...

    def log(self, job: Job, after: int = 0) -> LogChunk:
        """The log from position `after`, bounded; `skipped` says that the beginning was left
        out."""
        ...

    def stop(self, job: Job) -> None:
        """Asks the job to end: checkpoint, then Stopped. Idempotent; a finished job is left as it
        is."""
        ...

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint of ours that exists now, asked of the platform, newest first."""
        ...

    def invoke(self, endpoint: Endpoint, body: bytes, content_type: str) -> Answer:
        """One image in, its answer (sm_scripts/inference.py) out. BackendError carries the
        endpoint's own message."""
        ...

    def connect(self, endpoint: Endpoint) -> Callable[[bytes, str], bytes]:
        """`invoke` for one thread that asks often, over a connection that is kept; what it returns
        are the answer's bytes."""
        ...

    def most_bytes(self, endpoint: Endpoint) -> int:
        """How many bytes a photo may have that the endpoint is asked about; images.shrunk makes it
        so."""
        return settings.MAX_INVOCATION_BYTES

    def figures(self, endpoint: Endpoint) -> Figures:
        """What the endpoint has counted since it is in service; None for what it does not say."""
        return Figures()

    def load_test(self, spec: LoadSpec) -> Job:
        """Submits a load test of an endpoint of this backend; wherever that is, the test itself
        runs on this machine."""
        raise self._cannot("test endpoints under load")

    def usage(self, endpoint: Endpoint) -> list[Program]:
        """The endpoint from code: what asks it about a photo, ready to be run."""
        return []

    def delete(self, endpoint: Endpoint) -> None:
        """Ends the endpoint and removes all that was made for it. Idempotent."""
        ...

    def _cannot(self, what: str) -> BackendError:
        return BackendError(f"{self.title} does not {what}.")
