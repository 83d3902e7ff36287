"""Tuning jobs: what the API takes and tells. How one proceeds is trials.py."""

from __future__ import annotations

import threading

from tests.sagemaker.emulator import early
from tests.sagemaker.emulator.account import Account
from tests.sagemaker.emulator.errors import ApiError, invalid
from tests.sagemaker.emulator.run import FINISHED
from tests.sagemaker.emulator.search import check_ranges, combinations
from tests.sagemaker.emulator.training import Training
from tests.sagemaker.emulator.trials import Trials
from tests.sagemaker.emulator.world import Record, Table, World, cut, page, picked, shown

TAKEN = "Hyperparameter tuning job names must be unique within an AWS account and Region, and a job with this name already exists"
SUMMARY = (
    "HyperParameterTuningJobName", "HyperParameterTuningJobArn", "HyperParameterTuningJobStatus", "CreationTime",
    "HyperParameterTuningEndTime", "LastModifiedTime",
)  # fmt: skip
MOST_PARENTS = 5


class Tuning:
    def __init__(self, world: World, account: Account, training: Training) -> None:
        self._world, self._account, self._training = world, account, training
        self._table = Table(
            world, "hyper-parameter-tuning-job", "tuning job", "HyperParameterTuningJobName"
        )

    def create_hyper_parameter_tuning_job(self, request: Record) -> Record:
        name = request["HyperParameterTuningJobName"]
        self._check(request)
        parents = self._parents(request)
        self._require_room(request, parents)
        arn = self._world.arn("hyper-parameter-tuning-job", name)
        row = self._table.add(
            request,
            {"HyperParameterTuningJobArn": arn, "HyperParameterTuningJobStatus": "InProgress"},
            taken=TAKEN,
        )
        row["_trials"] = trials = Trials(self._world, self._training, row, parents)
        threading.Thread(target=trials.live, daemon=True).start()
        return {"HyperParameterTuningJobArn": arn}

    def _check(self, request: Record) -> None:
        config, definition = (
            request["HyperParameterTuningJobConfig"],
            request.get("TrainingJobDefinition"),
        )
        if (
            not definition
            or "TrainingJobDefinitions" in request
            or "Autotune" in request
            or "ResourceConfig" not in definition
        ):
            raise invalid(
                "The emulator tunes one TrainingJobDefinition with a ResourceConfig, and has no "
                "Autotune."
            )
        if "HyperParameterTuningJobObjective" not in config or "ConvergenceDetected" in config.get(
            "TuningJobCompletionCriteria", {}
        ):
            raise invalid(
                "The emulator needs HyperParameterTuningJobObjective, and does not detect "
                "convergence."
            )
        metric = config["HyperParameterTuningJobObjective"]["MetricName"]
        if metric not in [
            item["Name"]
            for item in definition["AlgorithmSpecification"].get("MetricDefinitions", [])
        ]:
            raise invalid(f"The objective metric {metric} is not in MetricDefinitions.")
        static = definition.get("StaticHyperParameters", {})
        check_ranges(config, static)
        early.check(config, static)
        self._training.check(
            {**definition, "TrainingJobName": request["HyperParameterTuningJobName"]}
        )

    def _require_room(self, request: Record, parents: list[Record]) -> None:
        """ResourceLimitExceeded for more trials than a tuning job may have, its parents' counted in."""
        config = request["HyperParameterTuningJobConfig"]
        limits, before = config["ResourceLimits"], 0
        for parent in parents:
            before += len(parent["_trials"].summaries())
        total = limits.get("MaxNumberOfTrainingJobs") or combinations(config)
        self._account.require_trials(limits["MaxParallelTrainingJobs"], total, before)

    def _parents(self, request: Record) -> list[Record]:
        """Return the tuning jobs that a warm start learns from. ApiError if they can't be used."""
        warm = request.get("WarmStartConfig")
        if not warm:
            return []
        names = [
            parent["HyperParameterTuningJobName"]
            for parent in warm["ParentHyperParameterTuningJobs"]
        ]
        if len(names) > MOST_PARENTS:
            raise invalid(f"A warm start can have {MOST_PARENTS} parents at most.")
        parents = [self._table.get(name) for name in names]
        if running := [
            row["HyperParameterTuningJobName"]
            for row in parents
            if row["HyperParameterTuningJobStatus"] not in FINISHED
        ]:
            raise invalid(
                f"Parent tuning jobs have to be in a terminal state: {', '.join(running)}."
            )
        if any(_parameters(row) != _parameters(request) for row in parents):
            raise invalid(
                "The total number of static plus tunable hyperparameters must remain the same as in the parent jobs."
            )
        key = "HyperParameterTuningJobObjective"
        if any(
            row["HyperParameterTuningJobConfig"][key]
            != request["HyperParameterTuningJobConfig"][key]
            for row in parents
        ):
            raise invalid("The objective metric of a warm start has to be that of its parents.")
        image = request["TrainingJobDefinition"]["AlgorithmSpecification"].get("TrainingImage")
        same = all(
            row["TrainingJobDefinition"]["AlgorithmSpecification"].get("TrainingImage") == image
            for row in parents
        )
        if warm["WarmStartType"] == "IdenticalDataAndAlgorithm" and not same:
            raise invalid(
                "A warm start of type IdenticalDataAndAlgorithm needs the training image of its "
                "parents."
            )
        return parents

    def describe_hyper_parameter_tuning_job(self, request: Record) -> Record:
        row = self._table.get(request["HyperParameterTuningJobName"])
        return {**shown(row), **row["_trials"].described()}

    def list_hyper_parameter_tuning_jobs(self, request: Record) -> Record:
        rows, token = page(
            list(self._table.rows.values()),
            request,
            name="HyperParameterTuningJobName",
            status="HyperParameterTuningJobStatus",
        )
        return {"HyperParameterTuningJobSummaries": [self._summary(row) for row in rows], **token}

    @staticmethod
    def _summary(row: Record) -> Record:
        about = row["_trials"].described()
        config = row["HyperParameterTuningJobConfig"]
        counted = picked(about, ("TrainingJobStatusCounters", "ObjectiveStatusCounters"))
        return {
            **picked(row, SUMMARY),
            "Strategy": config["Strategy"],
            "ResourceLimits": config["ResourceLimits"],
            **counted,
        }

    def list_training_jobs_for_hyper_parameter_tuning_job(self, request: Record) -> Record:
        rows = self._table.get(request["HyperParameterTuningJobName"])["_trials"].summaries()
        rows = [
            row for row in rows if request.get("StatusEquals") in (None, row["TrainingJobStatus"])
        ]
        by = request.get("SortBy", "Name")
        if by == "FinalObjectiveMetricValue":
            metric = "FinalHyperParameterTuningJobObjectiveMetric"
            rows = sorted(
                (row for row in rows if metric in row), key=lambda row: row[metric]["Value"]
            )
        else:
            keys = {
                "Name": "TrainingJobName",
                "Status": "TrainingJobStatus",
                "CreationTime": "CreationTime",
            }
            rows = sorted(rows, key=lambda row: row[keys[by]])
        if request.get("SortOrder") == "Descending":
            rows.reverse()
        rows, token = cut(rows, request)
        return {"TrainingJobSummaries": rows, **token}

    def stop_hyper_parameter_tuning_job(self, request: Record) -> None:
        row = self._table.held(request["HyperParameterTuningJobName"])
        if row["HyperParameterTuningJobStatus"] not in FINISHED:
            row["_trials"].stop()

    def delete_hyper_parameter_tuning_job(self, request: Record) -> None:
        row = self._table.held(request["HyperParameterTuningJobName"])
        if row["HyperParameterTuningJobStatus"] not in FINISHED:
            raise ApiError("ResourceInUse", "The tuning job is still running.")
        self._table.remove(request["HyperParameterTuningJobName"])

    def sweep(self, since: float) -> None:
        """End them without stopping their trials, which are training jobs and ended as such."""
        for row in [row for row in list(self._table.rows.values()) if row["CreationTime"] > since]:
            row["_trials"].abandon()


def _parameters(request: Record) -> int:
    ranges = request["HyperParameterTuningJobConfig"].get("ParameterRanges", {}).values()
    return len(request["TrainingJobDefinition"].get("StaticHyperParameters", {})) + sum(
        map(len, ranges)
    )
