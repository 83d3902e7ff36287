"""Looking at other processes: waiting for what they do, with a condition and a limit and never a fixed sleep, and finding them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from core.backends import Backend, Endpoint, EndpointState
from core.jobs import locks
from core.jobs import store as jobs
from core.jobs.store import Job
from tests.patience import PATIENCE


def until(happened: Callable[[], object], what: str, seconds: float = PATIENCE) -> float:
    """Seconds until `happened()` is true; fails after `seconds`."""
    start = time.monotonic()
    while not happened():
        assert time.monotonic() - start < seconds, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.01)
    return time.monotonic() - start


def quickest(do: Callable[[], object], tries: int = 3) -> float:
    """Seconds of the quickest of a few tries: one may have been held up by whatever else the machine had to do."""

    def once() -> float:
        start = time.monotonic()
        do()
        return time.monotonic() - start

    return min(once() for _ in range(tries))


def ended(backend: Backend, job: Job, seconds: float = PATIENCE) -> Job:
    """The job once it has ended."""
    until(
        lambda: backend.refresh(job).state.is_finished,
        f"the end of {job.id} (log: {backend.log(job).text[-500:]!r})",
        seconds,
    )
    return backend.refresh(job)


def said(backend: Backend, job: Job, text: str, seconds: float = PATIENCE) -> float:
    """Seconds until the job's log holds `text`."""
    return until(lambda: text in backend.log(job).text, f"{text!r} in the log of {job.id}", seconds)


def running(backend: Backend, job: Job) -> Job:
    """The job once its script has said that it runs."""
    said(backend, job, "running")
    return backend.refresh(job)


def gone(job: Job) -> None:
    """Waits until no process of the job is left, down to the last thread of each."""
    until(lambda: not processes_in(job.folder.path), f"the end of {processes_in(job.folder.path)}")
    until(lambda: not locks.is_locked(job.folder.lock), f"the lock of {job.id}")


def settled(backend: Backend, endpoint: Endpoint, seconds: float = PATIENCE) -> Endpoint:
    """The endpoint once it is no longer Creating."""

    def now() -> Endpoint:
        return next(found for found in backend.endpoints() if found.id == endpoint.id)

    until(
        lambda: now().state is not EndpointState.CREATING,
        f"{endpoint.id} is still Creating",
        seconds,
    )
    return now()


def processes_in(folder: Path) -> list[psutil.Process]:
    """The live processes that work in a job's folder: its worker and what that started."""
    return list(_processes_in(folder))


def worker_of(job: Job) -> psutil.Process:
    """The process that runs the job."""
    pid = job.status.pid or jobs.read(job.id).status.pid
    # Without one, whatever is done to "the worker" would be done to the tests.
    assert pid, f"{job.id} has no process yet"
    return psutil.Process(pid)


def trainer_of(job: Job) -> psutil.Process:
    """The one child of the job's worker: its script."""
    (child,) = worker_of(job).children()
    return child


def _processes_in(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(
                folder
            ):
                yield process
        except psutil.Error:
            continue
