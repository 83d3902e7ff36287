"""Watches a transform job on SageMaker: uploads photos and model, runs the transform job, and
downloads the answers into the job's table."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.aws import account as accounts
from core.aws import connection, instances, prices, storage
from core.aws.account import Account
from core.aws.documents import Json
from core.aws.storage import Store
from core.backends.local.batch import transform as listing
from core.backends.sagemaker import failures, job_request, upload
from core.backends.sagemaker.batch import input as transform_input
from core.backends.sagemaker.batch.output import Output
from core.backends.sagemaker.endpoints import hosting, serving_image
from core.backends.sagemaker.logs import LogTail
from core.backends.sagemaker.programs.batch import MODEL, REQUEST
from core.backends.sagemaker.watcher import Watch
from core.batch import items, lineage, results, sources, table
from core.errors import BackendError, UserError
from core.evaluation import scores
from core.io import files
from core.jobs import locks
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec
from core.jobs.status.asked import transform_spec
from core.jobs.status.causes import Cause
from core.jobs.stopping import Stopped
from core.models import store as models
from core.models.store import Model

if TYPE_CHECKING:
    from core.jobs.worker import Worker

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TransformJobs"
# A photo has at most 6 MiB; concurrent photos of one instance may have 100 MB together.
PAYLOAD_MB, MOST_AT_ONCE = 7, 14
TIMEOUT_SECONDS, RETRIES = 120, 2
# Up to this many photos the answers are counted while the job runs; listing more takes too long.
COUNTED_PHOTOS = 20_000


def check(spec: TransformSpec) -> None:
    """Raise UserError, naming the field, for a spec that SageMaker rejects."""
    account = accounts.required()
    resources = job_request.resources_of(spec)
    serving_image.image(resources.server, account, resources.instance_type)
    if resources.is_serverless or resources.spot:
        raise UserError(
            "A batch runs on on-demand instances, neither serverless nor spot.",
            field="instance_type",
        )
    instances.check(resources.instance_type, "batch", own_image=bool(account.inference_image))
    if serving_image.host_image(resources.server, resources.instance_type):
        raise UserError(
            "The Ray image needs a newer NVIDIA driver than SageMaker has for batches on GPUs. "
            "Choose the PyTorch image, or an instance type without a GPU.",
            field="instance_type",
        )
    models.archive(models.read(spec.model_id))
    if spec.source != "s3":
        sources.require_images(spec)


def run(worker: Worker) -> None:
    """Watch until the end. Raises Stopped or BackendError, as a worker expects."""
    spec = transform_spec(worker.job)
    model = models.read(spec.model_id)
    job = Transform(worker.folder, spec, accounts.of_job(worker.job.spec))
    watch = Watch(worker, job)
    try:
        if not (worker.folder.input / REQUEST).exists():
            job.prepare(worker, watch, model)
            watch.submit()
        elif not watch.exists():
            worker.check_stop()
            watch.submit()
        described = watch.follow()
        conclude(worker, watch, job, model, described)
    finally:
        if not worker.leaving:
            job.tidy()


class Transform:
    """A transform job on SageMaker, named by the run folder's id."""

    def __init__(self, folder: RunFolder, spec: TransformSpec, account: Account) -> None:
        self.folder, self.spec, self.account = folder, spec, account
        self.resources = job_request.resources_of(spec)
        self.client = connection.client("sagemaker", region=account.region)
        self.store = Store(account)
        self.output = Output(self.store, spec, folder)
        self.done, self.total, self.before = 0, 0, 0
        if sources.list_of(folder).exists():
            self.total, self.before = items.count(sources.list_of(folder)), results.answered(folder)

    @functools.cached_property
    def tail(self) -> LogTail:
        return LogTail(self.folder, self.spec.id, self.account.region, LOG_GROUP)

    def prepare(self, worker: Worker, watch: Watch, model: Model) -> None:
        """Upload the job's inputs and write its request, just before the job is created."""
        spec, folder = self.spec, self.folder
        watch.say(phase="Listing photos")
        self.total = self._listed(worker, model)
        self.before = results.answered(folder)
        worker.check_stop()
        transform_input.identify(
            spec,
            folder,
            lambda done: watch.say(phase="Reading photos", listed=done),
            worker.check_stop,
        )

        def say(sent: upload.Progress) -> None:
            watch.say(**_upload_facts(sent))

        uri = transform_input.send(spec, folder, self.store, say, worker.check_stop)
        watch.say(phase="Uploading the model")
        archive = serving_image.send(
            model, self.resources.server, folder.temporary, self.store, worker.check_stop
        )
        request = hosting.model_request(spec, self.account, archive, batch=True)
        files.write_json(folder.input / MODEL, request)
        watch.retry_until_answered(
            lambda: hosting.create("creating the model", self.client.create_model, request)
        )
        watch.note_create()
        files.write_json(folder.input / REQUEST, self.request(uri))

    def _listed(self, worker: Worker, model: Model) -> int:
        if self.spec.resumed_from:
            previous = RunFolder.of(self.spec.resumed_from)
            if not locks.is_released(previous.lock):
                raise BackendError("The job to resume from is still running.")
            transform_input.take_over(previous, self.folder)
        if sources.list_of(self.folder).exists():
            return items.count(sources.list_of(self.folder))
        if self.spec.source == "s3" and not self.spec.resumed_from:
            return transform_input.list_s3(self.spec, self.folder, model.classes, worker.check_stop)
        return listing.listed(worker, self.spec, model)

    def request(self, manifest: str) -> Json:
        """Return the request for CreateTransformJob."""
        machines: Json = {
            "InstanceType": self.resources.instance_type,
            "InstanceCount": self.resources.instance_count,
        }
        output = {
            "S3OutputPath": self.store.uri(storage.transform_key(self.spec.id, "output")),
            "Accept": "application/json",
        }
        key = self.account.kms_key
        if key and not instances.has_local_disk(self.resources.instance_type):
            machines["VolumeKmsKeyId"] = key
        known = prices.instances().get(self.resources.instance_type)
        return {
            "TransformJobName": self.spec.id,
            "ModelName": self.spec.id,
            "MaxConcurrentTransforms": min(MOST_AT_ONCE, known.vcpus if known else 4),
            "MaxPayloadInMB": PAYLOAD_MB,
            "BatchStrategy": "SingleRecord",
            "ModelClientConfig": {
                "InvocationsTimeoutInSeconds": TIMEOUT_SECONDS,
                "InvocationsMaxRetries": RETRIES,
            },
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": manifest}},
                "ContentType": "application/x-image",
                "SplitType": "None",
            },
            "TransformOutput": {
                **output,
                "AssembleWith": "None",
                **({"KmsKeyId": key} if key else {}),
            },
            "TransformResources": machines,
            "Tags": hosting.tags(self.spec),
        }

    def describe(self) -> Json | None:
        return connection.unless_missing(
            "describing the transform job",
            lambda: dict(self.client.describe_transform_job(TransformJobName=self.spec.id)),
        )

    def create(self) -> None:
        with connection.translate_errors("creating the transform job"):
            self.client.create_transform_job(**files.read_json(self.folder.input / REQUEST))

    def stop(self) -> None:
        with connection.translate_errors("stopping the transform job"):
            self.client.stop_transform_job(TransformJobName=self.spec.id)

    def status(self, described: Mapping[str, Any]) -> str:
        return str(described.get("TransformJobStatus", ""))

    def look(self, described: Mapping[str, Any]) -> bool:
        """Read log and answers so far; stop a job past its time limit, because transform jobs
        have no limit of their own."""
        if self.is_over_time(described) and self.status(described) == "InProgress":
            self.stop()
        news = self.tail.read()
        if self.total - self.before > COUNTED_PHOTOS or "TransformStartTime" not in described:
            return news
        before, self.done = self.done, self.output.look()
        return news or self.done != before

    def facts(self, described: Mapping[str, Any]) -> dict[str, object]:
        server = serving_image.SERVERS[self.resources.server]
        seconds, done = _seconds(described), min(self.total, self.before + self.done)
        rate = self.done / seconds if seconds and self.done else None
        left = (self.total - done) / rate if rate else None
        machines = f"{self.resources.instance_count} x {self.resources.instance_type}"
        phase = "Waiting for instances"
        if self.done:
            phase = "Predicting"
        return {
            "phase": phase,
            "total": self.total,
            "done": done,
            "errors": 0,
            "skipped": self.before,
            "images_per_second": round(rate, 1) if rate else None,
            "eta_seconds": round(left, 1) if left else None,
            "seconds": seconds,
            "form": f"{server.title} on {machines}, plain fp32",
            "instance_type": self.resources.instance_type,
            "instance_count": self.resources.instance_count,
            "billable_seconds": seconds,
        }

    def is_over_time(self, described: Mapping[str, Any]) -> bool:
        return (_seconds(described) or 0.0) > self.resources.max_seconds

    def tidy(self) -> None:
        """Delete the job's temporary resources; an error is logged and does not fail the job."""
        try:
            hosting.remove(self.client, self.spec.id, only_model=True)
            self.output.remove()
        except BackendError as error:
            logger.warning("Temporary resources remain. %s", error)


