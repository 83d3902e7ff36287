"""Requests to SageMaker in boto3's format: functions from a spec to a request, so that a request
can be shown and tested."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from core import settings
from core.aws import containers, instances, storage
from core.aws.account import Account
from core.aws.documents import Json
from core.backends.sagemaker import packaging
from core.errors import UserError
from core.jobs.hyperparameters import carried_name
from core.jobs.specs import Resources, Spec, TrainingSpec
from core.training import metrics

# The defaults of both the toolkit and of sm_scripts/train.py.
CHECKPOINTS = "/opt/ml/checkpoints"
CODE_CHANNEL = "code"
_TAG_UNSAFE = re.compile(r"[^\w .:/=+@-]")
TAG = "fieldmark"


@dataclass(frozen=True)
class Inputs:
    """The URIs of a training job's inputs.

    `images` is a manifest of the photos; `weights` and `features` end with a slash; `features` is
    '' without features of an earlier job.
    """

    code: str
    images: str
    table: str
    weights: str
    photos: int
    features: str = ""


def training(spec: TrainingSpec, account: Account, inputs: Inputs) -> Json:
    """Return the request for CreateTrainingJob."""
    resources = resources_of(spec)
    values = {
        "name": carried_name(spec.name),
        **spec.hyperparameters,
        "dataset_id": spec.dataset_id,
        "dataset_version": spec.version_id,
        "checkpoint_dir": CHECKPOINTS,
    }
    return {
        "TrainingJobName": spec.id,
        "AlgorithmSpecification": {
            "TrainingImage": containers.training(account, resources.instance_type),
            "TrainingInputMode": "File",
            "MetricDefinitions": metrics.definitions(),
        },
        "HyperParameters": {**values, **script_mode(account, inputs.code)},
        **shared(spec.id, account, resources, inputs),
        "Tags": tags(spec),
    }


def script_mode(account: Account, code: str) -> dict[str, str]:
    """Return the hyperparameters by which AWS's toolkit finds the training script.

    A container without a network gets the archive as a channel.
    """
    archive = code
    if account.network_isolation:
        archive = f"/opt/ml/input/data/{CODE_CHANNEL}/{code.rsplit('/', 1)[-1]}"
    return {
        "sagemaker_program": packaging.ENTRY,
        "sagemaker_submit_directory": archive,
        "sagemaker_container_log_level": "20",
        "sagemaker_region": account.region,
    }


def shared(job_id: str, account: Account, resources: Resources, inputs: Inputs) -> Json:
    """Return the part of the request that training jobs and tuning trials share."""
    limit = {"MaxRuntimeInSeconds": resources.max_seconds}
    if resources.spot:
        limit["MaxWaitTimeInSeconds"] = resources.max_seconds + resources.wait_seconds
    output = {"S3OutputPath": account.uri(storage.job_key(job_id, "output"))}
    machines: Json = {
        "InstanceType": resources.instance_type,
        "InstanceCount": resources.instance_count,
        "VolumeSizeInGB": resources.volume_gb,
    }
    if account.kms_key:
        output["KmsKeyId"] = account.kms_key
        if not instances.has_local_disk(resources.instance_type):
            machines["VolumeKmsKeyId"] = account.kms_key
    return {
        "RoleArn": account.role_arn,
        "InputDataConfig": channels(account, inputs),
        "OutputDataConfig": output,
        "ResourceConfig": machines,
        "StoppingCondition": limit,
        "CheckpointConfig": {
            "S3Uri": account.uri(storage.job_key(job_id, "checkpoints")),
            "LocalPath": CHECKPOINTS,
        },
        "EnableManagedSpotTraining": resources.spot,
        "EnableNetworkIsolation": account.network_isolation,
        "EnableInterContainerTrafficEncryption": bool(account.kms_key)
        and resources.instance_count > 1,
        **vpc(account),
    }


def channels(account: Account, inputs: Inputs) -> list[Json]:
    if inputs.photos < settings.stream_from():
        photos = _channel("images", "ManifestFile", inputs.images, "File")
    else:
        # FastFile supports prefixes, but no manifests.
        photos = _channel("images", "S3Prefix", f"{account.uri(storage.IMAGES)}/", "FastFile")
    found = [
        photos,
        _channel("manifest", "S3Prefix", inputs.table, "File"),
        _channel("weights", "S3Prefix", inputs.weights, "File"),
    ]
    if inputs.features:
        found.append(_channel("cached", "S3Prefix", inputs.features, "File"))
    if account.network_isolation:
        found.append(_channel(CODE_CHANNEL, "S3Prefix", inputs.code, "File"))
    return found


def _channel(name: str, kind: str, uri: str, mode: str) -> Json:
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": mode}


def vpc(account: Account) -> Json:
    if not account.subnets:
        return {}
    return {
        "VpcConfig": {
            "Subnets": list(account.subnets),
            "SecurityGroupIds": list(account.security_groups),
        }
    }


def tags(spec: Spec, **more: str) -> list[dict[str, str]]:
    """Return the tags that mark a resource as Fieldmark's. Tags allow fewer characters than
    names."""
    values = {
        TAG: "1",
        f"{TAG}:name": spec.name,
        **{f"{TAG}:{name}": value for name, value in more.items()},
    }
    return [
        {"Key": key, "Value": _TAG_UNSAFE.sub("_", value)[:256]} for key, value in values.items()
    ]


def resources_of(spec: TrainingSpec | Any) -> Resources:
    """Return the spec's resources. Raises UserError without an instance type: a default would cost
    money unasked."""
    if spec.resources is None or not spec.resources.instance_type:
        raise UserError("Choose an instance type.", field="instance_type")
    found: Resources = spec.resources
    return found
