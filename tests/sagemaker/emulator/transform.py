"""Transform jobs: a model server, every object of a prefix or manifest posted to it, the answers as `<object>.out`."""

from __future__ import annotations

import http.client
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tests.sagemaker.emulator import machines
from tests.sagemaker.emulator.account import Account
from tests.sagemaker.emulator.channels import listed
from tests.sagemaker.emulator.errors import JobFailure, invalid
from tests.sagemaker.emulator.models import Models
from tests.sagemaker.emulator.references import References
from tests.sagemaker.emulator.run import FINISHED
from tests.sagemaker.emulator.serving import ModelServer
from tests.sagemaker.emulator.storage import below, split
from tests.sagemaker.emulator.world import (
    Record,
    Table,
    World,
    now,
    page,
    picked,
    shown,
)

GROUP = "/aws/sagemaker/TransformJobs"
TAKEN = "Job names must be unique within an AWS account and region, and a job with this name already exists"
SUMMARY = (
    "TransformJobName",
    "TransformJobArn",
    "CreationTime",
    "TransformEndTime",
    "LastModifiedTime",
    "TransformJobStatus",
    "FailureReason",
)
DEFAULT_MB, DEFAULT_SECONDS = 6, 600


class Transforms:
    def __init__(
        self,
        world: World,
        account: Account,
        models: Models,
        references: References,
        containers: Path,
    ) -> None:
        self._references = references
        self._world, self._account, self._models, self._containers = (
            world,
            account,
            models,
            containers,
        )
        self._table = Table(
            world,
            "transform-job",
            "transform job",
            "TransformJobName",
            "Could not find requested job with name: {}",
        )

    def create_transform_job(self, request: Record) -> Record:
        check(request)
        machines.refuse_key(request["TransformResources"])
        self._models.container(request["ModelName"], new=True)
        role = self._models.row(request["ModelName"])["ExecutionRoleArn"]
        self._references.transform(request, role)
        if request["TransformJobName"] in self._table.rows:  # before the quota is touched
            self._table.add(request, {}, taken=TAKEN)
        resources = request["TransformResources"]
        self._account.take(
            resources["InstanceType"], "transform job usage", resources["InstanceCount"]
        )
        arn = self._world.arn("transform-job", request["TransformJobName"])
        row = self._table.add(
            request, {"TransformJobArn": arn, "TransformJobStatus": "InProgress"}, taken=TAKEN
        )
        row["_stop"], row["_finished"] = threading.Event(), threading.Event()
        threading.Thread(target=self._live, args=(row,), daemon=True).start()
        return {"TransformJobArn": arn}

    def describe_transform_job(self, request: Record) -> Record:
        return shown(self._table.get(request["TransformJobName"]))

    def list_transform_jobs(self, request: Record) -> Record:
        rows, token = page(
            list(self._table.rows.values()),
            request,
            name="TransformJobName",
            status="TransformJobStatus",
        )
        return {"TransformJobSummaries": [picked(row, SUMMARY) for row in rows], **token}

    def stop_transform_job(self, request: Record) -> None:
        row = self._table.held(request["TransformJobName"])
        if row["TransformJobStatus"] in FINISHED:
            raise invalid(
                f"The request was rejected because the transform job is in status {row['TransformJobStatus']}."
            )
        row["TransformJobStatus"] = "Stopping"
        row["_stop"].set()

    def sweep(self, since: float) -> None:
        for row in [row for row in list(self._table.rows.values()) if row["CreationTime"] > since]:
            row["_stop"].set()
            row["_finished"].wait(30)

    # In a thread of its own

    def _live(self, row: Record) -> None:
        reason, resources = "", row["TransformResources"]
        try:
            self._world.pause(row["_stop"], "start_seconds")
            self._world.fail_if_asked("transform")
            self._transform(row)
        except JobFailure as failure:
            reason = str(failure)
        except (OSError, ClientError, BotoCoreError) as error:
            reason = f"InternalServerError: We encountered an internal error. Please try again. ({error})"
        with self._world.lock:
            stopped = row["_stop"].is_set()
            self._account.give_back(
                resources["InstanceType"], "transform job usage", resources["InstanceCount"]
            )
            row.update(TransformEndTime=now(), LastModifiedTime=now())
            if reason and not stopped:
                row["FailureReason"] = reason
            row["TransformJobStatus"] = (
                "Stopped" if stopped else "Failed" if reason else "Completed"
            )
        row["_finished"].set()

    def _transform(self, row: Record) -> None:
        bucket, objects = self._objects(row)
        model = {**self._models.container(row["ModelName"])}
        model["Environment"] = {**model.get("Environment", {}), **row.get("Environment", {})}
        stream = self._world.storage.stream(
            GROUP, f"{row['TransformJobName']}/i-{os.urandom(8).hex()}"
        )
        server = ModelServer(
            self._world,
            self._containers,
            model,
            stream,
            isolated=self._models.row(row["ModelName"])["EnableNetworkIsolation"],
            vcpus=machines.vcpus(row["TransformResources"]["InstanceType"]),
        )
        try:
            server.start(row["_stop"])
            row["TransformStartTime"] = now()
            self._post_all(row, server, bucket, objects)
        finally:
            server.end()

    def _objects(self, row: Record) -> tuple[str, dict[str, str]]:
        """Return (bucket, key -> name of its answer without .out)."""
        source = row["TransformInput"]["DataSource"]["S3DataSource"]
        if source["S3DataType"] == "ManifestFile":
            bucket, found = listed(self._world.storage, source["S3Uri"])
        else:
            bucket, prefix = split(source["S3Uri"])
            found = {
                key: below(key, prefix)
                for key, size, _ in self._world.storage.keys(source["S3Uri"])
                if size
            }
        if not found:
            raise JobFailure(
                f'ClientError: No S3 objects found under S3 URL "{source["S3Uri"]}" given in input data source.'
            )
        calls = {
            "below": lambda key: found[key],
            "key": str,
            "name": lambda key: key.rpartition("/")[2],
        }
        return bucket, {key: calls[self._world.settings.answers](key) for key in found}

    def _post_all(
        self, row: Record, server: ModelServer, bucket: str, objects: dict[str, str]
    ) -> None:
        """One object is one request. Goes on after a bad one, as the service does, and fails at the end."""
        threads = (
            max(1, row.get("MaxConcurrentTransforms", 0))
            * row["TransformResources"]["InstanceCount"]
        )
        with ThreadPoolExecutor(threads) as pool:
            faults = [
                fault
                for fault in pool.map(
                    lambda item: self._post(row, server, bucket, *item), sorted(objects.items())
                )
                if fault
            ]
        if faults and not row["_stop"].is_set():
            self._world.storage.stream(GROUP, f"{row['TransformJobName']}/i-0/data-log").put(faults)
            raise JobFailure("AlgorithmError: See job logs for more information")

    def _post(self, row: Record, server: ModelServer, bucket: str, key: str, name: str) -> str:
        """Return what is wrong with this object, as the data log says it; empty if its answer was
        written or the job is stopping."""
        if row["_stop"].is_set():
            return ""
        spec, target = row["TransformInput"], row["TransformOutput"]
        try:
            body = self._world.storage.read(bucket, key)
        except ClientError as error:
            return f"{bucket}/{key}: {error.response['Error']['Message']}"
        most = row.get("MaxPayloadInMB", DEFAULT_MB) << 20
        if len(body) > most:
            return f"{bucket}/{key}: ClientError: too much data for max payload size"
        headers = {
            "Content-Type": spec.get("ContentType", "application/octet-stream"),
            "Accept": target.get("Accept", "application/json"),
        }
        seconds = row.get("ModelClientConfig", {}).get(
            "InvocationsTimeoutInSeconds", DEFAULT_SECONDS
        )
        try:
            reply = server.post(body, headers, seconds)
        except (OSError, http.client.HTTPException) as error:
            return f"{bucket}/{key}: the container did not answer: {error}"
        if reply.status != 200:
            said = reply.body.decode("utf-8", "replace").splitlines()
            return f"{bucket}/{key}: Bad HTTP status received from algorithm: {reply.status}: {said[0] if said else ''}"
        self._world.storage.put(f"{target['S3OutputPath'].rstrip('/')}/{name}.out", reply.body)
        return ""


def check(request: Record) -> None:
    """ApiError for what the service refuses, or the emulator does not do."""
    spec = request["TransformInput"]
    if (
        spec.get("SplitType", "None") != "None"
        or request["TransformOutput"].get("AssembleWith", "None") != "None"
    ):
        raise invalid(
            "The emulator sends whole objects only: SplitType and AssembleWith have to be None."
        )
    if request.get("BatchStrategy") == "MultiRecord":
        raise invalid("The emulator has no MultiRecord batches.")
    if "DataProcessing" in request or spec.get("CompressionType", "None") != "None":
        raise invalid("The emulator has neither DataProcessing nor compressed input.")
    if (
        request.get("MaxPayloadInMB", DEFAULT_MB)
        * max(1, request.get("MaxConcurrentTransforms", 1))
        > 100
    ):
        raise invalid("MaxConcurrentTransforms * MaxPayloadInMB must be at most 100 MB.")
    if spec["DataSource"]["S3DataSource"]["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise invalid("S3DataType of a transform job is S3Prefix or ManifestFile.")
