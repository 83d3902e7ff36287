"""Watches a training job on SageMaker: uploads its inputs, creates it, follows it, and downloads
its model."""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import settings
from core.aws import account as accounts
from core.aws import connection, storage
from core.aws.account import Account
from core.aws.documents import Json
from core.aws.storage import Store
from core.backends.sagemaker import failures, job_request, packaging, upload
from core.backends.sagemaker.logs import LogTail
from core.backends.sagemaker.training import kept_features
from core.backends.sagemaker.watcher import Watch
from core.errors import BackendError
from core.io import files
from core.jobs import locks
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TrainingSpec, TuningSpec
from core.jobs.status.asked import training_spec
from core.models import store as models
from core.training import script as scripts

if TYPE_CHECKING:
    from core.jobs.worker import Worker

REQUEST = "request.json"
OUTPUTS = ("predictions.npz", "failure")
# The end of the log arrives some seconds after the job has ended.
LOG_SECONDS = 10.0
# CloudWatch may be late: so long is waited for the line with which the script ends, without which
# the reason of a failure and the last metrics are lost.
LATE_LOG_SECONDS = 60.0
_LAST_LINE = re.compile(r"peak memory \d|this training has already completed|^FAILED", re.MULTILINE)


def run(worker: Worker) -> None:
    """Watch until the end. Raises Stopped or BackendError, as a worker expects."""
    spec = training_spec(worker.job)
    account = accounts.of_job(worker.job.spec)
    job = Training(worker.folder, spec, account)
    watch = Watch(worker, job)
    if not request_path(worker.folder).exists():
        worker.check_stop()
        store = Store(account)
        inputs = prepare(watch, spec, [str(scripts.check(spec.hyperparameters)["arch"])], store)
        if spec.resumed_from:
            take_checkpoints(watch, store, spec)
        worker.check_stop()
        files.write_json(request_path(worker.folder), job_request.training(spec, account, inputs))
        watch.submit()
    elif not watch.exists():
        worker.check_stop()
        watch.submit()
    described = watch.follow()
    drain(job.tail, job.folder, described)
    conclude(watch, job, described)


def request_path(folder: RunFolder) -> Path:
    """Return the file of the request, written just before the job is created: without it
    SageMaker has no job."""
    return folder.input / REQUEST


class Training:
    """A training job on SageMaker, named by the run folder's id."""

    def __init__(
        self, folder: RunFolder, spec: TrainingSpec, account: Account, name: str = ""
    ) -> None:
        self.folder, self.spec, self.account = folder, spec, account
        self.name = name or spec.id
        self.client = connection.client("sagemaker", region=account.region)

    @functools.cached_property
    def tail(self) -> LogTail:
        return LogTail(self.folder, self.name, self.account.region)

    def describe(self) -> Json | None:
        return connection.unless_missing(
            "describing the training job",
            lambda: dict(self.client.describe_training_job(TrainingJobName=self.name)),
        )

    def create(self) -> None:
        with connection.translate_errors("creating the training job"):
            self.client.create_training_job(**files.read_json(request_path(self.folder)))

    def stop(self) -> None:
        with connection.translate_errors("stopping the training job"):
            self.client.stop_training_job(TrainingJobName=self.name)

    def status(self, described: Mapping[str, Any]) -> str:
        return str(described.get("TrainingJobStatus", ""))

    def look(self, described: Mapping[str, Any]) -> bool:
        return described.get("SecondaryStatus") not in ("Starting", "Pending") and self.tail.read()

    def facts(self, described: Mapping[str, Any]) -> dict[str, object]:
        return facts(described)


def facts(described: Mapping[str, Any]) -> dict[str, object]:
    """Return the facts on a training job's page: phase, instances, times and interruptions."""
    secondary = str(described.get("SecondaryStatus", ""))
    transitions = described.get("SecondaryStatusTransitions") or [{}]
    machines = described.get("ResourceConfig", {})
    return {
        "phase": failures.phase(secondary),
        "detail": str(transitions[-1].get("StatusMessage", "")),
        "instance_type": machines.get("InstanceType", ""),
        "instance_count": machines.get("InstanceCount", 1),
        "spot": bool(described.get("EnableManagedSpotTraining")),
        "training_seconds": described.get("TrainingTimeInSeconds"),
        "billable_seconds": described.get("BillableTimeInSeconds"),
        "interruptions": sum(entry.get("Status") == "Interrupted" for entry in transitions),
    }


def prepare(
    watch: Watch, spec: TrainingSpec | TuningSpec, archs: Sequence[str], store: Store
) -> job_request.Inputs:
    """Upload missing inputs: scripts, weights and photos. Reports progress and can be stopped."""
    watch.say(phase="Packing the training scripts")
    code = packaging.sourcedir(allow_pip=store.account.allow_pip)
    code_key = f"code/{hashlib.sha256(code).hexdigest()}.tar.gz"
    if not store.has(code_key):
        store.put(code_key, code)
    weights = packaging.weights("+".join(archs))
    weights_key = f"weights/{packaging.digest(weights)[:16]}"
    for name, path in weights:
        if not store.has(f"{weights_key}/{name}"):
            watch.say(
                phase=f"Uploading the pretrained weights, {files.human_bytes(path.stat().st_size)}"
            )
            store.put_file(f"{weights_key}/{name}", path)
    sent = upload.version(
        store,
        spec.dataset_id,
        spec.version_id,
        watch.worker.folder.input,
        lambda now: watch.say(**_upload_facts(now)),
        watch.worker.check_stop,
    )
    return job_request.Inputs(
        store.uri(code_key),
        sent.images,
        sent.table,
        f"{store.uri(weights_key)}/",
        sent.photos,
        kept_features.uri(store, spec),
    )


