"""Reading from Amazon S3: what lies below a place, and one object's bytes.

Nothing is ever written there.

The way to AWS is the one that jobs take (region, credentials, patience); it is imported on first
use, for most people never need it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core import settings
from core.aws import errors
from core.errors import BackendError, UserError
from core.io import files
from core.io.names import printable

EXAMPLE = "s3://my-photos/birds"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MAX_PART_BYTES = 255


@dataclass(frozen=True)
class Place:
    """A bucket and the beginning of keys in it: empty, or ending in a slash."""

    bucket: str
    prefix: str = ""

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def below(self, path: str) -> Place:
        """The place `path` further down."""
        if not path.strip("/."):
            return self
        return Place(self.bucket, f"{self.prefix}{path.strip('/')}/")


@dataclass(frozen=True)
class Object:
    """One object below a place: `path` is its key without the place's prefix, `etag` what S3 tells
    its content by."""

    path: str
    size: int
    etag: str


def split(address: str) -> tuple[str, str]:
    """`s3://bucket/a/b` -> (bucket, a/b).

    It is no URL: `#`, `?`, `%2F`, `+`, blanks and empty parts are characters of the key like any
    other.
    """
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


def place_of(text: str) -> Place:
    """The place that a person typed. UserError (field `path`) where it is none."""
    typed = text.strip()
    bucket, prefix = split(typed)
    prefix = prefix.removesuffix("/")
    known = typed.startswith("s3://") and _BUCKET.fullmatch(bucket)
    odd = any(part in ("", ".", "..") for part in prefix.split("/"))
    if not known or (prefix and odd):
        message = f"{printable(typed)!r} is no place in Amazon S3. Write it as {EXAMPLE}."
        raise UserError(message, field="path")
    return Place(bucket, prefix and f"{prefix}/")


def require(place: Place) -> None:
    """UserError (field `path`) where nothing can be listed there, or nothing lies there; one short
    question."""
    connection = _connection()
    try:
        with connection.translate_errors(f"looking into {place.uri}"):
            found = connection.client("s3").list_objects_v2(
                Bucket=place.bucket, Prefix=place.prefix, MaxKeys=1
            )
    except BackendError as error:
        raise UserError(str(error), field="path") from error
    if not found.get("KeyCount"):
        raise UserError(
            f"There is nothing in {place.uri}. Check the bucket and the folder.", field="path"
        )


def listed(place: Place) -> Iterator[Object]:
    """Every object below a place, by key. Raises BackendError."""
    connection = _connection()
    with connection.translate_errors(f"listing {place.uri}"):
        pages = (
            connection.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=place.bucket, Prefix=place.prefix)
        )
        for page in pages:
            for entry in page.get("Contents", []):
                yield Object(
                    entry["Key"][len(place.prefix) :], int(entry["Size"]), str(entry["ETag"])
                )


def is_path(path: str) -> bool:
    """Whether a key can be the name of a file here.

    A key may be anything: `a//b`, `../x`, or longer than a file system takes.
    """
    parts = path.split("/")
    names = all(
        part not in ("", ".", "..") and len(part.encode()) <= _MAX_PART_BYTES for part in parts
    )
    return names and "\0" not in path and "\\" not in path


def read(place: Place, path: str, etag: str = "", limit: int = settings.MAX_IMAGE_BYTES) -> bytes:
    """One object's bytes, asked for again where the network was in the way.

    ValueError, with the reason, where it is too large, gone or not the one with this `etag` any
    more; BackendError where S3 refuses.
    """
    key, connection = f"{place.prefix}{path}", _connection()
    condition = {}
    if etag:
        condition["IfMatch"] = etag

    def ask() -> bytes:
        with connection.translate_errors(f"reading s3://{place.bucket}/{printable(key)}"):
            answer = connection.client("s3").get_object(Bucket=place.bucket, Key=key, **condition)
            if (size := int(answer["ContentLength"])) > limit:
                raise ValueError(
                    f"the file has {files.human_bytes(size)}; at most "
                    f"{files.human_bytes(limit)} can be used"
                )
            data: bytes = answer["Body"].read()
            return data

    try:
        found: bytes = connection.retry(ask)
        return found
    except BackendError as error:
        if errors.code_of(error) in errors.CHANGED:
            raise ValueError(
                "it has changed in S3 since it was imported; import that place again"
            ) from error
        if errors.is_missing(error):
            raise ValueError("it is not in S3 any more") from error
        raise


def environment() -> dict[str, str]:
    """What a process needs in its environment to read from S3 as this one does."""
    found: dict[str, str] = _connection().environment()
    return found


def _connection() -> Any:
    from core.aws import connection

    return connection
