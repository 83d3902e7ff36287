"""Watches one endpoint on SageMaker: uploads the model, creates the endpoint, tests it, reads its
figures, and deletes it at its deadline.

The deadline is also a tag on the endpoint, so that the AWS page shows overdue endpoints even if
this machine was off.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core import settings
from core.aws import account as accounts
from core.aws import connection, prices
from core.aws import errors as aws_errors
from core.aws.documents import Json
from core.aws.storage import Store
from core.backends.base import EndpointState
from core.backends.local.endpoints.server import smoke_image
from core.backends.sagemaker import failures
from core.backends.sagemaker.endpoints import captured as capturing
from core.backends.sagemaker.endpoints import figures as endpoint_figures
from core.backends.sagemaker.endpoints import hosting, serving_image
from core.backends.sagemaker.endpoints import verbs as endpoints
from core.backends.sagemaker.logs import LogTail
from core.backends.sagemaker.watcher import Watch
from core.errors import BackendError
from core.jobs.status.asked import endpoint_spec
from core.jobs.stopping import Failed, Left, Stopped
from core.models import store as models

if TYPE_CHECKING:
    from core.jobs.worker import Worker

logger = logging.getLogger(__name__)

SENDING, MAKING, PROVING = (
    "Uploading the model",
    "SageMaker is starting the endpoint",
    "Running the smoke test",
)
PHASES = (SENDING, MAKING, PROVING)
LOG_GROUP = "/aws/sagemaker/Endpoints/{}"
COUNTED = "From CloudWatch, delayed by a minute or two, including the smoke test."
TIMED = (
    "Inference time without the network, over the last three hours. Percentiles are averaged over "
    "minutes."
)
LIMITS = (
    "A request is one photo of up to 6 MiB; 4 MiB on a serverless endpoint. Errors are returned as "
    "ModelError."
)
TICK = 0.2
# While the endpoint is live, its state and its figures are read every so many of the usual pauses.
STATE_PAUSES, FIGURE_PAUSES = 8, 20
# The first request may have to start a serverless endpoint's container.
SMOKE_SECONDS = 300.0


def run(worker: Worker) -> None:
    """Watch until the deadline or a deletion on AWS; raise as a worker expects."""
    EndpointWatcher(worker).run()


class EndpointWatcher:
    """The turns of one watcher over one endpoint."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.spec = worker, endpoint_spec(worker.job)
        self.account = accounts.of_job(worker.job.spec)
        self.name = self.spec.attached or self.spec.id
        self.client = connection.client("sagemaker", region=self.account.region)
        self.deadline = None
        if self.spec.seconds:
            self.deadline = worker.job.created + self.spec.seconds
        self.watch = Watch(worker, NullJob())
        self.facts: dict[str, object] = {
            **worker.job.status.progress,
            "phases": PHASES,
            **self._known(),
        }
        # Whether the endpoint was created and AWS has not shown it yet.
        self._unseen = False
        self.tail = LogTail(
            worker.folder, hosting.VARIANT, self.account.region, LOG_GROUP.format(self.name)
        )

    def run(self) -> None:
        try:
            if not self.spec.attached:
                self._make()
            self._await_service()
            if not self.facts.get("url"):
                self._prove()
            self._keep()
        except (Stopped, Left):
            if self.worker.leaving:
                raise Left from None
            self._remove()
            raise
        except BackendError:
            # A failed endpoint may still cost money.
            self._remove()
            raise

    def _known(self) -> dict[str, object]:
        """Return the facts that need no answer from AWS."""
        known: dict[str, object] = {
            "region": self.account.region,
            "deadline": self.deadline,
            "attached": self.spec.attached,
            "counted": COUNTED,
            "limits": LIMITS,
            "timed_as": TIMED,
        }
        if self.spec.attached:
            return known
        resources = hosting.resources_of(self.spec)
        server = serving_image.SERVERS[resources.server]
        known |= {
            "serverless": resources.is_serverless,
            "image": serving_image.note(resources.server, self.account),
            "form": f"{server.title}, plain fp32",
        }
        if resources.is_serverless:
            return {
                **known,
                "instance": f"serverless, {resources.memory_mb} MB",
                "usd_per_hour": 0.0,
            }
        cost = prices.estimate(
            resources.instance_type, "hosting", self.account.region, count=resources.instance_count
        )
        machines = f"{resources.instance_count} x {resources.instance_type}"
        return {
            **known,
            "instance": machines,
            "usd_per_hour": cost.per_hour,
            "scaled": resources.max_instances > 0,
        }

    def _make(self) -> None:
        """Create model, configuration and endpoint unless they exist."""
        if self.watch.retry_until_answered(lambda: hosting.describe(self.client, self.name)):
            return
        if self.facts.get("url"):
            return  # It was live and has been deleted on AWS; _keep reports that.
        self._check()
        self._say(phase=SENDING)
        server = hosting.resources_of(self.spec).server
        uri = serving_image.send(
            models.read(self.spec.model_id),
            server,
            self.worker.folder.temporary,
            Store(self.account),
            self._check,
        )
        self._check()
        self._say(phase=MAKING)
        for what, make, request in (
            (
                "creating the model",
                self.client.create_model,
                hosting.model_request(self.spec, self.account, uri, batch=False),
            ),
            (
                "creating the configuration",
                self.client.create_endpoint_config,
                hosting.config_request(self.spec, self.account),
            ),
            (
                "creating the endpoint",
                self.client.create_endpoint,
                hosting.endpoint_request(self.spec, self.deadline),
            ),
        ):
            self.watch.retry_until_answered(functools.partial(hosting.create, what, make, request))
            self.watch.note_create()
        self._unseen = True

    def _await_service(self) -> None:
        while True:
            found = self.watch.retry_until_answered(
                lambda: hosting.describe(self.client, self.name)
            )
            if found is None and self.watch.is_settling:
                self._pause(settings.poll_seconds())
                continue
            self._unseen = False
            if found is None:
                if self.facts.get("url"):
                    return
                raise BackendError(f"There is no endpoint {self.name} in {self.account.region}.")
            if found["EndpointStatus"] == "InService":
                return
            if hosting.state_of(found["EndpointStatus"]) is not EndpointState.CREATING:
                raise self._failure(found)
            self._say(phase=MAKING, seen=time.time())
            self._read_log()
            self._pause(settings.poll_seconds())

    def _prove(self) -> None:
        """Classify a smoke image: InService alone proves nothing."""
        self._say(phase=PROVING)
        runtime = connection.client(
            "sagemaker-runtime", region=self.account.region, read_seconds=endpoints.INVOKE_SECONDS
        )
        milliseconds = self._smoke(runtime)
        if self.facts.get("scaled"):
            self._scale()
        now = time.time()
        url = f"{runtime.meta.endpoint_url}/endpoints/{self.name}/invocations"
        started = round(now - self.worker.job.created, 1)
        self._say(
            phase="",
            url=url,
            smoke_ms=round(milliseconds, 1),
            start_seconds=started,
            since=now,
            seen=now,
        )
        logger.info(
            "Live after %s s; smoke test: %.0f ms round trip.",
            started,
            milliseconds,
        )

    def _scale(self) -> None:
        """Let it grow with its load; an endpoint that can't still answers, and says why."""
        try:
            hosting.scale(
                self.spec, connection.client("application-autoscaling", region=self.account.region)
            )
        except BackendError as error:
            logger.warning("It keeps its %s instances: %s", self.facts["instance"], error)
            self.facts |= {"scaled": False, "not_scaled": str(error)}

    def _smoke(self, runtime: Any) -> float:
        """Return the milliseconds of the second, warm answer."""
        until, milliseconds = time.monotonic() + SMOKE_SECONDS, 0.0
        for _ in range(2):
            while True:
                start = time.perf_counter()
                try:
                    answer = endpoints.ask(runtime, self.name, smoke_image(), "image/jpeg")
                    break
                except BackendError as error:
                    starting = aws_errors.code_of(error) in aws_errors.NOT_READY
                    if not starting or time.monotonic() > until:
                        raise BackendError(
                            f"The endpoint is live, but its smoke test failed: {error}"
                        ) from error
                self._pause(settings.poll_seconds())
            if b'"predictions"' not in answer:
                raise BackendError(
                    "The smoke test returned no prediction: "
                    f"{answer[:200].decode('utf-8', 'replace')}"
                )
            milliseconds = 1000 * (time.perf_counter() - start)
        return milliseconds

    def _keep(self) -> None:
        """Wait until the deadline, or until the endpoint is deleted on AWS."""
        counted = 0.0
        while True:
            found = self.watch.retry_until_answered(
                lambda: hosting.describe(self.client, self.name)
            )
            if found is None:
                self._say(gone="It was deleted on AWS, not in Fieldmark.")
                self._remove()
                return
            state = hosting.state_of(found["EndpointStatus"])
            if state is EndpointState.FAILED:
                raise self._failure(found)
            if time.monotonic() - counted > FIGURE_PAUSES * settings.poll_seconds():
                counted = time.monotonic()
                self._count(found)
            self._say(seen=time.time())
            self._pause(STATE_PAUSES * settings.poll_seconds())
            if hosting.is_past(self.deadline):
                self._remove()
                return

    def _count(self, found: Mapping[str, Any]) -> None:
        """Read figures, log and stored requests; an error is only logged."""
        try:
            variants = [variant["VariantName"] for variant in found.get("ProductionVariants", [])]
            self.facts["figures"] = endpoint_figures.read(
                self.name, variants, self.account.region, self.worker.job.created
            )
            self._read_log()
            if self.spec.capture_share:
                capturing.fetch(Store(self.account), self.worker.folder, self.spec)
        except BackendError as error:
            logger.warning("The figures can't be read. %s", error)

    def _read_log(self) -> None:
        try:
            self.tail.read()
        except BackendError as error:
            logger.warning("The log can't be read. %s", error)

    def _failure(self, found: Mapping[str, Any]) -> Failed:
        self._read_log()
        given = str(
            found.get("FailureReason")
            or f"SageMaker reports {found['EndpointStatus']} without a reason."
        )
        return failures.explained(given)

    def _remove(self) -> None:
        """Delete endpoint, configuration and model; retried, because they cost money."""
        if self.spec.attached:
            return
        if self.facts.get("scaled"):
            scaling = connection.client("application-autoscaling", region=self.account.region)
            self.watch.retry_until_answered(lambda: hosting.unscale(self.spec.id, scaling))
        self._wait_until_seen()
        while not self.watch.retry_until_answered(
            lambda: hosting.remove(self.client, self.spec.id)
        ):
            time.sleep(settings.poll_seconds())
            if self.worker.leaving:
                raise Left

    def _wait_until_seen(self) -> None:
        """Wait until AWS knows the endpoint that was created just now: what it does not find, it
        does not delete, and the endpoint would go on costing money."""
        while self._unseen and self.watch.is_settling:
            found = self.watch.retry_until_answered(
                lambda: hosting.describe(self.client, self.name)
            )
            self._unseen = found is None
            if self.worker.leaving:
                raise Left
            if self._unseen:
                time.sleep(settings.poll_seconds())

    def _check(self) -> None:
        if self.worker.leaving:
            raise Left
        self.worker.check_stop()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not hosting.is_past(self.deadline):
            self._check()
            time.sleep(TICK)
        self._check()

    def _say(self, **values: object) -> None:
        self.facts |= values
        self.watch.say(**self.facts)


class NullJob:
    """Stands in for the job that Watch follows: an endpoint only uses its retries."""

    def describe(self) -> Json | None:
        return None

    def create(self) -> None: ...

    def stop(self) -> None: ...

    def status(self, described: Mapping[str, Any]) -> str:
        return ""

    def look(self, described: Mapping[str, Any]) -> bool:
        return False

    def facts(self, described: Mapping[str, Any]) -> dict[str, object]:
        return {}
