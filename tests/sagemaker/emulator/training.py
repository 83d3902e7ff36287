"""Training jobs: what the API takes and tells. What happens in between is run.py."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.sagemaker.emulator import machines, metrics
from tests.sagemaker.emulator.account import Account
from tests.sagemaker.emulator.channels import Channel
from tests.sagemaker.emulator.errors import ApiError, invalid
from tests.sagemaker.emulator.references import References
from tests.sagemaker.emulator.run import FINISHED, Run
from tests.sagemaker.emulator.world import (
    Record,
    Table,
    World,
    page,
    picked,
    shown,
)

TAKEN = "Training job names must be unique within an AWS account and Region, and a job with this name already exists"
SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
    "SecondaryStatus",
)
LONGEST_SECONDS = 28 * 86_400


class Training:
    def __init__(
        self, world: World, account: Account, references: References, containers: Path
    ) -> None:
        self._world, self._account, self._containers = world, account, containers
        self._references = references
        self._table = Table(
            world,
            "training-job",
            "training job",
            "TrainingJobName",
            "Requested resource not found.",
        )

    def create_training_job(self, request: Record) -> Record:
        return self.create(request, None)

    def create(self, request: Record, tuning_arn: str | None) -> Record:
        """Start a job; `tuning_arn` names the tuning job whose trial it is."""
        self.check(request)
        if request["TrainingJobName"] in self._table.rows:  # before the quota is touched
            self._table.add(request, {}, taken=TAKEN)
        resources = request["ResourceConfig"]
        use = (
            "spot training job usage"
            if request.get("EnableManagedSpotTraining")
            else "training job usage"
        )
        taken = (resources["InstanceType"], use, resources["InstanceCount"])
        self._account.take(*taken)
        arn = self._world.arn("training-job", request["TrainingJobName"])
        more = {
            "TrainingJobArn": arn,
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "SecondaryStatusTransitions": [],
            "EnableManagedSpotTraining": request.get("EnableManagedSpotTraining", False),
            "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
            "EnableInterContainerTrafficEncryption": request.get(
                "EnableInterContainerTrafficEncryption", False
            ),
            **({"TuningJobArn": tuning_arn} if tuning_arn else {}),
        }
        row = self._table.add(request, more, taken=TAKEN)
        row["_run"] = run = Run(
            self._world,
            row,
            self._containers,
            lambda: self._references.images.is_there(
                row["AlgorithmSpecification"]["TrainingImage"]
            ),
            lambda: self._account.give_back(*taken),
        )
        run.phase("Starting", "Starting the training job")
        threading.Thread(target=run.live, daemon=True).start()
        return {"TrainingJobArn": arn}

    def check(self, request: Record) -> None:
        """ApiError for a request that the service refuses."""
        check(request)
        self._references.training(request)
        self._account.require_limits(request)

    def run(self, name: str) -> Run:
        run: Run = self._table.held(name)["_run"]
        return run

    def row(self, name: str) -> Record:
        return self._table.held(name)

    def describe_training_job(self, request: Record) -> Record:
        return shown(self._table.get(request["TrainingJobName"]))

    def list_training_jobs(self, request: Record) -> Record:
        rows, token = page(
            list(self._table.rows.values()),
            request,
            name="TrainingJobName",
            status="TrainingJobStatus",
        )
        return {"TrainingJobSummaries": [picked(row, SUMMARY) for row in rows], **token}

    def stop_training_job(self, request: Record) -> None:
        row = self._table.held(request["TrainingJobName"])
        if row["TrainingJobStatus"] != "InProgress":
            status = row["TrainingJobStatus"]
            raise invalid(
                f"The request was rejected because the training job is in status {status}."
            )
        row["_run"].stop()

    def delete_training_job(self, request: Record) -> None:
        row = self._table.held(request["TrainingJobName"])
        if row["TrainingJobStatus"] not in FINISHED:
            raise ApiError("ResourceInUse", "The training job is still running.")
        self._table.remove(request["TrainingJobName"])

    def interrupt(self, name: str, *, warned: bool) -> None:
        """Take the instances of a spot job away. ValueError if it has none."""
        row = self._table.held(name)
        if not row["EnableManagedSpotTraining"] or row["TrainingJobStatus"] != "InProgress":
            raise ValueError(f"{name} is no running spot job")
        row["_run"].interrupt(warned=warned)

    def sweep(self, since: float) -> None:
        runs = [
            row["_run"] for row in list(self._table.rows.values()) if row["CreationTime"] > since
        ]
        for run in runs:
            run.abandon()
        for run in runs:
            run.finished.wait(30)


def check(request: Record) -> None:
    """What the service checks beyond shapes. ApiError."""
    resources, stopping = request["ResourceConfig"], request.get("StoppingCondition")
    if not resources.get("InstanceType") or not resources.get("InstanceCount"):
        raise invalid("The emulator needs InstanceType and InstanceCount in ResourceConfig.")
    machines.refuse_key(resources)
    if "TrainingImage" not in request["AlgorithmSpecification"]:
        raise invalid("The emulator needs AlgorithmSpecification.TrainingImage.")
    if not stopping:
        raise invalid("StoppingCondition is required.")
    longest, wait = (
        stopping.get("MaxRuntimeInSeconds", 86_400),
        stopping.get("MaxWaitTimeInSeconds"),
    )
    if longest > LONGEST_SECONDS:
        raise invalid(f"MaxRuntimeInSeconds must be at most {LONGEST_SECONDS}.")
    if request.get("EnableManagedSpotTraining") and (wait is None or wait < longest):
        raise invalid(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )
    if wait is not None and not request.get("EnableManagedSpotTraining"):
        raise invalid("MaxWaitTimeInSeconds above 0 is not supported for on-demand training.")
    metrics.check(request["AlgorithmSpecification"].get("MetricDefinitions", []))
    for entry in request.get("InputDataConfig", []):
        Channel.of(entry, request["AlgorithmSpecification"]["TrainingInputMode"])
