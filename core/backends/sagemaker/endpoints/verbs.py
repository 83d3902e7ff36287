"""Endpoints on SageMaker: check a spec, list, classify a photo, delete.

The list is read from the run folders, which each endpoint's watcher (watch.py) keeps up to date, so
pages draw at once even without a network. Only classifying and deleting wait for AWS.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from core import settings
from core.aws import account as accounts
from core.aws import connection, instances
from core.aws import errors as aws_errors
from core.backends.base import REFUSALS, Endpoint, EndpointState, Program
from core.backends.sagemaker.endpoints import hosting, serving_image
from core.backends.sagemaker.endpoints.usage import programs
from core.errors import BackendError, FieldmarkError, NotFound, PhotoRefused, UserError
from core.jobs import locks
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import EndpointSpec
from core.jobs.status.endpoints import (
    Answer,
    AttachedDetails,
    Figures,
    HostedDetails,
    RealTimeDetails,
    ServerlessDetails,
)
from core.jobs.store import Job, State
from core.models import store as models

NAME = "sagemaker"
INVOKE_SECONDS = 70
SERVERLESS_BYTES = 4 * 2**20
WATCHER_SECONDS = 10.0
Refresh = Callable[[Job], Job]


def check(spec: EndpointSpec) -> None:
    """Raise UserError, naming the field, for a spec that SageMaker can't run."""
    account = accounts.required()
    if spec.attached:
        if spec.resources or spec.seconds or spec.capture_share:
            raise UserError(
                "Fieldmark does not change an attached endpoint: leave out instances, auto-stop "
                "and monitoring.",
                field="attached",
            )
        return
    models.archive(models.read(spec.model_id))
    resources = spec.resources
    if resources is None or not (resources.instance_type or resources.is_serverless):
        raise UserError("Choose a serverless endpoint or an instance type.", field="instance_type")
    if spec.port or spec.precision != "auto":
        raise UserError(
            "An endpoint on SageMaker has no port and always uses fp32. Leave both out.",
            field="precision",
        )
    serving_image.image(resources.server, account, resources.instance_type)
    if not resources.is_serverless:
        instances.check(resources.instance_type, "hosting", own_image=bool(account.inference_image))
        return
    if resources.instance_type or resources.max_instances:
        raise UserError(
            "A serverless endpoint has no instances. Choose either.",
            field="instance_type",
        )
    if spec.capture_share:
        raise UserError(
            "A serverless endpoint can't store requests. Choose an instance type, or turn off "
            '"Keep photos".',
            field="capture_share",
        )
    needed = serving_image.SERVERS[resources.server].memory_mb
    if resources.memory_mb < needed:
        raise UserError(
            f"This image needs {needed} MB of memory. Choose at least that.",
            field="memory_mb",
        )


def listing(refresh: Refresh) -> list[Endpoint]:
    """Return the endpoints that have not ended, newest first. Never waits for AWS."""
    found = []
    for job in jobs.readable(EndpointSpec.kind):
        if job.backend != NAME:
            continue
        try:
            now = refresh(job)
            if now.state is State.STOPPED:
                jobs.delete(now.id)
            elif now.state is not State.COMPLETED:
                found.append(of_job(now))
        except FieldmarkError:
            # Another session deleted it meanwhile, or its watcher is ending.
            continue
    return found


def of_job(job: Job) -> Endpoint:
    details = _details(job)
    return Endpoint(
        id=job.id,
        name=job.name,
        backend=NAME,
        model_id=str(job.spec.get("model_id", "")),
        state=_state(job, details),
        created=job.created,
        url=details.url,
        reason=_reason(job),
        details=details,
    )


def _details(job: Job) -> HostedDetails:
    """Return the details from its watcher, or from the spec until the watcher has reported."""
    told, asked = job.status.progress, job.spec
    if told.get("attached") or asked.get("attached"):
        return AttachedDetails.from_json({"attached": asked.get("attached"), **told})
    if told.get("serverless") or (asked.get("resources") or {}).get("memory_mb"):
        return ServerlessDetails.from_json(told)
    return RealTimeDetails.from_json(told)


def _hosted(endpoint: Endpoint) -> HostedDetails:
    assert isinstance(endpoint.details, HostedDetails)
    return endpoint.details


def platform_name(endpoint: Endpoint) -> str:
    """Return its name on SageMaker: our id, or the name of an attached endpoint."""
    if isinstance(endpoint.details, AttachedDetails):
        return endpoint.details.attached
    return endpoint.id


