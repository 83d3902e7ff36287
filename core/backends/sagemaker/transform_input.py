"""What a transform job on SageMaker goes through: its photos in the bucket, and the manifest that names them.

Photos of a dataset, a folder or an archive are sent under the name of their content, as for training, so that none is sent twice.
Those that cannot be sent are rows with an error, as they would be on this workstation.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePosixPath

from core import files, settings
from core.backends.sagemaker import connection, storage, upload
from core.backends.sagemaker.storage import Store
from core.datasets.names import shown
from core.errors import BackendError, UserError
from core.jobs import RunFolder
from core.specs import TransformSpec
from core.transform import items, sources
from core.transform.items import Item

REFUSED = "refused.json"
HASHED = "hashed"
BATCH = 500
# The list of the photos is held in memory when it is written.
MAX_LISTED = 5_000_000


def refused(folder: RunFolder) -> dict[int, str]:
    """Rows that are not sent, and why."""
    try:
        return {int(row): str(reason) for row, reason in files.read_json(folder.input / REFUSED).items()}
    except FileNotFoundError:
        return {}


def key_of(item: Item, spec: TransformSpec) -> str:
    """The object of an item, relative to its manifest's prefix."""
    return item.file if spec.source == "s3" else storage.image_key(item.image_id, item.path)


def prefix_of(spec: TransformSpec, store: Store) -> str:
    """What all keys of a job are relative to."""
    return _place(spec)[0] if spec.source == "s3" else f"{store.uri(storage.IMAGES)}/"


def list_s3(spec: TransformSpec, folder: RunFolder, classes: Collection[str], check_stop: Callable[[], None]) -> int:
    """Lists the photos below an S3 prefix, or those that a manifest there names; how many. UserError where there are none."""
    found = sources.labelled((Item(key, key) for key in _keys(spec, folder, check_stop)), classes)
    total = items.write(found, sources.list_of(folder))
    if not total:
        endings = ", ".join(settings.IMAGE_SUFFIXES)
        raise UserError(f"There are no photos at {shown(spec.path)}. Objects that end in {endings} are looked for.", field="path")
    return total


def identify(spec: TransformSpec, folder: RunFolder, say: Callable[[int], None], check_stop: Callable[[], None]) -> None:
    """Gives every listed file its image_id, and notes those that can't be sent. Done once per job."""
    mark = folder.input / HASHED
    if spec.source == "s3" or mark.exists():
        return
    root, problems = sources.root_of(spec, folder), {}
    rewritten = folder.input / "identified.parquet"

    def identified() -> Iterator[Item]:
        row = 0
        for batch in items.batches(sources.list_of(folder), BATCH):
            check_stop()
            for item in batch:
                image_id, problem = _looked_at(Path(root, item.file))
                if problem:
                    problems[row] = problem
                row += 1
                yield item._replace(image_id=image_id)
            say(row)

    items.write(identified(), rewritten)
    files.write_json(folder.input / REFUSED, problems)
    rewritten.replace(sources.list_of(folder))
    mark.touch()


def send(spec: TransformSpec, folder: RunFolder, store: Store, start: int, report: upload.Report, check_stop: Callable[[], None]) -> str:
    """Sends what is missing of the rows from `start` on, and the manifest that names them; where that lies.

    UserError where none of them can be sent.
    """
    left_out = refused(folder)
    chosen: dict[str, tuple[Path, str]] = {}
    root = sources.root_of(spec, folder)
    row = start
    for batch in items.batches(sources.list_of(folder), BATCH, start):
        for item in batch:
            if row not in left_out:
                chosen[key_of(item, spec)] = (Path(root, item.file), item.image_id)
            row += 1
    if not chosen:
        raise UserError(
            "None of these photos can be used, so there is nothing to send. The first: " + next(iter(left_out.values()), "none")
        )
    if spec.source != "s3":
        sending = upload.Sending(store, chosen, report, check_stop)
        sending.run()
        for key in sending.unreadable:
            del chosen[key]
    target = storage.transform_key(spec.id, "input.manifest")
    connection.patiently(lambda: store.put(target, manifest(prefix_of(spec, store), sorted(chosen))), check_stop)
    return store.uri(target)


def manifest(prefix: str, keys: Collection[str]) -> bytes:
    """The objects of a job, as SageMaker reads a ManifestFile."""
    return json.dumps([{"prefix": prefix}, *keys]).encode()


def take_over(previous: RunFolder, folder: RunFolder) -> None:
    """What the job that this one goes on from knew of its files."""
    for name in (REFUSED, HASHED):
        if (previous.input / name).exists():
            shutil.copyfile(previous.input / name, folder.input / name)


def _looked_at(path: Path) -> tuple[str, str]:
    """image_id, and why the file can't be sent ('' where it can)."""
    try:
        if (size := path.stat().st_size) > settings.MAX_INVOCATION_BYTES:
            limit = files.human_bytes(settings.MAX_INVOCATION_BYTES)
            return "", f"the file has {files.human_bytes(size)}; at most {limit} can be used"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), ""
    except OSError as error:
        return "", f"the file can't be read ({error.strerror or error})"


def _place(spec: TransformSpec) -> tuple[str, str]:
    """The prefix that keys are relative to, and the manifest's uri where `path` names one."""
    if PurePosixPath(spec.path).suffix.lower() in (".manifest", ".json"):
        return _named(spec)[0], spec.path
    return (spec.path if spec.path.endswith("/") else f"{spec.path}/"), ""


def _named(spec: TransformSpec) -> tuple[str, list[str]]:
    """The prefix and the keys of somebody's manifest. UserError where it is none."""
    bucket, key = storage.split(spec.path)
    with connection.asking(f"reading {spec.path}"):
        body = connection.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        found = json.loads(body)
        if not isinstance(found, list) or not isinstance(found[0]["prefix"], str):
            raise TypeError("its first entry has no prefix")
        return found[0]["prefix"], [str(key) for key in found[1:]]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"{shown(spec.path)} is no manifest of SageMaker's ({error}).", field="path") from error


def _keys(spec: TransformSpec, folder: RunFolder, check_stop: Callable[[], None]) -> Iterator[str]:
    prefix, named = _place(spec)
    if named:
        yield from filter(_is_photo, _named(spec)[1])
        return
    bucket, start = storage.split(prefix)
    count = 0
    with connection.asking(f"listing {prefix}"):
        for page in connection.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start):
            check_stop()
            for found in page.get("Contents", []):
                if _is_photo(found["Key"]):
                    count += 1
                    if count > MAX_LISTED:
                        raise BackendError(f"There are more than {MAX_LISTED:,} photos at {spec.path}. Take them in parts.")
                    yield found["Key"][len(start) :]


def _is_photo(key: str) -> bool:
    return PurePosixPath(key).suffix.lower() in settings.IMAGE_SUFFIXES
