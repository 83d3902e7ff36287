"""Photos in a user's bucket for a transform job: their list and their names.

An answer is matched by the name of its photo's object only: AWS does not document more of the path.
So a job's names must be unique and plain; otherwise the job uses copies under generated names.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import PurePosixPath
from typing import NamedTuple

from core import settings
from core.aws import connection, s3
from core.aws import errors as aws_errors
from core.aws.storage import Store
from core.backends.sagemaker.batch import shrunk as transform_large
from core.batch import items, sources
from core.batch.items import Item
from core.errors import BackendError, UserError
from core.io.names import printable
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec
from sm_scripts.fieldmark_ml.photos import suffixes
from sm_scripts.fieldmark_ml.photos.system_files import is_junk

THREADS = 16
AT_A_TIME = 512
# The list of photos is in memory when it is written.
MAX_LISTED = 5_000_000
# Characters that S3's documentation calls safe. An answer's key is longer than its photo's.
_PLAIN = re.compile(r"[A-Za-z0-9!_.*'()/-]{1,600}")
_ODD_PART = re.compile(r"(^|/)\.{0,2}(/|$)")


class Found(NamedTuple):
    """An object below a job's location: its size (0: unknown), and why it can't be used."""

    key: str
    size: int
    problem: str = ""


class Listed(NamedTuple):
    """The number of photos; why some can't be used, by row; which have to be shrunk."""

    total: int
    problems: dict[int, str]
    large: list[str]


def place(spec: TransformSpec) -> str:
    """Return the address that all keys of a job's list are relative to."""
    if _is_manifest(spec.path):
        return _named(spec)[0]
    return spec.path if spec.path.endswith("/") else f"{spec.path}/"


def listed(
    spec: TransformSpec,
    folder: RunFolder,
    classes: Collection[str],
    check_stop: Callable[[], None],
) -> Listed:
    """List the photos below an S3 prefix, or those of a manifest.

    Raises UserError if there are none.
    """
    problems: dict[int, str] = {}
    large: list[str] = []

    def named() -> Iterator[Item]:
        for row, found in enumerate(_found(spec, check_stop)):
            if problem := found.problem or transform_large.too_large(found.size):
                problems[row] = problem
            elif transform_large.is_large(found.size):
                large.append(found.key)
            yield Item(found.key, found.key)

    total = items.write(sources.labelled(named(), classes), sources.list_of(folder))
    if not total:
        endings = ", ".join(settings.IMAGE_SUFFIXES)
        message = f"There are no photos at {printable(spec.path)}. Supported: {endings}."
        raise UserError(message, field="path")
    return Listed(total, problems, large)


def are_plain(addresses: Collection[str]) -> bool:
    """Return whether the objects' names are unique and have safe characters only."""
    keys = [s3.split(address)[1] for address in addresses]
    names = {key.rpartition("/")[2].casefold() for key in keys}
    if len(names) < len(keys):
        return False
    return all(_PLAIN.fullmatch(key) and not _ODD_PART.search(key) for key in keys)


def own_name(address: str, suffix: str = "") -> str:
    """Return a generated name for the object at an address: plain and unique."""
    suffix = suffix or PurePosixPath(address).suffix.lower()
    return f"{hashlib.sha256(address.encode()).hexdigest()}{suffix}"


def read(address: str) -> bytes:
    """Return the bytes of an object."""
    bucket, key = s3.split(address)
    with connection.translate_errors(f"reading {printable(address)}"):
        found = connection.client("s3").get_object(Bucket=bucket, Key=key)
        return bytes(found["Body"].read())


def copy(
    store: Store,
    wanted: dict[str, str],
    report: Callable[[int], None],
    check_stop: Callable[[], None],
) -> dict[str, str]:
    """Copy objects inside S3: target key -> address. Return the problems by target."""
    problems: dict[str, str] = {}

    def one(target: str) -> None:
        bucket, key = s3.split(wanted[target])
        try:
            connection.retry(lambda: store.take(bucket, key, "", target), check_stop)
        except BackendError as error:
            if not aws_errors.is_missing(error):
                raise
            problems[target] = "it is no longer in S3"

    with ThreadPoolExecutor(THREADS) as pool:
        done = 0
        for some in _some(wanted):
            check_stop()
            done += len(list(pool.map(one, some)))
            report(done)
    return problems


def _found(spec: TransformSpec, check_stop: Callable[[], None]) -> Iterator[Found]:
    if _is_manifest(spec.path):
        yield from _of_manifest(spec, check_stop)
        return
    address = place(spec)
    bucket, start = s3.split(address)
    client, count = connection.client("s3"), 0
    with connection.translate_errors(f"listing {address}"):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start)
        for page in pages:
            check_stop()
            for entry in page.get("Contents", []):
                if not _is_photo(entry["Key"][len(start) :]):
                    continue
                count += 1
                if count > MAX_LISTED:
                    message = (
                        f"There are more than {MAX_LISTED:,} photos at {printable(spec.path)}."
                    )
                    raise BackendError(f"{message} Split them into several batches.")
                yield Found(entry["Key"][len(start) :], int(entry["Size"]))


def _of_manifest(spec: TransformSpec, check_stop: Callable[[], None]) -> Iterator[Found]:
    """Yield the objects of a user's manifest. A missing one would fail the whole job."""
    prefix, keys = _named(spec)
    with ThreadPoolExecutor(THREADS) as pool:
        for some in _some(key for key in keys if _is_photo(key)):
            check_stop()
            yield from pool.map(lambda key: _seen(prefix, key), some)


def _seen(prefix: str, name: str) -> Found:
    """Return an object, as far as these credentials can describe it."""
    address = f"{prefix}{name}"
    bucket, key = s3.split(address)
    try:
        with connection.translate_errors(f"describing {printable(address)}"):
            found = connection.client("s3").head_object(Bucket=bucket, Key=key)
    except BackendError as error:
        if aws_errors.is_missing(error):
            return Found(name, 0, "it is not in S3")
        if aws_errors.is_denied(error):
            return Found(name, 0)  # The role may have more permissions.
        raise
    return Found(name, int(found["ContentLength"]))


def _named(spec: TransformSpec) -> tuple[str, list[str]]:
    """Return prefix and keys of a user's manifest. Raises UserError if it is invalid."""
    bucket, key = s3.split(spec.path)
    with connection.translate_errors(f"reading {spec.path}"):
        body = connection.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        found = json.loads(body)
        if not isinstance(found, list) or not isinstance(found[0]["prefix"], str):
            raise TypeError("its first entry has no prefix")
        return found[0]["prefix"], [str(key) for key in found[1:]]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        message = f"{printable(spec.path)} is not a SageMaker manifest ({error})."
        raise UserError(message, field="path") from error


def _is_manifest(address: str) -> bool:
    return address.lower().endswith((".manifest", ".json"))


def _is_photo(key: str) -> bool:
    # In S3 a dot is an ordinary name.
    parts = [part for part in key.split("/") if part not in (".", "..")]
    return suffixes.is_photo(key) and not any(map(is_junk, parts))


def _some(keys: Iterable[str]) -> Iterator[list[str]]:
    waiting = iter(keys)
    while some := list(islice(waiting, AT_A_TIME)):
        yield some
