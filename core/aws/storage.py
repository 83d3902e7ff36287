"""The bucket: what lies where, and how it gets there and back.

Everything of ours is below the account's prefix.

images/<ab>/<sha256><suffix>         photos, once for all datasets
datasets/<id>/<version>/<hash>/      manifest.csv, and images.manifest, which is there only when all
                                     its photos are
weights/<hash>/<name>                pretrained weights of one choice of backbones
code/<sha256>.tar.gz                 the training scripts
jobs/<job id>/                       output and checkpoints
models/<sha256>.tar.gz               what serving images are given
transform/<job id>/                  input.manifest, and output until the answers are here
captured/<endpoint id>/              photos that an endpoint kept
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
    """An object of ours: its key without the account's prefix, its size, and when it was written,
    in seconds since 1970."""

    key: str
    size_bytes: int
    written: float


class Store:
    """The account's part of its bucket.

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
        """The key, without the account's prefix, of an object of ours."""
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
        """A file of any size, in parts where it is large."""
        with connection.translate_errors(f"writing {self.uri(key)}"):
            self.client.upload_file(
                str(path),
                self.account.bucket,
                self.account.key(key),
                ExtraArgs=dict(self._encryption),
            )

    def fetch(self, uri: str, path: Path) -> bool:
        """An object, whole or not at all; False where there is none."""
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
        """The keys that begin with a prefix, themselves without the account's."""
        return (found.key for found in self.objects(prefix))

    def objects(self, prefix: str) -> Iterator[Stored]:
        """What lies below a prefix, a page at a time: a million objects take no more memory than a
        thousand."""
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
        """Delete these objects, many at a time; what is gone already is fine."""
        waiting = iter(keys)
        while some := list(islice(waiting, DELETE_AT_ONCE)):
            doomed = [{"Key": self.account.key(key)} for key in some]
            with connection.translate_errors(f"deleting {self.uri(some[0])} and others"):
                answer = self.client.delete_objects(
                    Bucket=self.account.bucket, Delete={"Objects": doomed, "Quiet": True}
                )
            if failed := answer.get("Errors"):
                raise BackendError(
                    f"{len(failed)} of {len(some)} objects can't be deleted. The first: "
                    f"{failed[0].get('Message', '')}"
                )

    def copy(self, source: str, target: str) -> None:
        """One object to another key, inside S3."""
        with connection.translate_errors(f"copying {self.uri(source)}"):
            origin = {"Bucket": self.account.bucket, "Key": self.account.key(source)}
            self.client.copy(
                origin,
                self.account.bucket,
                self.account.key(target),
                ExtraArgs=dict(self._encryption),
            )

    def take(self, bucket: str, key: str, etag: str, target: str) -> None:
        """One object of anybody's to a key of ours, in S3; with an `etag`, if it still has it."""
        with connection.translate_errors(f"copying s3://{bucket}/{key}"):
            origin = {"Bucket": bucket, "Key": key}
            to = {"Bucket": self.account.bucket, "Key": self.account.key(target)}
            if etag:
                to["CopySourceIfMatch"] = etag
            self.client.copy_object(**to, CopySource=origin, **self._encryption)


def image_key(image_id: str, path: str) -> str:
    """Where a photo lies: named by its content, so that every dataset shares it.

    Relative to `images/`.
    """
    return f"{image_id[:2]}/{image_id}{Path(path).suffix.lower()}"


def job_key(job_id: str, part: str) -> str:
    return f"jobs/{job_id}/{part}"


def transform_key(job_id: str, part: str) -> str:
    return f"transform/{job_id}/{part}"
