"""Jobs on the emulator as a page sees them: small ones, looked at until they have ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.aws import account as accounts
from core.backends import SAGEMAKER
from core.jobs.specs import Resources, TrainingSpec
from core.jobs.store import Job
from core.models.store import Model
from tests.backends import watching
from tests.conftest import SMALL
from tests.patience import PATIENCE
from tests.sagemaker.asking import Emulator

MACHINE = Resources("ml.m5.xlarge", max_seconds=600)
# Steps for five seconds on the quickest of machines: time enough to interrupt it. LASTING goes on beyond its first checkpoint, which
# comes after five seconds; LONG for minutes, for what only ends when it is ended.
STEPS = {
    **SMALL,
    "head": "mlp",
    "lr": "0.0001",
    "epochs": "400",
    "batch_size": "2",
    "early_stopping_patience": "0",
    "refit": "false",
}
LASTING = {**STEPS, "epochs": "1200"}
LONG = {**STEPS, "epochs": "10000"}


def spec(
    model: Model,
    hyperparameters: Mapping[str, str] = SMALL,
    resources: Resources = MACHINE,
    **more: Any,
) -> TrainingSpec:
    return TrainingSpec(
        "Small", model.dataset_id, model.version_id, hyperparameters, resources=resources, **more
    )


def ended(job: Job, seconds: float = PATIENCE) -> Job:
    return watching.ended(SAGEMAKER, job, seconds)


def said(job: Job, text: str, seconds: float = PATIENCE) -> None:
    watching.said(SAGEMAKER, job, text, seconds)


def until_phase(job: Job, phase: str, seconds: float = PATIENCE) -> Job:
    """Return the job once it says that it is in this phase."""
    watching.until(
        lambda: SAGEMAKER.refresh(job).status.progress.get("phase") == phase,
        f"{phase} of {job.id}",
        seconds,
    )
    return SAGEMAKER.refresh(job)


def written(aws: Emulator, prefix: str) -> dict[str, Any]:
    """Return what lies in the bucket below a prefix, and when each was written last."""
    found = aws.client("s3").list_objects_v2(
        Bucket=accounts.load().bucket, Prefix=f"fieldmark/{prefix}"
    )
    return {entry["Key"]: entry["LastModified"] for entry in found.get("Contents", [])}
