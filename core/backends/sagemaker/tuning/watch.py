"""Watches a tuning job on SageMaker and mirrors its trials as run folders, so that every view of
trials works as for local jobs."""

from __future__ import annotations

import functools
import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from core import settings
from core.aws import account as accounts
from core.aws import connection
from core.aws import errors as aws_errors
from core.aws.account import Account
from core.aws.documents import Json
from core.aws.storage import Store
from core.backends.sagemaker import failures, job_request
from core.backends.sagemaker.training import kept_features
from core.backends.sagemaker.training import watch as training
from core.backends.sagemaker.training.watch import Training
from core.backends.sagemaker.tuning import request as tuning_request
from core.backends.sagemaker.watcher import FINISHED, Watch
from core.errors import BackendError, BadArchive, NotFound
from core.io import files
from core.jobs import processes
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TrainingSpec, TuningSpec, as_dict
from core.jobs.status.asked import training_spec, tuning_spec
from core.jobs.status.causes import Cause, Ending
from core.jobs.status.progress import TrainingProgress
from core.jobs.stopping import Left, why_asked
from core.jobs.store import Job, State, Status
from core.tuning import leaderboard, retention
from core.tuning import objectives as search
from core.tuning import space as spaces

if TYPE_CHECKING:
    from core.jobs.worker import Worker

check = tuning_request.check
PAGE = 100
# `<tuning job>-007-1a2b3c4d`
_NUMBER = re.compile(r"-(\d{3,})-[0-9a-f]{8}$")


def run(worker: Worker) -> None:
    """Watch until the end. Raises Stopped or BackendError, as a worker expects."""
    spec = tuning_spec(worker.job)
    tuning = Tuning(worker, spec, accounts.of_job(worker.job.spec))
    watch = Watch(worker, tuning)
    if not training.request_path(worker.folder).exists():
        _begin(watch, tuning)
    else:
        tuning.start_baseline(watch)
        if not watch.exists():
            worker.check_stop()
            watch.submit()
    described = watch.follow()
    watch.retry_until_answered(tuning.finish)
    tuning.conclude(described)


def _begin(watch: Watch, tuning: Tuning) -> None:
    """Upload the trials' inputs, run the baseline, and start SageMaker's tuner."""
    worker, spec, store = watch.worker, tuning.spec, Store(tuning.account)
    worker.check_stop()
    inputs = training.prepare(watch, spec, _archs(spec), store)
    worker.check_stop()
    if first := tuning_request.baseline(spec):
        folder = tuning.folder_of(first)
        if not training.request_path(folder).exists():
            files.write_json(
                training.request_path(folder), job_request.training(first, tuning.account, inputs)
            )
        tuning.start_baseline(watch)
        makes_features = spec.fixed.get("mode", "frozen") == "frozen" and not kept_features.cover(
            store, spec
        )
        if makes_features or spec.parallel == 1:
            # The other trials use its features; and only one instance may be allowed.
            tuning.wait_for_baseline(watch)
            inputs = replace(inputs, features=kept_features.uri(store, spec))
    worker.check_stop()
    request = tuning_request.build(
        spec, tuning.account, inputs, beside=int(tuning.is_baseline_running())
    )
    files.write_json(training.request_path(worker.folder), request)
    watch.submit()


def _archs(spec: TuningSpec) -> list[str]:
    """Return every architecture that a trial may use."""
    from core.training import script as scripts

    space = spaces.parse(spec.space)
    given = (
        [{**spec.fixed, "arch": arch} for arch in space["arch"].choices]
        if "arch" in space
        else [spec.fixed]
    )
    found = [
        choice.name
        for values in given
        for choice in scripts.choices(str(scripts.check(values)["arch"]))
    ]
    return list(dict.fromkeys(found))


