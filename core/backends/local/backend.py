"""The local backend: each job a detached worker over a run folder, each endpoint a server on
127.0.0.1."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from core import settings
from core.backends import logs
from core.backends.base import REFUSALS, Backend, Endpoint, EndpointState, LogChunk, Program
from core.backends.local import commands
from core.backends.local.datasets import fetching
from core.backends.local.endpoints import client, usage
from core.batch import sources
from core.datasets import store
from core.datasets.importing import origins
from core.errors import BackendError, FieldmarkError, NotFound, PhotoRefused, UserError
from core.io import files
from core.io.names import clean_name
from core.jobs import hung_workers, inbox, locks, prefork, processes, specs, stopping
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.status.causes import Cause
from core.jobs.status.endpoints import Answer, Figures, LocalDetails
from core.jobs.store import Job, State, Status
from core.models import store as models
from core.training import script as scripts
from core.tuning import objectives as tuning

INVOKE_SECONDS = 60
FIGURES_SECONDS = 2
KILL_SECONDS = 5
WORKER = "core.jobs.worker"


class LocalBackend(Backend):
    """Runs everything on this workstation. State is in the run folders, so any number of apps may
    look at once."""

    name = "local"
    title = "This workstation"
    counts_waiting = True

    def train(self, spec: specs.TrainingSpec) -> Job:
        store.to_learn_from(spec.dataset_id, spec.version_id)
        scripts.check(spec.hyperparameters)
        return self._submit(spec, WORKER)

    def tune(self, spec: specs.TuningSpec) -> Job:
        tuning.check(spec)
        version = store.version(spec.dataset_id, spec.version_id)
        if not version.split_counts()["validation"]:
            raise UserError(
                "This dataset version has no validation photos to compare trials by. Split it "
                "again first.",
                field="version_id",
            )
        return self._submit(spec, WORKER)

    def plan(self, spec: specs.PlanSpec) -> Job:
        """Submits a look into a source; an upload that can't be submitted is removed."""
        try:
            return self._submit(spec, WORKER)
        except (FieldmarkError, OSError):
            inbox.discard(spec.path)
            raise

    def import_dataset(self, spec: specs.ImportSpec) -> Job:
        """Submits an import; datasets live where the app runs, so only this backend has it. An
        upload that can't be submitted is removed."""
        try:
            return self._submit(spec, WORKER)
        except (FieldmarkError, OSError):
            inbox.discard(spec.path)
            raise

    def inspect(self, spec: specs.InspectSpec) -> Job:
        """Submits a look for faults in a dataset version; like an import, only this backend has
        it."""
        if not store.version(spec.dataset_id, spec.version_id).counts:
            raise UserError(
                "No photo of this version has a label, so there is nothing to compare. Give some "
                "of them one first.",
                field="version_id",
            )
        return self._submit(spec, WORKER)

    def export(self, spec: specs.ExportSpec) -> Job:
        """Submits the copying of a dataset version into a folder; like an import, only this backend
        has it."""
        store.version(spec.dataset_id, spec.version_id)
        origins.require_importable(Path(spec.path))
        return self._submit(spec, WORKER)

    def transform(self, spec: specs.TransformSpec) -> Job:
        models.read(spec.model_id)
        sources.require_images(spec)
        return self._submit(spec, WORKER)

    def deploy(self, spec: specs.EndpointSpec) -> Endpoint:
        if spec.attached:
            raise UserError(
                f"{self.title} has no endpoints of others to attach to.", field="attached"
            )
        models.archive(models.read(spec.model_id))
        return _endpoint(self._submit(spec, WORKER))

    def load_test(self, spec: specs.LoadSpec) -> Job:
        return self._submit(spec, WORKER)

    def refresh(self, job: Job) -> Job:
        # The lock first: a worker writes its last status before it releases the lock, so a free
        # lock and an unfinished status read after it can only mean that the worker died.
        with files.there(job.folder.path, "job"):
            held = locks.is_locked(job.folder.lock)
            now = jobs.read(job.id)
            if now.state.is_finished:
                return now
            if held:
                return hung_workers.looked_after(now)
            return _bury(now)

    def log(self, job: Job, after: int = 0) -> LogChunk:
        return logs.log(job, after)

    def as_code(self, job: Job) -> list[Program]:
        return commands.programs(job)

    def stop(self, job: Job) -> None:
        if not self.refresh(job).state.is_finished:
            stopping.ask_to_stop(job.folder)

    def endpoints(self) -> list[Endpoint]:
        # A completed one has deleted itself at its deadline; only what it recorded is still there.
        found = map(
            self._still_there,
            (job for job in jobs.readable("endpoint") if job.backend == self.name),
        )
        return [_endpoint(job) for job in found if job and job.state is not State.COMPLETED]

    def invoke(self, endpoint: Endpoint, body: bytes, content_type: str) -> Answer:
        try:
            return client.post_image(endpoint.url, body, content_type, INVOKE_SECONDS)
        except urllib.error.HTTPError as error:
            raise BackendError(_message(error.read())) from error
        except (OSError, ValueError, HTTPException) as error:
            raise _no_answer(endpoint, error) from error

    def connect(self, endpoint: Endpoint) -> Callable[[bytes, str], bytes]:
        connection = client.Connection(endpoint.url, INVOKE_SECONDS)

        def send(body: bytes, content_type: str) -> bytes:
            try:
                status, answer = connection.post(body, content_type)
            except (OSError, HTTPException) as error:
                raise _no_answer(endpoint, error) from error
            if status in REFUSALS:
                raise PhotoRefused(_message(answer))
            if status != HTTPStatus.OK:
                raise BackendError(_message(answer))
            return answer

        return send

    def figures(self, endpoint: Endpoint) -> Figures:
        if not endpoint.url:
            return Figures()
        try:
            said = client.get_json(f"{endpoint.url}/metrics", FIGURES_SECONDS)
        except (OSError, ValueError, HTTPException):
            return Figures()
        return Figures.from_json(said)

    def usage(self, endpoint: Endpoint) -> list[Program]:
        return usage.programs(endpoint.url)

    def delete(self, endpoint: Endpoint) -> None:
        folder = RunFolder.of(endpoint.id)
        try:
            status = _settled(endpoint.id).status
        except NotFound:
            # Another session has deleted it, or its files are damaged; then what is left of it
            # goes.
            status = Status()
        # One that serves gets the time to answer who waits; one that is still loading has nobody.
        serves = bool(LocalDetails.from_json(status.progress).url)
        if serves and processes.terminate(status.pid, status.pid_created):
            _wait_for_lock(folder, settings.STOP_SECONDS)
        processes.kill_session(status.pid, folder.path)
        _wait_for_lock(folder, KILL_SECONDS)
        jobs.delete(endpoint.id)

    def warm_up(self) -> subprocess.Popen[bytes]:
        """Starts the process that makes jobs start at once; hand what it returns to `cool_down`
        when the app ends."""
        return prefork.start()

    def cool_down(self, process: subprocess.Popen[bytes]) -> None:
        """Ends the pre-started process. Jobs that it forked go on."""
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=settings.STOP_SECONDS)

    def _still_there(self, job: Job) -> Job | None:
        """The job refreshed, or None if another session has deleted it since it was listed."""
        try:
            return self.refresh(job)
        except NotFound:
            return None

    def _submit(self, spec: specs.Spec, module: str) -> Job:
        name = clean_name(spec.name, "name")
        if getattr(spec, "resources", None):
            raise UserError(
                f"{self.title} has no instances to choose from. Leave that out, or run it "
                "elsewhere.",
                field="resources",
            )
        try:
            job, lock = jobs.create(spec.id, spec.kind, name, self.name, specs.as_dict(spec))
        except OSError as error:
            raise BackendError(f"{name} could not be started: {files.os_reason(error)}") from error
        if lock is None:
            return job
        try:
            # The warm process knows no way to S3, and must not: what it forks for others would know
            # it, too.
            way = (
                {}
                if getattr(spec, "tuning_id", "")
                else fetching.environment(
                    getattr(spec, "source", ""), getattr(spec, "dataset_id", "")
                )
            )
            pid = None
            if module == WORKER and not way:
                pid = prefork.fork_worker(job.folder.path, lock)
            if pid is None:
                command = [settings.python(), "-m", module, str(job.folder.path)]
                pid = processes.start(command, job.folder.path, lock=lock, variables=way)
        finally:
            os.close(lock)
        return replace(job, status=replace(job.status, pid=pid))


