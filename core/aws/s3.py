"""Reading from Amazon S3: the objects below a location, and one object's bytes. Never writes.

Uses the same connection as jobs; it is imported on first use, because most people never need it.
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
    """A bucket and a prefix of keys: '', or ending with a slash."""

    bucket: str
    prefix: str = ""

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def below(self, path: str) -> Place:
        """Return the location `path` below this one."""
        if not path.strip("/."):
            return self
        return Place(self.bucket, f"{self.prefix}{path.strip('/')}/")


@dataclass(frozen=True)
class Object:
    """One object below a location: `path` is its key without the prefix, `etag` identifies its
    content."""

    path: str
    size: int
    etag: str


def split(address: str) -> tuple[str, str]:
    """`s3://bucket/a/b` -> (bucket, a/b).

    This is not a URL: `#`, `?`, `%2F`, `+`, blanks and empty parts are ordinary characters of a
    key.
    """
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


def place_of(text: str) -> Place:
    """Return the location that a person typed. Raises UserError (field `path`) if it is invalid."""
    typed = text.strip()
    bucket, prefix = split(typed)
    prefix = prefix.removesuffix("/")
    known = typed.startswith("s3://") and _BUCKET.fullmatch(bucket)
    odd = any(part in ("", ".", "..") for part in prefix.split("/"))
    if not known or (prefix and odd):
        message = f"{printable(typed)!r} is not an S3 location. Example: {EXAMPLE}"
        raise UserError(message, field="path")
    return Place(bucket, prefix and f"{prefix}/")


def require(place: Place) -> None:
    """Raise UserError (field `path`) if the location can't be listed or is empty; one request."""
    connection = _connection()
    try:
        with connection.translate_errors(f"listing {place.uri}"):
            found = connection.client("s3").list_objects_v2(
                Bucket=place.bucket, Prefix=place.prefix, MaxKeys=1
            )
    except BackendError as error:
        raise UserError(str(error), field="path") from error
    if not found.get("KeyCount"):
        raise UserError(f"{place.uri} is empty. Check the bucket and the folder.", field="path")


def listed(place: Place) -> Iterator[Object]:
    """Yield every object below a location, by key. Raises BackendError."""
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
    """Return whether a key is a valid file name on this machine.

    A key may be anything: `a//b`, `../x`, or longer than a file system allows.
    """
    parts = path.split("/")
    names = all(
        part not in ("", ".", "..") and len(part.encode()) <= _MAX_PART_BYTES for part in parts
    )
    return names and "\0" not in path and "\\" not in path


def read(place: Place, path: str, etag: str = "", limit: int = settings.MAX_IMAGE_BYTES) -> bytes:
    """Return one object's bytes, with retries.

    Raises ValueError, with the reason, if the object is too large, deleted or no longer has this
    `etag`; BackendError if S3 rejects the request.
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
                    f"the file has {files.human_bytes(size)}; the limit is "
                    f"{files.human_bytes(limit)}"
                )
            data: bytes = answer["Body"].read()
            return data

    try:
        found: bytes = connection.retry(ask)
        return found
    except BackendError as error:
        if errors.code_of(error) in errors.CHANGED:
            raise ValueError(
                "it changed in S3 after the import; import this location again"
            ) from error
        if errors.is_missing(error):
            raise ValueError("it is no longer in S3") from error
        raise


def environment() -> dict[str, str]:
    """Return the environment variables that a process needs to read from S3."""
    found: dict[str, str] = _connection().environment()
    return found


def _connection() -> Any:
    from core.aws import connection

    return connection
