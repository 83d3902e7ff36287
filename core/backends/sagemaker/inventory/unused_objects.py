"""Unused shared objects in the bucket: scripts, weights, serving archives, dataset versions and
photos.

A later job uploads what it misses again, but that takes time, and a colleague's Fieldmark may use
the same bucket: so these objects are never selected by default. Before the deletion it is checked
again what is in use.
"""

from __future__ import annotations

import re
import time
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.aws import account as accounts
from core.aws import connection
from core.aws import errors as aws_errors
from core.aws.storage import Store, Stored
from core.backends.sagemaker.inventory.kept import Running
from core.datasets import store as datasets
from core.errors import BackendError, NotFound
from core.io import files
from core.jobs import store as jobs
from core.jobs.run_folder import ID_PATTERN

DAY = 86_400.0
# Objects of a job that is being prepared are new, but not in use yet.
YOUNG_SECONDS = DAY
# Each version of the scripts and each set of backbones leaves one; recent ones are likely to be
# needed again.
OLD_SECONDS = 30 * DAY
MOST_MODELS = 500
AT_ONCE = 8
PREPARED = ("training", "tuning", "transform", "endpoint")
_VERSION = re.compile(
    r"(?:datasets|features)/(?P<dataset>[a-z0-9][a-z0-9-]{0,60})/(?P<version>v[1-9][0-9]{0,8})/.+"
)
_PHOTO = re.compile(r"images/[0-9a-f]{2}/([0-9a-f]{64})(\.[a-z0-9]+)?")
_NAMED = re.compile(rb"[0-9a-f]{64}")
_MANIFEST = re.compile(r"datasets/.+/images\.manifest|transform/[^/]+/input\.manifest")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class UnusedObjects:
    """Unused objects of one kind; `Look.keys` finds them again by `name`."""

    name: str
    why: str
    size_bytes: int


@dataclass(frozen=True)
class Part:
    """A part of the bucket: its objects match `pattern`, and may be deleted `age` seconds after
    they were written."""

    pattern: re.Pattern[str]
    age: float
    why: str


PARTS: Mapping[str, Part] = {
    "code": Part(
        re.compile(r"code/[0-9a-f]{64}\.tar\.gz"),
        OLD_SECONDS,
        "scripts older than a month, not used by a running job",
    ),
    "weights": Part(
        re.compile(r"weights/[0-9a-f]{16}/[^/]+"),
        OLD_SECONDS,
        "weights older than a month, not used by a running job",
    ),
    "models": Part(
        re.compile(r"models/[0-9a-f]{64}\.tar\.gz"),
        YOUNG_SECONDS,
        "serving archives, not used by an endpoint or batch",
    ),
    "images": Part(
        _PHOTO, YOUNG_SECONDS, "photos, not in any dataset version or batch in the bucket"
    ),
}


@dataclass
class Look:
    """One search of the shared objects.

    `used`: keys, and prefixes that end with a slash, that jobs and endpoints use.
    """

    store: Store
    used: set[str]
    _named: npt.NDArray[np.uint64] | None = field(default=None, repr=False)

    def find(self) -> Iterator[UnusedObjects]:
        """Yield the unused objects. Raises BackendError if AWS does not respond."""
        yield from self._versions()
        for name, part in PARTS.items():
            count = size = 0
            for found in self.unused(name):
                count, size = count + 1, size + found.size_bytes
            if count:
                yield UnusedObjects(name, f"{part.why}: {count:,}", size)

    def keys(self, name: str) -> Iterator[str]:
        """Yield the unused objects for a name from `find`; none if the name is unknown or all are
        in use."""
        if name in PARTS:
            return (found.key for found in self.unused(name))
        dataset, _, version = name.partition("/")
        if (
            not _VERSION.fullmatch(f"datasets/{dataset}/{version}/x")
            or _is_here(dataset, version)
            or self._is_used(dataset, version)
        ):
            return iter(())
        return (
            key
            for part in ("datasets", "features")
            for key in self.store.keys(f"{part}/{dataset}/{version}/")
        )

    def unused(self, name: str) -> Iterator[Stored]:
        """Yield the objects of one of PARTS that are old enough and unused."""
        part = PARTS[name]
        folders = tuple(key for key in self.used if key.endswith("/"))
        for found in self.store.objects(f"{name}/"):
            match = part.pattern.fullmatch(found.key)
            if (
                not match
                or time.time() - found.written < part.age
                or found.key in self.used
                or found.key.startswith(folders)
            ):
                continue
            if name != "images" or not self._is_named(match[1]):
                yield found

    def _versions(self) -> Iterator[UnusedObjects]:
        """Yield dataset versions, with their features, that are no longer on this machine."""
        sizes: Counter[tuple[str, str]] = Counter()
        newest: dict[tuple[str, str], float] = {}
        for found in (
            found for part in ("datasets/", "features/") for found in self.store.objects(part)
        ):
            if match := _VERSION.fullmatch(found.key):
                version = match["dataset"], match["version"]
                sizes[version] += found.size_bytes
                newest[version] = max(newest.get(version, 0.0), found.written)
        for version, size in sorted(sizes.items()):
            if (
                time.time() - newest[version] >= YOUNG_SECONDS
                and not _is_here(*version)
                and not self._is_used(*version)
            ):
                yield UnusedObjects(
                    "/".join(version),
                    "list and features of a dataset version that is no longer on this machine",
                    size,
                )

    def _is_used(self, dataset: str, version: str) -> bool:
        return any(
            key.startswith((f"datasets/{dataset}/{version}/", f"features/{dataset}/{version}/"))
            for key in self.used
        )

    def _is_named(self, image_id: str) -> bool:
        if self._named is None:
            self._named = _named(self.store)
        beginning = np.uint64(int(image_id[:16], 16))
        place = int(np.searchsorted(self._named, beginning))
        return place < len(self._named) and bool(self._named[place] == beginning)