def conclude(
    worker: Worker, watch: Watch, job: Transform, model: Model, described: Mapping[str, Any]
) -> None:
    """Download the answers.

    Raises BackendError for a failed job and Stopped for a stopped one, after downloading its
    partial answers.
    """
    facts, status, seconds = job.facts(described), job.status(described), _seconds(described)
    watch.retry_until_answered(job.output.look)

    def report(done: int, errors: int) -> None:
        watch.say(
            **{
                **facts,
                "phase": "Downloading the answers",
                "done": done,
                "errors": errors,
                "seen": time.time(),
            }
        )

    classes, known = model.classes, lineage.training_ids(model)
    watch.retry_until_answered(
        lambda: job.output.join(classes, known, report, whole=status == "Completed")
    )
    if status == "Failed":
        given = described.get("FailureReason") or "SageMaker gives no reason."
        raise failures.explained(str(given))
    if status != "Completed":
        raise _stop(worker, job, described)
    score = scores.top1(table.read(worker.folder, classes).unseen)
    errors, rate = results.errors(worker.folder), None
    if seconds:
        rate = round((job.total - job.before) / seconds, 1)
    found = {
        "done": job.total,
        "errors": errors,
        "images_per_second": rate,
        "correct": score.correct,
        "labelled": score.n,
    }
    watch.say(**{**facts, **found, "phase": "Done", "eta_seconds": None, "seen": time.time()})


def _stop(worker: Worker, job: Transform, described: Mapping[str, Any]) -> Stopped:
    if job.is_over_time(described):
        reached = failures.time_limit_reached(job.resources.max_seconds)
        return Stopped(f"{reached} Resume to process the remaining photos.", Cause.TIME_LIMIT)
    if worker.stopping:
        return Stopped()
    return Stopped(failures.ELSEWHERE, Cause.ELSEWHERE)


def _seconds(described: Mapping[str, Any]) -> float | None:
    """Return how long the instances have run, in seconds."""
    started, ended = described.get("TransformStartTime"), described.get("TransformEndTime")
    if not isinstance(started, datetime):
        return None
    return round(
        (ended.timestamp() if isinstance(ended, datetime) else time.time()) - started.timestamp(), 1
    )


def _upload_facts(sent: upload.Progress) -> dict[str, object]:
    facts = {"done": sent.done, "total": sent.total, "eta_seconds": sent.seconds_left}
    return {"phase": "Uploading photos", **facts, "images_per_second": None}
