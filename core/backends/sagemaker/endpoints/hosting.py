"""Models, endpoint configurations and endpoints on SageMaker: their requests, creation, lookup and
removal.

All three have the id of our endpoint (or transform job), so that a create whose answer was lost is
adopted and never repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from core.aws import connection, instances
from core.aws import errors as aws_errors
from core.aws.account import Account
from core.aws.documents import Json
from core.backends.base import EndpointState
from core.backends.sagemaker import job_request
from core.backends.sagemaker.endpoints import serving_image
from core.errors import BackendError
from core.jobs.specs import EndpointSpec, Resources, Spec

VARIANT = "AllTraffic"
DEADLINE_TAG, MODEL_TAG = "deadline", "model"
# For a serving container, which takes minutes to pull its image and start.
STARTUP_SECONDS = 900
# Target tracking: requests per minute and instance above which it scales out, and cooldowns in
# seconds.
REQUESTS_A_MINUTE = 600
COOL_SECONDS = {"ScaleInCooldown": 300, "ScaleOutCooldown": 60}
SCALED = {
    "ServiceNamespace": "sagemaker",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
_STATES = {
    "Creating": EndpointState.CREATING,
    "InService": EndpointState.IN_SERVICE,
    # These three continue to answer.
    "Updating": EndpointState.IN_SERVICE,
    "SystemUpdating": EndpointState.IN_SERVICE,
    "RollingBack": EndpointState.IN_SERVICE,
    "Deleting": EndpointState.DELETING,
}


def state_of(status: str) -> EndpointState:
    """Return our state for SageMaker's status; any unknown status is a failure."""
    return _STATES.get(status, EndpointState.FAILED)


def model_request(spec: Spec, account: Account, uri: str, *, batch: bool) -> Json:
    """Return the request for CreateModel; `uri` is the archive's location.

    A serverless endpoint supports neither a VPC nor network isolation.
    """
    resources = resources_of(spec)
    container = {
        "Image": serving_image.image(resources.server, account, resources.instance_type),
        "ModelDataUrl": uri,
        "Environment": dict(
            serving_image.environment(
                resources.server,
                account.region,
                batch=batch,
                serverless=resources.is_serverless,
            )
        ),
    }
    network: Json = {}
    if not resources.is_serverless:
        network = {"EnableNetworkIsolation": account.network_isolation, **job_request.vpc(account)}
    named = {
        "ModelName": spec.id,
        "ExecutionRoleArn": account.role_arn,
        "PrimaryContainer": container,
    }
    return {**named, **network, "Tags": tags(spec)}


def config_request(spec: EndpointSpec, account: Account) -> Json:
    """Return the request for CreateEndpointConfig."""
    resources = resources_of(spec)
    variant: Json = {"VariantName": VARIANT, "ModelName": spec.id}
    more: Json = {}
    if resources.is_serverless:
        variant["ServerlessConfig"] = {
            "MemorySizeInMB": resources.memory_mb,
            "MaxConcurrency": resources.concurrency,
        }
    else:
        variant |= {
            "InitialInstanceCount": resources.instance_count,
            "InstanceType": resources.instance_type,
            "InitialVariantWeight": 1.0,
            "ContainerStartupHealthCheckTimeoutInSeconds": STARTUP_SECONDS,
        }
        if ami := serving_image.host_image(resources.server, resources.instance_type):
            variant["InferenceAmiVersion"] = ami
        if account.kms_key and not instances.has_local_disk(resources.instance_type):
            more["KmsKeyId"] = account.kms_key
        if spec.capture_share:
            more["DataCaptureConfig"] = _capture(spec, account)
    return {
        "EndpointConfigName": spec.id,
        "ProductionVariants": [variant],
        **more,
        "Tags": tags(spec),
    }


def endpoint_request(spec: EndpointSpec, deadline: float | None) -> Json:
    """Return the request for CreateEndpoint.

    The deadline, in seconds since 1970, is a tag, so that an overdue endpoint can be found.
    """
    more = {}
    if deadline:
        more[DEADLINE_TAG] = f"{deadline:.0f}"
    return {"EndpointName": spec.id, "EndpointConfigName": spec.id, "Tags": tags(spec, **more)}


