"""The emulator's own use of S3, CloudWatch Logs and CloudWatch: through the same port as everybody, so through the real client code."""

from __future__ import annotations

import contextlib
import io
import tarfile
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.wrappers import Request

from tests.sagemaker.emulator.errors import ApiError, JobFailure
from tests.sagemaker.emulator.late import Lines

THREADS = 8
# The emulator's own requests carry this key, so that faults and counts leave them alone.
OWN_KEY = "EMULATOR"


class Storage:
    """Clients of the services beside SageMaker."""

    def __init__(self, url: str, region: str, log_lag: Callable[[], float]) -> None:
        self.lines, self._url = Lines(log_lag), url
        self._others: dict[str, Any] = {}
        session = self._session = boto3.Session(
            aws_access_key_id=OWN_KEY, aws_secret_access_key=OWN_KEY, region_name=region
        )
        config = Config(
            max_pool_connections=4 * THREADS,
            s3={"addressing_style": "path"},
            retries={"max_attempts": 2, "mode": "standard"},
        )
        self.s3: Any = session.client("s3", endpoint_url=url, config=config)
        self.logs: Any = session.client("logs", endpoint_url=url, config=config)
        self.cloudwatch: Any = session.client("cloudwatch", endpoint_url=url, config=config)
        self.iam: Any = session.client("iam", endpoint_url=url, config=config)

    def client(self, service: str) -> Any:
        """Return a client of a service that is seldom needed."""
        if service not in self._others:
            self._others[service] = self._session.client(service, endpoint_url=self._url)
        return self._others[service]

    def keys(self, uri: str) -> list[tuple[str, int, str]]:
        """Return (key, bytes, etag) of every object below a prefix. JobFailure where there is no
        such bucket."""
        bucket, prefix = split(uri)
        try:
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            return [
                (item["Key"], item["Size"], item["ETag"])
                for page in pages
                for item in page.get("Contents", [])
            ]
        except ClientError as error:
            raise JobFailure(
                f"ClientError: Data download failed:{error.response['Error']['Message']} ({bucket})"
            ) from None

    def read(self, bucket: str, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def require_unchanged(self, request: Request) -> None:
        """ApiError if a copy's source is not the object that its condition names: moto does not
        look at that header."""
        wanted = request.headers.get("x-amz-copy-source-if-match")
        bucket, _, key = unquote(request.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        try:
            found = self.s3.head_object(Bucket=bucket, Key=key)["ETag"]
        except ClientError:
            return  # moto says so
        if wanted and wanted.strip('"') != found.strip('"'):
            raise ApiError(
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
                412,
            )

    def fetch(self, bucket: str, wanted: dict[str, Path]) -> None:
        """Objects, by key, into files."""

        def one(item: tuple[str, Path]) -> None:
            item[1].parent.mkdir(parents=True, exist_ok=True)
            item[1].write_bytes(self.read(bucket, item[0]))

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(one, wanted.items()))

    def put(self, uri: str, body: bytes) -> None:
        bucket, key = split(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def put_tar(self, folder: Path, uri: str) -> None:
        """The content of a folder as a tar.gz object."""
        bucket, key = split(uri)
        with tempfile.NamedTemporaryFile(suffix=".tar.gz") as file:
            with tarfile.open(file.name, "w:gz", compresslevel=1) as tar:
                for path in sorted(folder.iterdir()):
                    tar.add(path, path.name)
            self.s3.upload_file(file.name, bucket, key)

    def stream(self, group: str, name: str) -> LogStream:
        return LogStream(self.logs, group, name, self.lines)

    def metric(self, job: str, values: list[tuple[str, float]]) -> None:
        dimensions = [{"Name": "TrainingJobName", "Value": job}]
        data = [
            {"MetricName": name, "Dimensions": dimensions, "Value": value} for name, value in values
        ]
        self.cloudwatch.put_metric_data(Namespace="/aws/sagemaker/TrainingJobs", MetricData=data)


class LogStream:
    """One log stream, made with its group on first use: before a container starts there is neither."""

    def __init__(self, client: Any, group: str, name: str, later: Lines) -> None:
        self._client, self._names = client, {"logGroupName": group, "logStreamName": name}
        self._later, self._made = later, False

    def put(self, lines: list[str]) -> None:
        """Lines with the time of now, to be found later."""
        events = [{"timestamp": int(time.time() * 1000), "message": line or " "} for line in lines]
        self._later.put(lambda: self._put(events))

    def _put(self, events: list[dict[str, Any]]) -> None:
        if not self._made:
            self._make()
        self._client.put_log_events(**self._names, logEvents=events)

    def _make(self) -> None:
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_group(logGroupName=self._names["logGroupName"])
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_stream(**self._names)
        self._made = True


def split(uri: str) -> tuple[str, str]:
    """Return (bucket, key) of an s3:// address."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def below(key: str, prefix: str) -> str:
    """Return the path that an object of a prefix gets in its channel: below the prefix where that
    is a folder, else its bare name."""
    folder = f"{prefix.rstrip('/')}/" if prefix else ""
    return key[len(folder) :] if key.startswith(folder) else PurePosixPath(key).name


def unpack(data: bytes, folder: Path) -> None:
    """Unpack a tar.gz. JobFailure where it is not one."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise JobFailure(f"ClientError: the archive cannot be unpacked: {error}") from None
