"""The trials of one tuning job, in a thread of its own: started, watched, cut short, counted, ranked."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from tests.sagemaker.emulator import early
from tests.sagemaker.emulator.errors import ApiError
from tests.sagemaker.emulator.run import FINISHED
from tests.sagemaker.emulator.search import Search, combinations
from tests.sagemaker.emulator.training import Training
from tests.sagemaker.emulator.world import Record, World, now, picked

TRIAL = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingJobStatus",
    "FailureReason",
)
NOT_OF_A_JOB = (
    "StaticHyperParameters",
    "HyperParameterRanges",
    "DefinitionName",
    "TuningObjective",
    "HyperParameterTuningResourceConfig",
)
FINAL = "FinalHyperParameterTuningJobObjectiveMetric"
TICK_SECONDS = 0.1


@dataclass
class Trial:
    name: str
    values: dict[str, str]
    token: Any
    row: Record
    told: bool = False

    @property
    def finished(self) -> bool:
        return self.row["TrainingJobStatus"] in FINISHED

    def history(self, metric: str) -> list[float]:
        return list(self.row["_run"].metrics.history.get(metric, []))


class Trials:
    def __init__(
        self, world: World, training: Training, row: Record, parents: list[Record]
    ) -> None:
        self._world, self._training, self._row, self._parents = world, training, row, parents
        self._config, self._definition = (
            row["HyperParameterTuningJobConfig"],
            row["TrainingJobDefinition"],
        )
        objective = self._config["HyperParameterTuningJobObjective"]
        self._metric, self._maximise = objective["MetricName"], objective["Type"] == "Maximize"
        self._limits = self._config["ResourceLimits"]
        self._most = self._limits.get("MaxNumberOfTrainingJobs") or combinations(self._config)
        self._search = Search(self._config, objective["Type"])
        self._trials: list[Trial] = []
        self._wish = ""
        self._reason = ""
        # The next one, kept while the quota has no room for it.
        self._proposed: tuple[Any, dict[str, str]] | None = None

    # What others ask of it

    def stop(self) -> None:
        self._row["HyperParameterTuningJobStatus"] = "Stopping"
        self._wish = "stop"

    def abandon(self) -> None:
        self._wish = "abandon"

    def results(self) -> list[tuple[dict[str, str], float]]:
        """Return what a later tuning job learns from: hyperparameters and final value of every
        trial that has one."""
        return [
            (row["TunedHyperParameters"], row[FINAL]["Value"])
            for row in self.summaries()
            if row["ObjectiveStatus"] == "Succeeded"
        ]

    def described(self) -> Record:
        rows = self.summaries()
        count = {
            status: sum(row["TrainingJobStatus"] == status for row in rows)
            for status in ("Completed", "Failed", "Stopped")
        }
        objective = {
            status: sum(row["ObjectiveStatus"] == status for row in rows)
            for status in ("Succeeded", "Pending", "Failed")
        }
        about: Record = {
            "TrainingJobStatusCounters": {
                "Completed": count["Completed"],
                "InProgress": len(rows) - sum(count.values()),
                "RetryableError": 0,
                "NonRetryableError": count["Failed"],
                "Stopped": count["Stopped"],
            },
            "ObjectiveStatusCounters": objective,
        }
        if best := self._best(rows):
            about["BestTrainingJob"] = best
        if self._row.get("WarmStartConfig", {}).get("WarmStartType") == "IdenticalDataAndAlgorithm":
            before = [row for parent in self._parents for row in parent["_trials"].summaries()]
            if overall := self._best([*before, *rows]):
                about["OverallBestTrainingJob"] = overall
        return about

    def _best(self, rows: list[Record]) -> Record | None:
        good = [row for row in rows if row["ObjectiveStatus"] == "Succeeded"]
        choose = max if self._maximise else min
        return choose(good, key=lambda row: row[FINAL]["Value"]) if good else None

    def summaries(self) -> list[Record]:
        return [self._summary(trial) for trial in list(self._trials)]

    def _summary(self, trial: Trial) -> Record:
        value = self._value(trial)
        row = {
            **picked(trial.row, TRIAL),
            "TunedHyperParameters": trial.values,
            "ObjectiveStatus": "Pending",
        }
        row["TuningJobName"] = self._row["HyperParameterTuningJobName"]
        if trial.finished:
            row["ObjectiveStatus"] = (
                "Succeeded"
                if value is not None and row["TrainingJobStatus"] != "Failed"
                else "Failed"
            )
        if value is not None:
            kind = self._config["HyperParameterTuningJobObjective"]["Type"]
            row[FINAL] = {"Type": kind, "MetricName": self._metric, "Value": value}
        return row

    def _value(self, trial: Trial) -> float | None:
        """Return the value that counts is the last one that was reported."""
        history = trial.history(self._metric)
        return history[-1] if history else None

    # In a thread of its own

    def live(self) -> None:
        for parent in self._parents:
            self._search.learn(parent["_trials"].results())
        began = time.monotonic()
        while not self._wish and not self._is_done(time.monotonic() - began):
            self._start_more()
            self._watch()
            time.sleep(TICK_SECONDS)
        self._wind_up()

    def _is_done(self, seconds: float) -> bool:
        criteria = self._config.get("TuningJobCompletionCriteria", {})
        values = [
            row[FINAL]["Value"] for row in self.summaries() if row["ObjectiveStatus"] == "Succeeded"
        ]
        best = (max if self._maximise else min)(values, default=None)
        target = criteria.get("TargetObjectiveMetricValue")
        patience = criteria.get("BestObjectiveNotImproving", {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        )
        return (
            (len(self._trials) >= self._most and all(trial.told for trial in self._trials))
            or seconds > self._limits.get("MaxRuntimeInSeconds", float("inf"))
            or (
                target is not None
                and best is not None
                and (best >= target if self._maximise else best <= target)
            )
            or (
                patience is not None
                and best is not None
                and len(values) - 1 - values.index(best) >= patience
            )
        )

    def _start_more(self) -> None:
        running = sum(not trial.finished for trial in self._trials)
        while (
            not self._wish
            and running < self._limits["MaxParallelTrainingJobs"]
            and len(self._trials) < self._most
        ):
            if not self._start_one():
                return
            running += 1

    def _start_one(self) -> bool:
        """False if nothing could be started now."""
        proposed = self._proposed = self._proposed or self._search.propose()
        if proposed is None:
            self._most = len(self._trials)
            return False
        token, values = proposed
        tuning_name = self._row["HyperParameterTuningJobName"]
        name = f"{tuning_name}-{len(self._trials) + 1:03d}-{os.urandom(4).hex()}"
        static = self._definition.get("StaticHyperParameters", {})
        request = {key: value for key, value in self._definition.items() if key not in NOT_OF_A_JOB}
        request |= {
            "TrainingJobName": name,
            "HyperParameters": {**static, **values, "_tuning_objective_metric": self._metric},
        }
        request["Tags"] = list(self._world.tags.get(self._row["HyperParameterTuningJobArn"], []))
        try:
            with self._world.lock:
                self._training.create(request, self._row["HyperParameterTuningJobArn"])
        except ApiError as error:
            if all(trial.finished for trial in self._trials):
                self._wish, self._reason = "fail", f"{error.code}: {error.message}"
            return False
        self._proposed = None
        self._trials.append(Trial(name, values, token, self._training.row(name)))
        return True

    def _watch(self) -> None:
        for trial in self._trials:
            if trial.finished and not trial.told:
                trial.told = True
                failed = trial.row["TrainingJobStatus"] == "Failed"
                self._search.tell(trial.token, None if failed else self._value(trial))
                self._row["LastModifiedTime"] = now()
            elif trial.row["TrainingJobStatus"] == "InProgress" and self._is_hopeless(trial):
                self._stop_trial(trial)

    def _is_hopeless(self, trial: Trial) -> bool:
        values = trial.history(self._metric)
        others = [other.history(self._metric) for other in self._trials if other is not trial]
        if self._config["Strategy"] == "Hyperband":
            low, high = early.resources(
                self._config, self._definition.get("StaticHyperParameters", {})
            )
            return early.is_dropped(values, others, low, high, maximise=self._maximise)
        if self._config.get("TrainingJobEarlyStoppingType", "Off") == "Off":
            return False
        completed = [
            other.history(self._metric)
            for other in self._trials
            if other.row["TrainingJobStatus"] == "Completed"
        ]
        return early.is_behind(values, completed, maximise=self._maximise)

    def _stop_trial(self, trial: Trial) -> None:
        with self._world.lock:
            if trial.row["TrainingJobStatus"] == "InProgress":
                trial.row["_run"].stop()

    def _wind_up(self) -> None:
        for trial in self._trials:
            self._stop_trial(trial)
        while self._wish != "abandon" and not all(trial.finished for trial in self._trials):
            time.sleep(TICK_SECONDS)
        with self._world.lock:
            found = any(row["ObjectiveStatus"] == "Succeeded" for row in self.summaries())
            status = (
                "Stopped"
                if self._wish in ("stop", "abandon")
                else "Completed"
                if found and self._wish != "fail"
                else "Failed"
            )
            if status == "Failed":
                self._row["FailureReason"] = (
                    self._reason
                    or "No training job succeeded. Please take a look at the training jobs for more details."
                )
            moment = now()
            self._row.update(
                HyperParameterTuningJobStatus=status,
                HyperParameterTuningEndTime=moment,
                LastModifiedTime=moment,
            )
