"""A job as programs that repeat it without Fieldmark: with boto3, and with the SageMaker SDK v3."""

from __future__ import annotations

import copy
from typing import Any

from core.aws.documents import Json
from core.backends.base import Program
from core.backends.sagemaker.programs import sdk as sdk_program
from core.backends.sagemaker.training.watch import request_path
from core.io import files
from core.jobs.store import Job

WIDTH = 120
TRAINING, TUNING = "TrainingJobName", "HyperParameterTuningJobName"
BOTO3 = '''"""Repeats a job on Amazon SageMaker: pip install boto3, \
then run this with your AWS credentials."""

import time

import boto3

request = {request}
# Job names are unique on SageMaker, so this is another job.
name = time.strftime("fieldmark-again-%Y%m%d-%H%M%S")
sagemaker = boto3.client("sagemaker", region_name={region!r})
sagemaker.create_{verb}({key}=name, **request)
while True:
    found = sagemaker.describe_{verb}({key}=name)
    print(found["{status}"], flush=True)
    if found["{status}"] not in ("InProgress", "Stopping"):
        break
    time.sleep(10)
'''


def of_job(job: Job) -> list[Program]:
    """Return the programs; empty until the job's inputs are uploaded, because the programs name
    them."""
    try:
        request = files.read_json(request_path(job.folder))
    except (OSError, ValueError):
        return []
    again = _again(request)
    account = dict(job.spec.get("account", {}))
    sdk_of = sdk_program.training
    if TUNING in request:
        sdk_of = sdk_program.tuning
    return [
        Program(
            "boto3",
            "The same request as another job, with boto3:",
            "python",
            _boto3(job, again, tuning=TUNING in request),
        ),
        Program(
            "SageMaker SDK v3",
            "The same with the SageMaker SDK, version 3:",
            "python",
            sdk_of(again, account),
        ),
    ]


def _again(request: Json) -> Json:
    """Return the request without its name and with separate checkpoints: with this job's own the
    new job would be finished at once."""
    kept = copy.deepcopy(
        {name: value for name, value in request.items() if name not in (TUNING, TRAINING)}
    )
    definition = kept.get("TrainingJobDefinition", kept)
    if "CheckpointConfig" in definition:
        definition["CheckpointConfig"]["S3Uri"] += "-again"
    return kept


def _boto3(job: Job, request: Json, *, tuning: bool) -> str:
    verb, key = "training_job", TRAINING
    if tuning:
        verb, key = "hyper_parameter_tuning_job", TUNING
    return BOTO3.format(
        request=written(request),
        region=str(job.spec.get("account", {}).get("region", "")),
        verb=verb,
        key=key,
        status=key.replace("JobName", "JobStatus"),
    )


def written(value: Any, indent: int = 0) -> str:
    """Return a value as Python code, short values on one line."""
    line = repr(value)
    if not isinstance(value, dict | list) or len(line) + indent <= WIDTH:
        return line
    inside = " " * (indent + 4)
    if isinstance(value, dict):
        lines = [f"{inside}{key!r}: {written(part, indent + 4)},\n" for key, part in value.items()]
        return "{\n" + "".join(lines) + " " * indent + "}"
    return (
        "[\n"
        + "".join(f"{inside}{written(part, indent + 4)},\n" for part in value)
        + " " * indent
        + "]"
    )