def _settled(job_id: str, seconds: float = 5.0) -> Job:
    """The job once its process has said who it is, or has ended: what is needed to end it."""
    until = time.monotonic() + seconds
    while True:
        job = jobs.read(job_id)
        if job.status.pid or not locks.is_locked(job.folder.lock) or time.monotonic() > until:
            return job
        time.sleep(0.02)


def _wait_for_lock(folder: RunFolder, seconds: float) -> None:
    """Waits until the job's process has let go: a dead one does so only when the last of its
    threads has ended."""
    until = time.monotonic() + seconds
    while locks.is_locked(folder.lock) and time.monotonic() < until:
        time.sleep(0.02)


def _bury(job: Job) -> Job:
    """Ends a job whose worker died: kills what it left behind and writes why it failed. Also on a
    full disk it died: it goes on by itself where its tuning job does."""
    processes.kill_session(job.status.pid, job.folder.path)
    why = "it was killed, or the machine was restarted"
    if files.is_full(job.folder.path):
        why = "the disk is full"
    reason = (
        f"The job's process exited unexpectedly: {why}. Its log is kept. "
        "Resume the job to continue from its last checkpoint."
    )
    status = replace(
        job.status, state=State.FAILED, reason=reason, cause=Cause.DIED, ended=time.time()
    )
    try:
        jobs.write_status(job.folder, status)
    except OSError as error:
        # The page has to open on a full disk, too; the next refresh writes it.
        status = replace(
            status, reason=f"{reason} {files.os_reason(error)}"[: settings.MAX_FAILURE_CHARS]
        )
    return replace(job, status=status)


def _endpoint(job: Job) -> Endpoint:
    details = LocalDetails.from_json(job.status.progress)
    return Endpoint(
        id=job.id,
        name=job.name,
        backend=job.backend,
        model_id=str(job.spec.get("model_id", "")),
        state=_endpoint_state(job, details),
        created=job.created,
        url=details.url,
        reason=job.status.reason,
        details=details,
    )


def _endpoint_state(job: Job, details: LocalDetails) -> EndpointState:
    if job.state.is_finished:
        return EndpointState.FAILED
    if job.state is State.STOPPING:
        return EndpointState.DELETING
    if details.url:
        return EndpointState.IN_SERVICE
    return EndpointState.CREATING


def _no_answer(endpoint: Endpoint, error: Exception) -> BackendError:
    return BackendError(
        f"The endpoint {endpoint.name} does not respond ({error}). See its log, or start it again."
    )


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")[:300]
