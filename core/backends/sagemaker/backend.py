"""The SageMaker backend: every job has a run folder on this machine and a watcher process that
talks to AWS. Only a new job waits for AWS, a few seconds, for the pre-flight checks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace

from core import settings
from core.aws import account as accounts
from core.aws import connection, containers, instances
from core.backends import logs
from core.backends.base import Backend, Endpoint, LogChunk, Program
from core.backends.sagemaker import job_facts, job_request, launch_check
from core.datasets import store
from core.errors import BackendError, UserError
from core.io import files
from core.io.names import clean_name
from core.jobs import locks, processes, specs, stopping
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.status.endpoints import Answer, Figures
from core.jobs.store import Job
from core.models import store as models
from core.training import script as scripts
from core.tuning import objectives as tuning

WORKER = "core.jobs.worker"
# A killed watcher is replaced, but not more often than this.
RESTART_SECONDS = 2.0


class SageMakerBackend(Backend):
    """Runs jobs and endpoints in the user's AWS account."""

    name = "sagemaker"
    title = "Amazon SageMaker"
    asks_resources = True
    stop_hint = "Keeps the last checkpoint."
    stop_delay = "SageMaker takes up to two minutes to stop a job, and bills them."

    def is_ready(self) -> bool:
        return accounts.load().is_set_up

    def train(self, spec: specs.TrainingSpec) -> Job:
        store.to_learn_from(spec.dataset_id, spec.version_id)
        scripts.check(spec.hyperparameters)
        self._check(spec)
        return self.submit(spec)

    def tune(self, spec: specs.TuningSpec) -> Job:
        from core.backends.sagemaker.tuning import watch as tuner

        tuning.check(spec)
        version = store.version(spec.dataset_id, spec.version_id)
        if not version.split_counts()["validation"]:
            raise UserError(
                "This dataset version has no validation photos to compare trials with. Split it "
                "again first.",
                field="version_id",
            )
        self._check(spec)
        tuner.check(spec)
        return self.submit(spec)

    def transform(self, spec: specs.TransformSpec) -> Job:
        from core.backends.sagemaker.batch import watch as transform

        models.read(spec.model_id)
        accounts.required()
        transform.check(spec)
        return self.submit(spec)

    def deploy(self, spec: specs.EndpointSpec) -> Endpoint:
        from core.backends.sagemaker.endpoints import verbs as endpoints

        endpoints.check(spec)
        return endpoints.of_job(self.submit(spec))

    def submit(self, spec: specs.Spec) -> Job:
        """Create the job's run folder and watcher. The same spec again is the same job.

        Raises UserError, naming the field, if the pre-flight checks show that it would fail.
        """
        name = clean_name(spec.name, "name")
        account = accounts.required()
        if not RunFolder.of(spec.id).path.exists():
            launch_check.require(spec, account)
        body = {**specs.as_dict(spec), "account": asdict(account)}
        try:
            job, lock = jobs.create(spec.id, spec.kind, name, self.name, body)
        except OSError as error:
            raise BackendError(f"{name} can't be started. {files.os_reason(error)}") from error
        if lock is None:
            return job
        return self._watch(job, lock)

    def refresh(self, job: Job) -> Job:
        # The lock is read first, as on this workstation; but the end of the watcher is not the end
        # of the job.
        with files.there(job.folder.path, "job"):
            return self._refreshed(job)

    def _refreshed(self, job: Job) -> Job:
        held = locks.is_locked(job.folder.lock)
        now = jobs.read(job.id)
        if now.tuning_id and not now.state.is_finished:
            # The tuning job's watcher also watches its trials.
            self.refresh(jobs.read(now.tuning_id))
            return now
        if (
            held
            or now.state.is_finished
            or time.time() - job.folder.lock.stat().st_mtime < RESTART_SECONDS
        ):
            return now
        lock = processes.take_lock(job.folder.lock)
        if lock is None:
            return now
        return self._watch(jobs.read(job.id), lock)

    def log(self, job: Job, after: int = 0) -> LogChunk:
        return logs.log(job, after)

    def facts(self, job: Job) -> dict[str, str]:
        return job_facts.facts(job)

    def notice(self, job: Job) -> str:
        return job_facts.notice(job)

    def as_code(self, job: Job) -> list[Program]:
        from core.backends.sagemaker.programs import batch as transform_program
        from core.backends.sagemaker.programs import boto3 as programs

        if job.kind == specs.TransformSpec.kind:
            return transform_program.of_job(job)
        return programs.of_job(job)

    def stop(self, job: Job) -> None:
        if not self.refresh(job).state.is_finished:
            stopping.ask_to_stop(job.folder)

    def endpoints(self) -> list[Endpoint]:
        from core.backends.sagemaker.endpoints import verbs as endpoints

        return endpoints.listing(self.refresh)

    def invoke(self, endpoint: Endpoint, body: bytes, content_type: str) -> Answer:
        from core.backends.sagemaker.endpoints import verbs as endpoints

        return endpoints.invoke(endpoint, body, content_type)

    def connect(self, endpoint: Endpoint) -> Callable[[bytes, str], bytes]:
        from core.backends.sagemaker.endpoints import verbs as endpoints

        return endpoints.connect(endpoint)

    def most_bytes(self, endpoint: Endpoint) -> int:
        from core.backends.sagemaker.endpoints import verbs as endpoints

        return endpoints.most_bytes(endpoint)

    def figures(self, endpoint: Endpoint) -> Figures:
        from core.backends.sagemaker.endpoints import verbs as endpoints

        return endpoints.figures(endpoint)

    def load_test(self, spec: specs.LoadSpec) -> Job:
        return self.submit(spec)

    def usage(self, endpoint: Endpoint) -> list[Program]:
        from core.backends.sagemaker.endpoints import verbs as endpoints

        return endpoints.usage(endpoint)

    def delete(self, endpoint: Endpoint) -> None:
        from core.backends.sagemaker.endpoints import verbs as endpoints

        endpoints.delete(endpoint)

    def _check(self, spec: specs.TrainingSpec | specs.TuningSpec) -> None:
        account, resources = accounts.required(), job_request.resources_of(spec)
        containers.training(account, resources.instance_type)
        instances.check(resources.instance_type, "training", own_image=bool(account.training_image))

    def _watch(self, job: Job, lock: int) -> Job:
        """Start the job's watcher and hand it the lock."""
        try:
            os.utime(job.folder.lock)
            if job.state.is_finished:
                return job
            command = [settings.python(), "-m", WORKER, str(job.folder.path)]
            pid = processes.start(
                command, job.folder.path, lock=lock, variables=connection.environment()
            )
        except OSError as error:
            words = f"The watcher of {job.name} can't be started. {files.os_reason(error)}"
            raise BackendError(words) from error
        finally:
            os.close(lock)
        return replace(job, status=replace(job.status, pid=pid))
