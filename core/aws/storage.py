"""The bucket: its layout, and how objects are written, read, copied and deleted.

All of Fieldmark's objects are below the account's prefix.

images/<ab>/<sha256><suffix>         photos, shared by all datasets
datasets/<id>/<version>/<hash>/      manifest.csv, and images.manifest, which is written after all
                                     photos
weights/<hash>/<name>                pretrained weights of a set of backbones
code/<sha256>.tar.gz                 the training scripts
jobs/<job id>/                       output and checkpoints
models/<sha256>.tar.gz               archives for serving images
transform/<job id>/                  input.manifest, and output until it is downloaded
captured/<endpoint id>/              photos that an endpoint stored
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from core.aws import connection, errors
from core.aws.account import Account
from core.aws.s3 import split
from core.errors import BackendError
from core.io import files

IMAGES = "images"
DELETE_AT_ONCE = 1000


class Stored(NamedTuple):
    """An object below the account's prefix: its key without the prefix, its size, and when it was
    written, in seconds since 1970."""

    key: str
    size_bytes: int
    written: float


class Store:
    """The bucket below the account's prefix.

    Keys are given without the prefix. Every method raises BackendError.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.client = connection.client("s3", region=account.region)
        self._encryption: dict[str, str] = {}
        if account.kms_key:
            self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": account.kms_key}

    def uri(self, key: str) -> str:
        return self.account.uri(key)

    def key_of(self, uri: str) -> str:
        """Return the key, without the account's prefix, of a URI."""
        return uri.removeprefix(self.uri("x")[:-1])

    def has(self, key: str) -> bool:
        found = connection.unless_missing(
            f"looking for {self.uri(key)}",
            lambda: self.client.head_object(Bucket=self.account.bucket, Key=self.account.key(key)),
        )
        return found is not None

    def put(self, key: str, data: bytes) -> None:
        with connection.translate_errors(f"writing {self.uri(key)}"):
            self.client.put_object(
                Bucket=self.account.bucket, Key=self.account.key(key), Body=data, **self._encryption
            )

    def put_file(self, key: str, path: Path) -> None:
        """Upload a file of any size, in parts if it is large."""
        with connection.translate_errors(f"writing {self.uri(key)}"):
            self.client.upload_file(
                str(path),
                self.account.bucket,
                self.account.key(key),
                ExtraArgs=dict(self._encryption),
            )

    def fetch(self, uri: str, path: Path) -> bool:
        """Download an object completely or not at all; return False if it does not exist."""
        bucket, key = split(uri)
        try:
            with files.atomic(path) as file, connection.translate_errors(f"reading {uri}"):
                self.client.download_fileobj(bucket, key, file)
        except BackendError as error:
            if errors.is_missing(error):
                return False
            raise
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys with a prefix, both without the account's prefix."""
        return (found.key for found in self.objects(prefix))

    def objects(self, prefix: str) -> Iterator[Stored]:
        """Yield the objects below a prefix, a page at a time, so that memory stays constant."""
        start = len(self.account.key("x")) - 1
        with connection.translate_errors(f"listing {self.uri(prefix)}"):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.account.bucket, Prefix=self.account.key(prefix)
            )
            for page in pages:
                for found in page.get("Contents", []):
                    yield Stored(
                        found["Key"][start:], int(found["Size"]), found["LastModified"].timestamp()
                    )

    def delete(self, keys: Iterable[str]) -> None:
        """Delete these objects in batches; missing objects are no error."""
        waiting = iter(keys)
        while some := list(islice(waiting, DELETE_AT_ONCE)):
            doomed = [{"Key": self.account.key(key)} for key in some]
            with connection.translate_errors(f"deleting {self.uri(some[0])} and others"):
                answer = self.client.delete_objects(
                    Bucket=self.account.bucket, Delete={"Objects": doomed, "Quiet": True}
                )
            if failed := answer.get("Errors"):
                raise BackendError(
                    f"{len(failed)} of {len(some)} objects can't be deleted. First error: "
                    f"{failed[0].get('Message', '')}"
                )

    def copy(self, source: str, target: str) -> None:
        """Copy one object to another key, inside S3."""
        with connection.translate_errors(f"copying {self.uri(source)}"):
            origin = {"Bucket": self.account.bucket, "Key": self.account.key(source)}
            self.client.copy(
                origin,
                self.account.bucket,
                self.account.key(target),
                ExtraArgs=dict(self._encryption),
            )

    def take(self, bucket: str, key: str, etag: str, target: str) -> None:
        """Copy an object of any bucket to a key below the prefix, inside S3; with an `etag`, only
        if it still matches."""
        with connection.translate_errors(f"copying s3://{bucket}/{key}"):
            origin = {"Bucket": bucket, "Key": key}
            to = {"Bucket": self.account.bucket, "Key": self.account.key(target)}
            if etag:
                to["CopySourceIfMatch"] = etag
            self.client.copy_object(**to, CopySource=origin, **self._encryption)


def image_key(image_id: str, path: str) -> str:
    """Return the key of a photo, relative to `images/`; named by content, so datasets share it."""
    return f"{image_id[:2]}/{image_id}{Path(path).suffix.lower()}"


def job_key(job_id: str, part: str) -> str:
    return f"jobs/{job_id}/{part}"


def transform_key(job_id: str, part: str) -> str:
    return f"transform/{job_id}/{part}"
