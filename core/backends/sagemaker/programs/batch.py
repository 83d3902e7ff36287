"""A transform job as programs that repeat it without Fieldmark: with boto3, and with the SageMaker
SDK v3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.aws.documents import Json
from core.backends.base import Program
from core.backends.sagemaker.programs.boto3 import written
from core.io import files
from core.jobs.store import Job

MODEL, REQUEST = "model.json", "request.json"
BOTO3 = '''"""Repeats a batch on Amazon SageMaker: pip install boto3, \
then run this with your AWS credentials."""

import time

import boto3

model = {model}
request = {request}
# Job names are unique on SageMaker, so this is another job; its model is deleted at the end.
name = time.strftime("fieldmark-again-%Y%m%d-%H%M%S")
sagemaker = boto3.client("sagemaker", region_name={region!r})
sagemaker.create_model(ModelName=name, **model)
time.sleep(5)  # A new model is not known everywhere at once.
try:
    sagemaker.create_transform_job(TransformJobName=name, ModelName=name, **request)
    while True:
        found = sagemaker.describe_transform_job(TransformJobName=name)
        print(found["TransformJobStatus"], flush=True)
        if found["TransformJobStatus"] not in ("InProgress", "Stopping"):
            break
        time.sleep(10)
finally:
    sagemaker.delete_model(ModelName=name)
print("The answers are in", request["TransformOutput"]["S3OutputPath"])
'''
SDK = '''"""Repeats a batch with the SageMaker Python SDK v3: pip install sagemaker-core, \
then run this with your AWS credentials."""

import time

import boto3
from sagemaker.core.resources import TransformJob
from sagemaker.core.shapes import (
    ModelClientConfig,
    TransformDataSource,
    TransformInput,
    TransformOutput,
    TransformResources,
    TransformS3DataSource,
)

session = boto3.Session(region_name={region!r})
name = time.strftime("fieldmark-again-%Y%m%d-%H%M%S")
sagemaker = session.client("sagemaker")
sagemaker.create_model(
    ModelName=name,
    **{model},
)
time.sleep(5)  # A new model is not known everywhere at once.
try:
    job = TransformJob.create(
        transform_job_name=name,
        model_name=name,
        max_concurrent_transforms={concurrent},
        max_payload_in_mb={payload},
        batch_strategy="SingleRecord",
        model_client_config=ModelClientConfig(invocations_timeout_in_seconds={timeout}, \
invocations_max_retries={retries}),
        transform_input=TransformInput(
            data_source=TransformDataSource(
                s3_data_source=TransformS3DataSource(s3_data_type="ManifestFile", \
s3_uri={manifest!r})
            ),
            content_type="application/x-image",
            split_type="None",
        ),
        transform_output=TransformOutput(s3_output_path={output!r}, \
accept="application/json", assemble_with="None"),
        transform_resources=TransformResources(instance_type={machine!r}, instance_count={count}),
        session=session,
        region={region!r},
    )
    job.wait()
    print(job.transform_job_status)
finally:
    sagemaker.delete_model(ModelName=name)
print("The answers are in", {output!r})
'''


def of_job(job: Job) -> list[Program]:
    """Return the programs; empty until the photos are uploaded, because the programs name their
    list."""
    try:
        model, request = (files.read_json(job.folder.input / name) for name in (MODEL, REQUEST))
    except (OSError, ValueError):
        return []
    region = str(job.spec.get("account", {}).get("region", ""))
    return [
        Program(
            "boto3",
            "The same request as another job, with boto3:",
            "python",
            _boto3(model, request, region),
        ),
        Program(
            "SageMaker SDK v3",
            "The same with the SageMaker SDK, version 3:",
            "python",
            _sdk(model, request, region),
        ),
    ]


def _boto3(model: Mapping[str, Any], request: Mapping[str, Any], region: str) -> str:
    return BOTO3.format(
        model=written(_nameless(model)), request=written(_again(request)), region=region
    )


def _sdk(model: Mapping[str, Any], request: Mapping[str, Any], region: str) -> str:
    again = _again(request)
    client, machines = again["ModelClientConfig"], again["TransformResources"]
    return SDK.format(
        model=written(_nameless(model), 4),
        region=region,
        concurrent=again["MaxConcurrentTransforms"],
        payload=again["MaxPayloadInMB"],
        timeout=client["InvocationsTimeoutInSeconds"],
        retries=client["InvocationsMaxRetries"],
        manifest=again["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"],
        output=again["TransformOutput"]["S3OutputPath"],
        machine=machines["InstanceType"],
        count=machines["InstanceCount"],
    )


def _nameless(request: Mapping[str, Any]) -> Json:
    return {
        name: value
        for name, value in request.items()
        if name not in ("ModelName", "TransformJobName")
    }


def _again(request: Mapping[str, Any]) -> Json:
    """Return the request without its names and with a separate location for the answers."""
    output = request["TransformOutput"]
    return {
        **_nameless(request),
        "TransformOutput": {**output, "S3OutputPath": f"{output['S3OutputPath']}-again"},
    }