class Tuning:
    """A tuning job on SageMaker, and its trials.

    This process holds the lock of each running trial: it is the trial's watcher, too.
    """

    def __init__(self, worker: Worker, spec: TuningSpec, account: Account) -> None:
        self.worker, self.spec, self.account = worker, spec, account
        self.client = connection.client("sagemaker", region=account.region)
        self.offset = tuning_request.first_number(spec)
        baseline = tuning_request.baseline(spec)
        self.baseline_id = baseline.id if baseline else ""
        self._locks: dict[str, int] = {}
        self._jobs: dict[str, Training] = {}
        self._stop_sent: set[str] = set()

    def describe(self) -> Json | None:
        return connection.unless_missing(
            "describing the tuning job",
            lambda: dict(
                self.client.describe_hyper_parameter_tuning_job(
                    HyperParameterTuningJobName=self.spec.id
                )
            ),
        )

    def create(self) -> None:
        with connection.translate_errors("creating the tuning job"):
            self.client.create_hyper_parameter_tuning_job(
                **files.read_json(training.request_path(self.worker.folder))
            )

    def stop(self) -> None:
        if self.baseline_id in self._jobs and not jobs.read(self.baseline_id).state.is_finished:
            self._jobs[self.baseline_id].stop()
        with connection.translate_errors("stopping the tuning job"):
            self.client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=self.spec.id)

    def status(self, described: Mapping[str, Any]) -> str:
        return str(described.get("HyperParameterTuningJobStatus", ""))

    def start_baseline(self, watch: Watch) -> None:
        """Create the trial with the defaults, besides SageMaker's own trials; only once."""
        if not self.baseline_id or jobs.read(self.baseline_id).state.is_finished:
            return
        own = self._training(jobs.read(self.baseline_id))
        if watch.retry_until_answered(own.describe) is None:
            self.worker.check_stop()
            Watch(self.worker, own).submit()

    def is_baseline_running(self) -> bool:
        return bool(self.baseline_id) and not jobs.read(self.baseline_id).state.is_finished

    def wait_for_baseline(self, watch: Watch) -> None:
        """Wait until the baseline has ended, before the search begins."""
        while self.baseline_id and not (job := jobs.read(self.baseline_id)).state.is_finished:
            if self.worker.leaving:
                raise Left
            if self.worker.stopping:
                job.folder.stop_request.touch()
            watch.retry_until_answered(functools.partial(self._mirror, job))
            watch.say(
                **{
                    **self.facts({}),
                    "phase": "Running the defaults as trial 1",
                    "seen": time.time(),
                }
            )
            time.sleep(settings.poll_seconds())

    def look(self, described: Mapping[str, Any]) -> bool:
        """Mirror the trials; return whether anything changed."""
        news = [self._mirror(job) for job in self._trials()]
        return any(news)

    def finish(self) -> None:
        """Wait until every trial has ended and is mirrored. Raises BackendError, to be retried."""
        while True:
            for job in self._trials():
                self._mirror(job)
            if all(job.state.is_finished for job in self._trials()):
                return
            if self.worker.leaving:
                raise Left
            time.sleep(1.0)

    def facts(self, described: Mapping[str, Any]) -> dict[str, object]:
        board = leaderboard.read(self.spec.id)
        best = board.best()
        return {
            "phase": "Running trials" if self.status(described) not in FINISHED else "Done",
            "trials": sum(trial.state.is_finished for trial in board.trials),
            "max_trials": self.spec.max_trials,
            "best": best.value if best else None,
            "warm_start_trials": self._learned_from(),
            "billable_seconds": self._billed(),
        }

    def conclude(self, described: Mapping[str, Any]) -> None:
        board = leaderboard.read(self.spec.id)
        retention.tag_best(board)
        self.worker.progress(
            **{**self.facts(described), "ended": _why_over(described, board), "seen": time.time()}
        )
        if self.status(described) == "Stopped":
            raise failures.stop(described, asked=self.worker.stopping)
        # SageMaker reports Completed even if all trials failed.
        leaderboard.refuse_failed(board)
        if self.status(described) == "Failed" and not board.completed():
            raise failures.explained(str(described.get("FailureReason", "")))

    def folder_of(self, spec: TrainingSpec) -> RunFolder:
        """Return the run folder of a trial, created if missing, with its lock taken."""
        body = {**as_dict(spec), "account": asdict(self.account)}
        job, lock = jobs.create(spec.id, spec.kind, spec.name, self.worker.job.backend, body)
        if lock is None and spec.id not in self._locks and not job.state.is_finished:
            lock = processes.take_lock(job.folder.lock)
        if lock is not None:
            os.set_inheritable(lock, False)
            self._locks[spec.id] = lock
        return job.folder

    def _trials(self) -> list[Job]:
        """Return every trial as its folder has it, including new trials on SageMaker."""
        found = [jobs.read(self.baseline_id)] if self.baseline_id else []
        with connection.translate_errors("listing the trials"):
            pages = self.client.get_paginator(
                "list_training_jobs_for_hyper_parameter_tuning_job"
            ).paginate(
                HyperParameterTuningJobName=self.spec.id, PaginationConfig={"PageSize": PAGE}
            )
            listed = [summary for page in pages for summary in page["TrainingJobSummaries"]]
        for summary in sorted(listed, key=lambda summary: str(summary["TrainingJobName"])):
            try:
                found.append(jobs.read(str(summary["TrainingJobName"])))
            except NotFound:
                found.append(jobs.read(self.folder_of(self._spec_of(summary)).path.name))
        return found

    def _spec_of(self, summary: Mapping[str, Any]) -> TrainingSpec:
        name = str(summary["TrainingJobName"])
        place = _NUMBER.search(name)
        number = self.offset + bool(self.baseline_id) + (int(place[1]) if place else 0)
        tuned = {
            key: str(value)
            for key, value in summary["TunedHyperParameters"].items()
            if key in self.spec.space
        }
        return TrainingSpec(
            search.trial_name(self.spec, number),
            self.spec.dataset_id,
            self.spec.version_id,
            {**self.spec.fixed, **tuned},
            id=name,
            tuning_id=self.spec.id,
            trial=number,
            resources=self.spec.resources,
        )

    def _training(self, job: Job) -> Training:
        if job.id not in self._jobs:
            self.folder_of(training_spec(job))
            self._jobs[job.id] = Training(job.folder, training_spec(job), self.account)
        return self._jobs[job.id]

    def _mirror(self, job: Job) -> bool:
        """Update one trial's folder; return whether anything changed."""
        if job.state.is_finished:
            return False
        own = self._training(job)
        described = own.describe()
        if described is None:
            return False
        status = own.status(described)
        if (
            job.folder.stop_request.exists()
            and status == "InProgress"
            and job.id not in self._stop_sent
        ):
            own.stop()
            self._stop_sent.add(job.id)
        news = own.look(described)
        if status in FINISHED:
            training.drain(own.tail, job.folder, described)
            self._keep_features(job)
            self._end(job, own, described, status)
            return True
        state = State.STOPPING if status == "Stopping" else State.IN_PROGRESS
        now = Status(
            state,
            started=_seconds(described, "CreationTime"),
            progress={**own.facts(described), "seen": time.time()},
        )
        jobs.write_status(job.folder, now)
        return news or job.state is not state

    def _keep_features(self, job: Job) -> None:
        if job.id == self.baseline_id:
            kept_features.keep(Store(self.account), self.spec, job.id)

    def _end(self, job: Job, own: Training, described: Mapping[str, Any], status: str) -> None:
        """Download the trial's model, write its final status, and release its lock."""
        state, why = self._finish_trial(job, described, State(status))
        started, ended = (
            _seconds(described, "TrainingStartTime", "CreationTime"),
            _seconds(described, "TrainingEndTime", "LastModifiedTime"),
        )
        facts = {**own.facts(described), "seen": time.time()}
        now = Status(state, why.reason, started=started, ended=ended, progress=facts)
        jobs.write_status(job.folder, replace(now, cause=why.cause))
        retention.tidy(leaderboard.read(self.spec.id))
        if (lock := self._locks.pop(job.id, None)) is not None:
            os.close(lock)

    def _finish_trial(
        self, job: Job, described: Mapping[str, Any], state: State
    ) -> tuple[State, Ending]:
        """Return how a trial ended; a model that can't be downloaded is a failure."""
        if state is State.STOPPED:
            return state, self._why_stopped(job, described)
        if state is State.FAILED:
            failed = failures.failure(described, training.log_end(job.folder))
            return state, Ending(str(failed), failed.cause)
        try:
            training.fetch(Store(self.account), job.folder, described)
        except (BackendError, BadArchive) as error:
            if aws_errors.is_transient(error):
                raise
            return State.FAILED, Ending(str(error), Cause.ERROR)
        return state, Ending("", Cause.NONE)

    def _why_stopped(self, job: Job, described: Mapping[str, Any]) -> Ending:
        if self.worker.stopping or self.worker.ending:
            words = f"{leaderboard.INTERRUPTED}: the tuning job was stopped."
            return Ending(words, Cause.TUNING_ENDED)
        if job.folder.stop_request.exists():
            return why_asked(job.folder)
        stopped = failures.stop(described, asked=True)
        if str(stopped):
            return Ending(str(stopped), stopped.cause)
        if self.spec.early_stopping or self.spec.strategy == "hyperband":
            words = f"{leaderboard.STOPPED_EARLY} by SageMaker: worse than the other trials."
            return Ending(words, Cause.EARLY_STOPPING)
        words = f"{leaderboard.INTERRUPTED}: SageMaker ended the search."
        return Ending(words, Cause.TUNING_ENDED)

    def _billed(self) -> int:
        found = [
            TrainingProgress.from_json(trial.status.progress).billable_seconds
            for trial in jobs.readable("training")
            if trial.tuning_id == self.spec.id
        ]
        return sum(int(seconds) for seconds in found if seconds)

    def _learned_from(self) -> int:
        known = tuning_request.parents(self.spec)
        return sum(
            trial.tuning_id in known and trial.state is State.COMPLETED
            for trial in jobs.readable("training")
        )


def _why_over(described: Mapping[str, Any], board: leaderboard.Board) -> str:
    """Return why the search ended, for the tuning job's page."""
    details = described.get("TuningJobCompletionDetails", {})
    enough = described.get("HyperParameterTuningJobConfig", {}).get(
        "TuningJobCompletionCriteria", {}
    )
    target, best = enough.get("TargetObjectiveMetricValue"), board.best()
    if (
        target is not None
        and best
        and best.value is not None
        and not board.objective.better(target, best.value)
    ):
        return f"trial {best.number} reached the target: {best.value:.4f}"
    if details.get("NumberOfTrainingJobsObjectiveNotImproving"):
        number = details["NumberOfTrainingJobsObjectiveNotImproving"]
        return f"{number} trials in a row without improvement"
    done = sum(trial.state.is_finished for trial in board.trials)
    return f"all {done} trials ran"


def _seconds(described: Mapping[str, Any], *names: str) -> float | None:
    """Return the first of these times that is known, in seconds since 1970."""
    return next((described[name].timestamp() for name in names if described.get(name)), None)
