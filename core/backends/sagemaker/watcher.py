"""Watches a job on SageMaker: creates it once, reads its state every few seconds, and stops it on
request.

SageMaker's answer counts. While there is none, the last known state stays, with its time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from core import settings
from core.aws import errors as aws_errors
from core.aws.documents import Json
from core.backends.sagemaker import failures
from core.errors import BackendError
from core.jobs.status.progress import Progress
from core.jobs.stopping import Left

if TYPE_CHECKING:
    from core.jobs.worker import Worker

logger = logging.getLogger(__name__)

FINISHED = ("Completed", "Failed", "Stopped")
KNOWN = ("InProgress", "Stopping", *FINISHED)
SLICE = 0.1
# The pause grows while nothing changes, up to this many usual pauses.
SLOWEST = 5
GROWTH = 1.3
# The longest pause while AWS does not respond.
LONGEST_SECONDS = 60.0
# AWS is eventually consistent: for so long after a create, "not found" may be an old answer.
CONSISTENT_SECONDS = 60.0

Answer = TypeVar("Answer")


class Watched(Protocol):
    """A job on SageMaker.

    `describe` returns None if there is no such job; all but `facts` may raise BackendError.
    """

    def describe(self) -> Json | None: ...

    def create(self) -> None: ...

    def stop(self) -> None: ...

    def status(self, described: Mapping[str, Any]) -> str:
        """Return InProgress, Stopping, Completed, Failed, Stopped, or an unknown status."""
        ...

    def look(self, described: Mapping[str, Any]) -> bool:
        """Read what else a running job offers; return whether there was anything new."""
        ...

    def facts(self, described: Mapping[str, Any]) -> dict[str, object]:
        """Return the facts on the job's page."""
        ...


class Watch:
    """The turns of one watcher over one job."""

    def __init__(self, worker: Worker, watched: Watched) -> None:
        self.worker, self.watched = worker, watched
        self.seen = Progress.from_json(worker.job.status.progress).seen or 0.0
        self.facts: dict[str, object] = {
            name: value for name, value in worker.job.status.progress.items() if name != "stale"
        }
        self._pause = settings.poll_seconds()
        self._stop_sent = False
        self._created = -CONSISTENT_SECONDS

    def submit(self) -> None:
        """Create the job.

        Its name is the idempotency token: if the answer was lost, the existing job is adopted. What
        was created for it just now (see note_create) may not be found yet.
        """
        while True:
            try:
                self.watched.create()
                self.note_create()
                return
            except BackendError as error:
                if aws_errors.is_there_already(error):
                    self.note_create()
                    return
                if not aws_errors.is_transient(error) and not self._is_unknown(error):
                    raise failures.refusal(error) from error.__cause__
                self._stale(error)
            self._wait(LONGEST_SECONDS / 12)
            if self.exists():
                return
            self.worker.check_stop()

    def note_create(self) -> None:
        """Something was created just now: until it is known everywhere, its absence means
        nothing."""
        self._created = time.monotonic()

    @property
    def is_settling(self) -> bool:
        return time.monotonic() - self._created < CONSISTENT_SECONDS

    def _is_unknown(self, error: BackendError) -> bool:
        """Return whether AWS may not yet know what was created just now."""
        return self.is_settling and aws_errors.is_missing(error)

    def exists(self) -> bool:
        """Return whether SageMaker has the job; retried until there is an answer."""
        return self.retry_until_answered(self.watched.describe) is not None

    def retry_until_answered(self, ask: Callable[[], Answer]) -> Answer:
        """Return what `ask` returns; transient errors are retried without limit, others raised.

        Raises Left if this process is asked to end.
        """
        pause = settings.poll_seconds()
        while True:
            try:
                return ask()
            except BackendError as error:
                if not aws_errors.is_transient(error) and not self._is_unknown(error):
                    raise
                self._stale(error)
            self._wait(pause)
            pause = min(LONGEST_SECONDS, pause * 2)

    def follow(self) -> Json:
        """Read the state until the job has ended; return its last description."""
        while True:
            described = self.retry_until_answered(self.watched.describe)
            if described is None and self.is_settling:
                self._wait(settings.poll_seconds())
                continue
            if described is None:
                raise BackendError("SageMaker no longer has this job.")
            self.seen = time.time()
            status = self.watched.status(described)
            if status not in FINISHED:
                self._pass_stop_on(status)
            news = self._look(described)
            self._show(described, status)
            if status in FINISHED:
                return described
            self._wait(self._next_pause(news))

    def say(self, **facts: object) -> None:
        """Show our own facts, before SageMaker knows the job."""
        self.facts = facts
        self.worker.progress(**facts)

    def _pass_stop_on(self, status: str) -> None:
        if self.worker.stopping and not self._stop_sent and status != "Stopping":
            try:
                self.watched.stop()
                self._stop_sent = True
            except BackendError as error:
                # It may have just ended; the next answer shows that.
                logger.warning("The job can't be stopped. %s", error)
        self.worker.ending = status == "Stopping"

    def _look(self, described: Mapping[str, Any]) -> bool:
        try:
            return self.watched.look(described)
        except BackendError as error:
            if not aws_errors.is_transient(error):
                logger.warning("The log can't be read. %s", error)
            return False

    def _show(self, described: Mapping[str, Any], status: str) -> None:
        before = {name: value for name, value in self.facts.items() if name != "seen"}
        self.facts = self.watched.facts(described)
        if status not in KNOWN:
            self.facts["phase"] = f"unknown: {status}"
        if self.facts != before:
            self._pause = settings.poll_seconds()
        self.facts["seen"] = self.seen
        self.worker.progress(**self.facts)

    def _stale(self, error: BackendError) -> None:
        self.worker.progress(**self.facts, stale=str(error))

    def _next_pause(self, news: bool) -> float:
        usual = settings.poll_seconds()
        self._pause = min(usual * SLOWEST, self._pause * GROWTH)
        if news:
            self._pause = usual
        return self._pause

    def _wait(self, seconds: float) -> None:
        """Wait; return early for a stop request that was not passed on yet. Raises Left if this
        process is asked to end."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.worker.leaving:
                raise Left
            if self.worker.stopping and not self._stop_sent and not self.worker.ending:
                time.sleep(SLICE)
                return
            time.sleep(min(SLICE, max(0.0, until - time.monotonic())))
