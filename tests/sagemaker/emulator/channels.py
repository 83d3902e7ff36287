"""A training job's channels: which objects they are, and their files in the container."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from botocore.exceptions import ClientError

from tests.sagemaker.emulator.errors import JobFailure, invalid
from tests.sagemaker.emulator.storage import Storage, below, split
from tests.sagemaker.emulator.world import Record


@dataclass(frozen=True)
class Channel:
    """One entry of InputDataConfig. `streamed` is FastFile: on AWS a mount, here files that are read-only where mounts are allowed."""

    name: str
    uri: str
    kind: str
    sharded: bool
    streamed: bool

    @classmethod
    def of(cls, entry: Record, mode: str) -> Channel:
        """ApiError for what the service would refuse, or what the emulator does not do."""
        source = entry["DataSource"].get("S3DataSource")
        mode = entry.get("InputMode", mode)
        if not source:
            raise invalid(
                f"The emulator only has channels from S3; {entry['ChannelName']} is another one."
            )
        if (
            mode == "Pipe"
            or entry.get("RecordWrapperType", "None") != "None"
            or entry.get("CompressionType", "None") != "None"
        ):
            raise invalid("The emulator has no Pipe mode, no RecordIO and no Gzip channels.")
        if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            raise invalid(f"{source['S3DataType']} can only be used with Pipe input mode.")
        if mode == "FastFile" and source["S3DataType"] != "S3Prefix":
            raise invalid("FastFile input mode only supports the S3 data type S3Prefix.")
        if not source["S3Uri"].startswith("s3://"):
            raise invalid(f"S3Uri of channel {entry['ChannelName']} must be s3://<bucket>/<key>.")
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        return cls(
            entry["ChannelName"], source["S3Uri"], source["S3DataType"], sharded, mode == "FastFile"
        )

    def objects(self, storage: Storage) -> tuple[str, dict[str, str]]:
        """Return (bucket, key -> path in the channel). JobFailure where there is nothing."""
        if self.kind == "ManifestFile":
            return listed(storage, self.uri)
        bucket, prefix = split(self.uri)
        found = {
            key: below(key, prefix) for key, _, _ in storage.keys(self.uri) if not key.endswith("/")
        }
        if not found:
            raise JobFailure(
                f'ClientError: Data download failed:No S3 objects found under S3 URL "{self.uri}" given in input data source. '
                "Please ensure that the bucket exists in the selected region (us-east-1), that objects exist under that S3 prefix, and "
                "that the role has s3:ListBucket permissions."
            )
        return bucket, found

    def download(self, storage: Storage, folder: Path, host: int, hosts: int) -> None:
        bucket, found = self.objects(storage)
        names = sorted(found)[host::hosts] if self.sharded else sorted(found)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            storage.fetch(bucket, {name: folder / found[name] for name in names})
        except ClientError as error:
            raise JobFailure(
                f"ClientError: Data download failed:{error.response['Error']['Message']} ({self.uri})"
            ) from None

    def described(self) -> Record:
        """Return the channel's entry of inputdataconfig.json in the container."""
        return {
            "TrainingInputMode": "FastFile" if self.streamed else "File",
            "S3DistributionType": "ShardedByS3Key" if self.sharded else "FullyReplicated",
            "RecordWrapperType": "None",
        }


def listed(storage: Storage, uri: str) -> tuple[str, dict[str, str]]:
    """Return (bucket, key -> path) of a manifest object: `[{"prefix": "s3://bucket/some/prefix/"},
    "relative/path", ...]`."""
    bucket, key = split(uri)
    try:
        entries = json.loads(storage.read(bucket, key))
        prefix, names = entries[0]["prefix"], entries[1:]
    except ClientError as error:
        raise JobFailure(
            f"ClientError: Data download failed:{error.response['Error']['Message']} ({uri})"
        ) from None
    except (ValueError, LookupError, TypeError):
        raise JobFailure(
            f"ClientError: Data download failed:the manifest {uri} is not a JSON array that begins with a prefix"
        ) from None
    if not names or not all(
        isinstance(name, str) and name and ".." not in PurePosixPath(name).parts for name in names
    ):
        raise JobFailure(
            f"ClientError: Data download failed:the manifest {uri} names no objects, or names that lead out of its prefix"
        )
    bucket, folder = split(prefix)
    return bucket, {f"{folder}{name}": name.lstrip("/") for name in names}