def look(store: Store, client: Any, found: Running) -> Look:
    """Read what is in use now.

    Raises BackendError if AWS does not respond, or if the answer would be uncertain.
    """
    if found.problems:
        raise BackendError(
            "Shared objects are not listed, because it is unknown what is running. "
            f"{found.problems[0]}"
        )
    if name := next(_preparing(store, {resource.name for resource in found.resources}), ""):
        raise BackendError(
            f"Shared objects are not listed while {name} is being prepared. Search again in a "
            "minute."
        )
    asked = [
        (resource.kind, resource.name) for resource in found.resources if resource.kind in _DESCRIBE
    ]
    asked += [("model", name) for name in _models(client)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda one: _described(client, *one), asked))
    return Look(
        store,
        {store.key_of(text) for text in _texts(answers) if text.startswith(store.uri("x")[:-1])},
    )


def _preparing(store: Store, there: Collection[str]) -> Iterator[str]:
    """Yield the names of jobs on this machine that rely on objects in the bucket, but are not on
    SageMaker yet."""
    for job in jobs.readable():
        begun = (
            job.backend == "sagemaker"
            and job.kind in PREPARED
            and not job.state.is_finished
            and not job.tuning_id
        )
        if (
            begun
            and (job.spec.get("attached") or job.id) not in there
            and accounts.of_job(job.spec).bucket == store.account.bucket
        ):
            yield job.name


def _models(client: Any) -> list[str]:
    """Return the names of our models on SageMaker.

    Raises BackendError if there are too many to check.
    """
    with connection.translate_errors("listing each model"):
        pages = client.get_paginator("list_models").paginate(
            NameContains="fm-", PaginationConfig={"MaxItems": MOST_MODELS, "PageSize": 100}
        )
        found = [str(entry["ModelName"]) for page in pages for entry in page["Models"]]
    if len(found) == MOST_MODELS:
        raise BackendError(
            f"Shared objects are not listed, because {MOST_MODELS} models or more are too many to "
            "check. Delete unused models first."
        )
    return [name for name in found if ID_PATTERN.fullmatch(name)]


_DESCRIBE: Mapping[str, Callable[[Any, str], Any]] = {
    "training": lambda client, name: client.describe_training_job(TrainingJobName=name),
    "tuning": lambda client, name: client.describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name
    ),
    "transform": lambda client, name: client.describe_transform_job(TransformJobName=name),
    "model": lambda client, name: client.describe_model(ModelName=name),
}


def _described(client: Any, kind: str, name: str) -> Any:
    """Return its description; '' if it was deleted meanwhile and so uses nothing."""
    try:
        with connection.translate_errors(f"describing the {kind} {name}"):
            return _DESCRIBE[kind](client, name)
    except BackendError as error:
        if aws_errors.is_missing(error):
            return ""
        raise


def _texts(answer: Any) -> Iterator[str]:
    """Yield every text in AWS's answer."""
    if isinstance(answer, str):
        yield answer
    elif isinstance(answer, Mapping | list):
        for part in answer.values() if isinstance(answer, Mapping) else answer:
            yield from _texts(part)


def _is_here(dataset: str, version: str) -> bool:
    try:
        return version in {known.id for known in datasets.versions(dataset)}
    except NotFound:
        return False


def _named(store: Store) -> npt.NDArray[np.uint64]:
    """Return the first 64 bits of the photos' names in all manifests of the bucket, sorted: 8 MB
    for a million photos."""
    found = array("Q")
    with files.scratch("manifests") as folder:
        path = folder / "manifest"
        for key in (
            key
            for part in ("datasets/", "transform/")
            for key in store.keys(part)
            if _MANIFEST.fullmatch(key)
        ):
            if store.fetch(store.uri(key), path):
                found.extend(_beginnings(path))
    return np.unique(np.frombuffer(found, np.uint64)) if found else np.empty(0, np.uint64)


def _beginnings(path: Path) -> Iterator[int]:
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            data = rest + chunk
            end = 0
            for match in _NAMED.finditer(data):
                end = match.end()
                yield int(match[0][:16], 16)
            rest = data[max(end, len(data) - 63) :]