def _upload_facts(now: upload.Progress) -> dict[str, object]:
    return {
        "phase": "Uploading the photos",
        "done": now.done,
        "total": now.total,
        "there": now.there,
        "seconds_left": now.seconds_left,
    }


def take_checkpoints(watch: Watch, store: Store, spec: TrainingSpec) -> None:
    """Upload the checkpoints of the job to resume from; it may have run on any backend."""
    source = jobs.read(spec.resumed_from)
    if not locks.is_released(source.folder.lock):
        raise BackendError("The job to resume from is still running.")
    watch.say(phase="Copying the checkpoints")
    target, prefix = (
        storage.job_key(spec.id, "checkpoints"),
        storage.job_key(source.id, "checkpoints/"),
    )
    there = list(store.keys(prefix)) if source.backend == watch.worker.job.backend else []
    for key in there:
        store.copy(key, f"{target}/{key.removeprefix(prefix)}")
    here = [
        path
        for path in sorted(source.folder.checkpoints.glob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]
    for path in here if not there else ():
        store.put_file(f"{target}/{path.name}", path)


def drain(tail: LogTail, folder: RunFolder, described: Mapping[str, Any]) -> None:
    """Read the end of the log, for LOG_SECONDS at most, or for LATE_LOG_SECONDS if the script's
    last line has not arrived."""
    begun, quiet = time.monotonic(), 0
    stopped = described.get("TrainingJobStatus") == "Stopped"
    while True:
        try:
            quiet = 0 if tail.read() else quiet + 1
        except BackendError:
            quiet += 1
        waited = time.monotonic() - begun
        expected = not stopped and (tail.found or _script_ended(described))
        is_late = expected and not _LAST_LINE.search(log_end(folder))
        if is_late and waited < LATE_LOG_SECONDS:
            quiet = 0
        elif waited > LOG_SECONDS or (tail.found and quiet >= 2):
            return
        time.sleep(min(1.0, settings.poll_seconds()))


def _script_ended(described: Mapping[str, Any]) -> bool:
    """Return whether the script itself came to its end, so that there is a log even if none of it
    has arrived."""
    reason = str(described.get("FailureReason", ""))
    return described.get("TrainingJobStatus") == "Completed" or reason.startswith("AlgorithmError")


def conclude(watch: Watch, job: Training, described: Mapping[str, Any]) -> None:
    """Download the job's results; return only for a completed job."""
    status = job.status(described)
    store = Store(job.account)
    watch.retry_until_answered(lambda: kept_features.keep(store, job.spec, job.name))
    if status == "Completed":
        watch.worker.progress(**{**watch.facts, "phase": "Downloading the model"})
        watch.retry_until_answered(lambda: fetch(store, job.folder, described))
        watch.worker.progress(**{**watch.facts, "phase": "Done"})
        return
    watch.retry_until_answered(lambda: fetch_checkpoints(store, job.folder, described))
    if status == "Stopped":
        raise failures.stop(described, asked=watch.worker.stopping)
    raise failures.failure(described, log_end(job.folder))


def fetch(store: Store, folder: RunFolder, described: Mapping[str, Any]) -> None:
    """Download the model and its predictions, in the layout of a local job.

    Raises BackendError if the job has no model.
    """
    uri = str(described.get("ModelArtifacts", {}).get("S3ModelArtifacts", ""))
    with tempfile.TemporaryDirectory(dir=folder.path, prefix=".fetch-") as made:
        archive = Path(made) / "model.tar.gz"
        if not uri or not store.fetch(uri, archive):
            raise BackendError(
                "The training script completed without a model in the bucket. See its log."
            )
        fresh = Path(made) / "model"
        fresh.mkdir()
        models.unpack(archive, fresh)
        outputs = Path(made) / "output.tar.gz"
        if store.fetch(f"{uri.rsplit('/', 1)[0]}/output.tar.gz", outputs):
            _take_outputs(outputs, folder.output)
        shutil.rmtree(folder.model, ignore_errors=True)
        fresh.rename(folder.model)
    models.pack(folder.model, folder.artifact)


def _take_outputs(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and Path(member.name).name in OUTPUTS:
                source = tar.extractfile(member)
                assert source is not None
                files.write_bytes(target / Path(member.name).name, source.read())


def fetch_checkpoints(store: Store, folder: RunFolder, described: Mapping[str, Any]) -> None:
    """Download the newest checkpoint, without caches, so that any backend can resume the job."""
    uri = str(described.get("CheckpointConfig", {}).get("S3Uri", ""))
    found = store.keys(f"{store.key_of(uri).rstrip('/')}/") if uri else []
    kept = sorted(key for key in found if Path(key).match("checkpoint-*.pt"))
    for name in kept[-1:]:
        store.fetch(store.uri(name), folder.checkpoints / Path(name).name)


def log_end(folder: RunFolder) -> str:
    try:
        with folder.log.open("rb") as file:
            file.seek(max(0, folder.log.stat().st_size - failures.LOG_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
