"""Endpoints on SageMaker: what may be asked for, what there is, how one is asked about a photo, and
how it is ended.

What there is is read from the run folders, which each endpoint's watcher (watch.py) keeps
up to date with AWS; so a page draws at once also where the network is gone. Only asking about a
photo and deleting wait for AWS.
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
    """UserError, naming the field, for what SageMaker would refuse or what would be of no use."""
    account = accounts.required()
    if spec.attached:
        if spec.resources or spec.seconds or spec.capture_share:
            raise UserError(
                "An endpoint of somebody else is used as it is: it gets no machines, end "
                "or capture from here.",
                field="attached",
            )
        return
    models.archive(models.read(spec.model_id))
    resources = spec.resources
    if resources is None or not (resources.instance_type or resources.is_serverless):
        raise UserError("Choose a serverless endpoint or an instance type.", field="instance_type")
    if spec.port or spec.precision != "auto":
        raise UserError(
            "On SageMaker an endpoint has no port and answers in fp32. Leave both out.",
            field="precision",
        )
    serving_image.image(resources.server, account, resources.instance_type)
    if not resources.is_serverless:
        instances.check(resources.instance_type, "hosting", own_image=bool(account.inference_image))
        return
    if resources.instance_type or resources.max_instances:
        raise UserError(
            "A serverless endpoint has no instances. Choose one or the other.",
            field="instance_type",
        )
    if spec.capture_share:
        raise UserError(
            "A serverless endpoint can't keep photos. Choose an instance type, or keep none.",
            field="capture_share",
        )
    needed = serving_image.SERVERS[resources.server].memory_mb
    if resources.memory_mb < needed:
        raise UserError(
            f"This image needs {needed} MB while it serves. Choose at least that much memory.",
            field="memory_mb",
        )


def listing(refresh: Refresh) -> list[Endpoint]:
    """The endpoints that are not at their end, newest first. Never waits for AWS."""
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
            # Another session deleted it since it was listed, or its watcher is just letting go.
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
    """Of its kind, as its watcher says, or as was asked for where it has not said anything yet."""
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
    """What SageMaker calls it: our id, unless it was there before."""
    if isinstance(endpoint.details, AttachedDetails):
        return endpoint.details.attached
    return endpoint.id


def invoke(endpoint: Endpoint, body: bytes, content_type: str) -> Answer:
    try:
        return dict(json.loads(connect(endpoint)(body, content_type)))
    except ValueError as error:
        raise BackendError(
            f"The endpoint {endpoint.name} answered with something that is not JSON. Look "
            "at its log."
        ) from error


def most_bytes(endpoint: Endpoint) -> int:
    """InvokeEndpoint takes more for an endpoint with instances than for a serverless one."""
    if isinstance(endpoint.details, ServerlessDetails):
        return SERVERLESS_BYTES
    return settings.MAX_INVOCATION_BYTES


def connect(endpoint: Endpoint) -> Callable[[bytes, str], bytes]:
    """boto3 keeps the connections; one client serves all threads."""
    region = _hosted(endpoint).region
    client = connection.client("sagemaker-runtime", region=region, read_seconds=INVOKE_SECONDS)
    name = platform_name(endpoint)
    serverless = isinstance(endpoint.details, ServerlessDetails)

    def send(body: bytes, content_type: str) -> bytes:
        if serverless and len(body) > SERVERLESS_BYTES:
            raise PhotoRefused(
                "The photo has more than 4 MB, and a serverless endpoint takes no more. "
                "Make it smaller."
            )
        return ask(client, name, body, content_type)

    return send


def ask(client: Any, name: str, body: bytes, content_type: str) -> bytes:
    """The answer's bytes. BackendError with the endpoint's own words where it refuses the photo."""
    try:
        with connection.translate_errors(f"asking the endpoint {name}"):
            answer = client.invoke_endpoint(
                EndpointName=name, Body=body, ContentType=content_type, Accept="application/json"
            )
            return bytes(answer["Body"].read())
    except BackendError as error:
        if aws_errors.code_of(error) == aws_errors.OF_MODEL:
            refused = getattr(error.__cause__, "response", {}).get("OriginalStatusCode") in REFUSALS
            raise (PhotoRefused if refused else BackendError)(_said(error.__cause__)) from error
        raise


def figures(endpoint: Endpoint) -> Figures:
    """What CloudWatch had counted when the watcher asked last; nothing before it has."""
    return _hosted(endpoint).figures


def usage(endpoint: Endpoint) -> list[Program]:
    return programs(platform_name(endpoint), _hosted(endpoint).region, connection.emulated())


def delete(endpoint: Endpoint) -> None:
    """End it on AWS and forget it here.

    One that is still being made is deleted by its watcher as soon as AWS lets it.
    """
    folder = RunFolder.of(endpoint.id)
    if not folder.path.exists():
        return
    # The request stays on disk: where AWS can't be reached now, the watcher goes on trying.
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
        # Its watcher still waits for an answer of AWS; the next list removes the folder.
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
    """Why it has ended; empty while it has not."""
    if job.state.is_finished:
        return job.status.reason
    return ""


def _said(error: BaseException | None) -> str:
    """What the container said, of a ModelError."""
    answer = getattr(error, "response", {})
    original = str(answer.get("OriginalMessage") or answer.get("Error", {}).get("Message") or error)
    try:
        return str(json.loads(original.splitlines()[0])["error"]["message"])
    except (ValueError, KeyError, TypeError, IndexError):
        # What follows the first line is the container's traceback, which its log has as well.
        return f"The endpoint failed on this photo: {(original.splitlines() or [''])[0][:300]}"
