"""The SageMaker backend: every job an ordinary run folder here, and a watcher that does what is slow. Nothing here waits for AWS."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from core import files, jobs, models, scripts, settings, specs
from core.backends import reading
from core.backends.base import Backend, Endpoint, LogChunk, Program
from core.backends.local import processes
from core.backends.sagemaker import account as accounts
from core.backends.sagemaker import connection, images, requests, telling
from core.datasets import store
from core.datasets.names import clean_name
from core.errors import BackendError, UserError
from core.jobs import Job
from core.tuning import search as tuning

WORKER = "core.backends.local.worker"
# A watcher that was killed is followed by another one, but not by one a second.
RESTART_SECONDS = 2.0


class SageMakerBackend(Backend):
    """Runs everything in the person's AWS account."""

    name = "sagemaker"
    title = "Amazon SageMaker"
    asks_resources = True

    def is_ready(self) -> bool:
        return accounts.load().is_set_up

    def train(self, spec: specs.TrainingSpec) -> Job:
        store.version(spec.dataset_id, spec.version_id)
        scripts.check(spec.hyperparameters)
        self._check(spec)
        return self.submit(spec)

    def tune(self, spec: specs.TuningSpec) -> Job:
        from core.backends.sagemaker import tuning as tuner

        tuning.check(spec)
        version = store.version(spec.dataset_id, spec.version_id)
        if not version.split_counts()["validation"]:
            raise UserError("This dataset version has no validation photos to compare trials by. Split it again first.", field="version_id")
        self._check(spec)
        tuner.check(spec)
        return self.submit(spec)

    def transform(self, spec: specs.TransformSpec) -> Job:
        from core.backends.sagemaker import transform

        models.read(spec.model_id)
        accounts.required()
        transform.check(spec)
        return self.submit(spec)

    def deploy(self, spec: specs.EndpointSpec) -> Endpoint:
        from core.backends.sagemaker import endpoints

        endpoints.check(spec)
        return endpoints.of_job(self.submit(spec))

    def submit(self, spec: specs.Spec) -> Job:
        """The job's run folder and its watcher. The same spec again is the same job."""
        name = clean_name(spec.name, "name")
        account = accounts.required()
        body = {**specs.as_dict(spec), "account": asdict(account)}
        try:
            job, lock = jobs.create(spec.id, spec.kind, name, self.name, body)
        except OSError as error:
            raise BackendError(f"{name} could not be started: {files.os_reason(error)}") from error
        return job if lock is None else self._watch(job, lock)

    def refresh(self, job: Job) -> Job:
        # The lock first, as on this workstation; but here the end of the watcher is not the end of the job.
        with files.there(job.folder.path, "job"):
            return self._refreshed(job)

    def _refreshed(self, job: Job) -> Job:
        held = jobs.is_locked(job.folder.lock)
        now = jobs.read(job.id)
        if now.tuning_id and not now.state.is_finished:
            # A trial is watched by its tuning job's watcher.
            self.refresh(jobs.read(now.tuning_id))
            return now
        if held or now.state.is_finished or time.time() - job.folder.lock.stat().st_mtime < RESTART_SECONDS:
            return now
        lock = processes.take_lock(job.folder.lock)
        return now if lock is None else self._watch(jobs.read(job.id), lock)

    def log(self, job: Job, after: int = 0) -> LogChunk:
        return reading.log(job, after)

    def facts(self, job: Job) -> dict[str, str]:
        return telling.facts(job)

    def notice(self, job: Job) -> str:
        return telling.notice(job)

    def as_code(self, job: Job) -> list[Program]:
        from core.backends.sagemaker import programs, transform_program

        return transform_program.of_job(job) if job.kind == specs.TransformSpec.kind else programs.of_job(job)

    def stop(self, job: Job) -> None:
        if not self.refresh(job).state.is_finished:
            jobs.ask_to_stop(job.folder)

    def endpoints(self) -> list[Endpoint]:
        from core.backends.sagemaker import endpoints

        return endpoints.listing(self.refresh)

    def invoke(self, endpoint: Endpoint, body: bytes, content_type: str) -> dict[str, Any]:
        from core.backends.sagemaker import endpoints

        return endpoints.invoke(endpoint, body, content_type)

    def connect(self, endpoint: Endpoint) -> Callable[[bytes, str], bytes]:
        from core.backends.sagemaker import endpoints

        return endpoints.connect(endpoint)

    def most_bytes(self, endpoint: Endpoint) -> int:
        from core.backends.sagemaker import endpoints

        return endpoints.most_bytes(endpoint)

    def figures(self, endpoint: Endpoint) -> dict[str, Any]:
        from core.backends.sagemaker import endpoints

        return endpoints.figures(endpoint)

    def load_test(self, spec: specs.LoadSpec) -> Job:
        return self.submit(spec)

    def usage(self, endpoint: Endpoint) -> list[Program]:
        from core.backends.sagemaker import endpoints

        return endpoints.usage(endpoint)

    def delete(self, endpoint: Endpoint) -> None:
        from core.backends.sagemaker import endpoints

        endpoints.delete(endpoint)

    def _check(self, spec: specs.TrainingSpec | specs.TuningSpec) -> None:
        resources = requests.resources_of(spec)
        images.training(accounts.required(), resources.instance_type)

    def _watch(self, job: Job, lock: int) -> Job:
        """Starts the job's watcher, which takes over the lock."""
        try:
            os.utime(job.folder.lock)
            if job.state.is_finished:
                return job
            command = [settings.python(), "-m", WORKER, str(job.folder.path)]
            pid = processes.start(command, job.folder.path, lock=lock, variables=connection.environment())
        except OSError as error:
            raise BackendError(f"{job.name} can't be watched: {files.os_reason(error)}") from error
        finally:
            os.close(lock)
        return replace(job, status=replace(job.status, pid=pid))