def capture_prefix(endpoint_id: str) -> str:
    """Return the key prefix of an endpoint's captured requests."""
    return f"captured/{endpoint_id}"


def tags(spec: Spec, **more: str) -> list[dict[str, str]]:
    """Return Fieldmark's tags, with the model that is served."""
    return job_request.tags(spec, **{MODEL_TAG: str(getattr(spec, "model_id", ""))}, **more)


def resources_of(spec: Any) -> Resources:
    assert spec.resources is not None
    if isinstance(spec.resources, Mapping):
        return Resources(**spec.resources)
    found: Resources = spec.resources
    return found


def create(what: str, make: Callable[..., Any], request: Mapping[str, Any]) -> bool:
    """Create a resource; return False if an earlier try has created it.

    Raises BackendError if AWS rejects the request.
    """
    try:
        with connection.translate_errors(what):
            make(**request)
    except BackendError as error:
        if aws_errors.is_there_already(error):
            return False
        raise
    return True


def remove(client: Any, name: str, *, only_model: bool = False) -> bool:
    """Delete the endpoint, configuration and model of that name, as far as they exist. Idempotent.

    Return False if the endpoint can't be deleted yet, because it is still starting. Raises
    BackendError if AWS rejects a request.
    """
    if not only_model:
        try:
            _remove(
                lambda: client.delete_endpoint(EndpointName=name), f"deleting the endpoint {name}"
            )
        except BackendError as error:
            if "in-progress" in str(error.__cause__):
                return state_now(client, name) in (EndpointState.DELETING, None)
            raise
        _remove(
            lambda: client.delete_endpoint_config(EndpointConfigName=name),
            f"deleting the configuration of {name}",
        )
    _remove(lambda: client.delete_model(ModelName=name), f"deleting the model of {name}")
    return True


def _remove(delete: Callable[[], Any], what: str) -> None:
    connection.unless_missing(what, delete)


def describe(client: Any, name: str) -> Json | None:
    """Return DescribeEndpoint's answer, or None if there is no such endpoint."""
    return connection.unless_missing(
        f"describing the endpoint {name}",
        lambda: dict(client.describe_endpoint(EndpointName=name)),
    )


def state_now(client: Any, name: str) -> EndpointState | None:
    found = describe(client, name)
    if found is None:
        return None
    return state_of(found["EndpointStatus"])


def scale(spec: EndpointSpec, scaling: Any) -> None:
    """Scale a real-time endpoint with its load.

    `scaling` is boto3's client of application-autoscaling.
    """
    resources = resources_of(spec)
    target = {**SCALED, "ResourceId": scaled_resource(spec.id)}
    with connection.translate_errors("scaling the endpoint"):
        scaling.register_scalable_target(
            **target, MinCapacity=resources.instance_count, MaxCapacity=resources.max_instances
        )
        scaling.put_scaling_policy(
            **target,
            PolicyName=f"{spec.id}-requests",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": float(REQUESTS_A_MINUTE),
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                },
                **COOL_SECONDS,
            },
        )


def unscale(endpoint_id: str, scaling: Any) -> None:
    """Undo `scale`; no error if there is nothing to undo."""
    try:
        with connection.translate_errors("ending the scaling of the endpoint"):
            scaling.deregister_scalable_target(**SCALED, ResourceId=scaled_resource(endpoint_id))
    except BackendError as error:
        if not aws_errors.is_missing(error) and "No scalable target found" not in str(error):
            raise


def scaled_resource(endpoint_id: str) -> str:
    return f"endpoint/{endpoint_id}/variant/{VARIANT}"


def is_past(deadline: float | None) -> bool:
    return deadline is not None and time.time() >= deadline


def _capture(spec: EndpointSpec, account: Account) -> Json:
    config: Json = {
        "EnableCapture": True,
        "InitialSamplingPercentage": max(1, round(100 * spec.capture_share)),
        "DestinationS3Uri": account.uri(capture_prefix(spec.id)),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    if account.kms_key:
        config["KmsKeyId"] = account.kms_key
    return config