def invoke(endpoint: Endpoint, body: bytes, content_type: str) -> Answer:
    try:
        return dict(json.loads(connect(endpoint)(body, content_type)))
    except ValueError as error:
        raise BackendError(
            f"The answer of the endpoint {endpoint.name} is not JSON. See its log."
        ) from error


def most_bytes(endpoint: Endpoint) -> int:
    """Return the size limit of InvokeEndpoint, which is smaller for a serverless endpoint."""
    if isinstance(endpoint.details, ServerlessDetails):
        return SERVERLESS_BYTES
    return settings.MAX_INVOCATION_BYTES


def connect(endpoint: Endpoint) -> Callable[[bytes, str], bytes]:
    """Return a function that sends one photo; all threads share one client."""
    region = _hosted(endpoint).region
    client = connection.client("sagemaker-runtime", region=region, read_seconds=INVOKE_SECONDS)
    name = platform_name(endpoint)
    serverless = isinstance(endpoint.details, ServerlessDetails)

    def send(body: bytes, content_type: str) -> bytes:
        if serverless and len(body) > SERVERLESS_BYTES:
            raise PhotoRefused(
                "The photo exceeds the 4 MB limit of a serverless endpoint. Make it smaller."
            )
        return ask(client, name, body, content_type)

    return send


def ask(client: Any, name: str, body: bytes, content_type: str) -> bytes:
    """Return the answer's bytes. Raises BackendError with the endpoint's message if it rejects the
    photo."""
    try:
        with connection.translate_errors(f"invoking the endpoint {name}"):
            answer = client.invoke_endpoint(
                EndpointName=name, Body=body, ContentType=content_type, Accept="application/json"
            )
            return bytes(answer["Body"].read())
    except BackendError as error:
        if aws_errors.code_of(error) == aws_errors.OF_MODEL:
            status = getattr(error.__cause__, "response", {}).get("OriginalStatusCode")
            message = _container_message(error.__cause__)
            if status in REFUSALS:
                raise PhotoRefused(message) from error
            raise BackendError(message) from error
        raise


def figures(endpoint: Endpoint) -> Figures:
    """Return the figures that the watcher last read from CloudWatch."""
    return _hosted(endpoint).figures


def usage(endpoint: Endpoint) -> list[Program]:
    return programs(platform_name(endpoint), _hosted(endpoint).region, connection.emulated())


def delete(endpoint: Endpoint) -> None:
    """Delete the endpoint on AWS, and its run folder.

    An endpoint that is still starting is deleted by its watcher as soon as AWS allows it.
    """
    folder = RunFolder.of(endpoint.id)
    if not folder.path.exists():
        return
    # The request is stored: if AWS is unreachable now, the watcher retries.
    folder.stop_request.touch()
    details = _hosted(endpoint)
    if details.IS_OURS:
        client = connection.client("sagemaker", region=details.region)
        if isinstance(details, RealTimeDetails) and details.scaled:
            scaling = connection.client("application-autoscaling", region=details.region)
            hosting.unscale(endpoint.id, scaling)
        if not hosting.remove(client, endpoint.id):
            return
    until = time.monotonic() + WATCHER_SECONDS
    while locks.is_locked(folder.lock) and time.monotonic() < until:
        time.sleep(0.05)
    try:
        jobs.delete(endpoint.id)
    except NotFound:
        return
    except UserError:
        # Its watcher still waits for AWS; the next listing removes the folder.
        return


def _state(job: Job, details: HostedDetails) -> EndpointState:
    if job.state.is_finished:
        return EndpointState.FAILED
    if job.state is State.STOPPING or job.folder.stop_request.exists():
        return EndpointState.DELETING
    if details.url:
        return EndpointState.IN_SERVICE
    return EndpointState.CREATING


def _reason(job: Job) -> str:
    """Return why it ended, or ''."""
    if job.state.is_finished:
        return job.status.reason
    return ""


def _container_message(error: BaseException | None) -> str:
    """Return the container's message in a ModelError."""
    answer = getattr(error, "response", {})
    original = str(answer.get("OriginalMessage") or answer.get("Error", {}).get("Message") or error)
    try:
        return str(json.loads(original.splitlines()[0])["error"]["message"])
    except (ValueError, KeyError, TypeError, IndexError):
        # The lines after the first are a traceback, which the log has as well.
        return f"The endpoint failed on this photo: {(original.splitlines() or [''])[0][:300]}"
