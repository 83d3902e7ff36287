"""Show as code: the programs run as they are shown, on nothing but what they say they need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.backends import SAGEMAKER
from core.jobs import store as jobs
from core.jobs.specs import TuningSpec
from core.jobs.store import Job
from core.models.store import Model
from core.tuning import space as spaces
from core.tuning.space import Range
from tests.conftest import SMALL
from tests.sagemaker.asking import Emulator
from tests.sagemaker.watching import MACHINE, PATIENCE, ended, spec

ENV_SDK = "FIELDMARK_SDK_PYTHON"
# The SDK asks IAM about the role, which the emulator cannot answer, and reports its use to AWS unless a file says no.
QUIET = (
    "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"
)


@pytest.fixture
def sdk() -> str:
    """The interpreter of an environment with sagemaker-train, which the app does without: half a gigabyte, and older packages."""
    found = os.environ.get(ENV_SDK, "")
    if not found:
        pytest.skip(
            f"{ENV_SDK} is not set: it names a Python with the SageMaker SDK v3 (pip install sagemaker-train)"
        )
    return found


def run(python: str, job: Job, title: str, folder: Path) -> str:
    """Return what the program of this title says; it must end well."""
    (text,) = [program.text for program in SAGEMAKER.as_code(job) if program.title == title]
    (folder / "again.py").write_text(text)
    (folder / "quiet.yaml").write_text(QUIET)
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if name.startswith("AWS_") or name in ("PATH", "HOME")
        },
        "SAGEMAKER_VALIDATE_ROLE": "false",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(folder / "quiet.yaml"),
    }
    ran = subprocess.run(
        [python, "again.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout[-2000:]}\n{ran.stderr[-3000:]}"
    return ran.stdout


def listed(aws: Emulator) -> dict[str, str]:
    """Return the training jobs there are, with their states."""
    pages = aws.client("sagemaker").get_paginator("list_training_jobs").paginate()
    return {
        entry["TrainingJobName"]: entry["TrainingJobStatus"]
        for page in pages
        for entry in page["TrainingJobSummaries"]
    }


def searched(model: Model) -> Job:
    """Return a tuning job of two trials, as it was sent."""
    space = {
        "lr": Range("float", 1e-3, 1e-1, log=True),
        "dropout": Range("choice", choices=("0", "0.3")),
    }
    fixed = {**SMALL, "head": "mlp", "epochs": "5"}
    spec = TuningSpec(
        "Search",
        model.dataset_id,
        model.version_id,
        fixed,
        spaces.as_dict(space),
        max_trials=2,
        baseline=False,
        resources=MACHINE,
    )
    return ended(SAGEMAKER.tune(spec), 2 * PATIENCE)


@pytest.mark.parametrize("title", ["boto3", "SageMaker SDK v3"])
def test_a_training_job_is_repeated_by_hand(
    aws: Emulator, small_model: Model, tmp_path: Path, title: str, request: pytest.FixtureRequest
) -> None:
    python = sys.executable if title == "boto3" else request.getfixturevalue("sdk")
    job = ended(SAGEMAKER.train(spec(small_model)))
    before = set(listed(aws))
    run(python, job, title, tmp_path)
    (made,) = set(listed(aws)) - before
    described: dict[str, Any] = aws.client("sagemaker").describe_training_job(TrainingJobName=made)
    assert described["TrainingJobStatus"] == "Completed"
    ours: dict[str, Any] = aws.client("sagemaker").describe_training_job(TrainingJobName=job.id)
    figures = [
        {entry["MetricName"]: entry["Value"] for entry in found["FinalMetricDataList"]}
        for found in (ours, described)
    ]
    assert figures[0]["test_accuracy"] == figures[1]["test_accuracy"]
    assert figures[0]["validation_loss"] == pytest.approx(figures[1]["validation_loss"], abs=1e-5)
    assert described["ResourceConfig"]["InstanceType"] == ours["ResourceConfig"]["InstanceType"]
    assert (
        described["StoppingCondition"]["MaxRuntimeInSeconds"]
        == ours["StoppingCondition"]["MaxRuntimeInSeconds"]
    )


@pytest.mark.parametrize("title", ["boto3", "SageMaker SDK v3"])
def test_a_tuning_job_is_repeated_by_hand(
    aws: Emulator, small_model: Model, tmp_path: Path, title: str, request: pytest.FixtureRequest
) -> None:
    python = sys.executable if title == "boto3" else request.getfixturevalue("sdk")
    job = searched(small_model)
    assert job.state is jobs.State.COMPLETED, job.status.reason
    before = set(listed(aws))
    run(python, job, title, tmp_path)
    made = {name: state for name, state in listed(aws).items() if name not in before}
    assert list(made.values()) == ["Completed", "Completed"]
