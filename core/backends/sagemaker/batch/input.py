"""The input of a transform job on SageMaker: its photos in the bucket, and their manifest.

Photos of a dataset, a folder or an archive are named by their content, as for training, so none is
uploaded twice. Photos that cannot be uploaded become rows with an error, as on this workstation.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from core.aws import connection, storage
from core.aws.storage import Store
from core.backends.sagemaker import upload
from core.backends.sagemaker.batch import place as transform_s3
from core.backends.sagemaker.batch import shrunk as transform_large
from core.batch import items, results, sources
from core.batch.items import Item
from core.errors import UserError
from core.io import files
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec

# Why rows are not uploaded; why objects could not be, by their key.
REFUSED, UNSENT = "refused.json", "unsent.json"
# Files that are shrunk.
LARGE = "large.json"
# Marks: every file has its image_id; photos in S3 are copied to our bucket.
HASHED, COPIED = "hashed", "copied"
BATCH = 500

Problems = dict[str, str]


@dataclass(frozen=True)
class Names:
    """The keys of a job's photos in the bucket, below `prefix`."""

    spec: TransformSpec
    folder: RunFolder
    store: Store

    @cached_property
    def source(self) -> str:
        """The location of photos in a user's bucket, as an address."""
        return transform_s3.place(self.spec)

    @cached_property
    def large(self) -> frozenset[str]:
        """The files that are shrunk."""
        return frozenset(_noted(self.folder, LARGE, []))

    @cached_property
    def are_ours(self) -> bool:
        return self.spec.source != "s3" or (self.folder.input / COPIED).exists()

    @property
    def prefix(self) -> str:
        if not self.are_ours:
            return self.source
        return f"{self.store.uri(self.place)}/"

    @property
    def place(self) -> str:
        """The folder of the job's photos in our bucket."""
        if self.spec.source == "s3":
            return storage.transform_key(self.spec.id, "input")
        return storage.IMAGES

    def key(self, item: Item) -> str:
        suffix = transform_large.SUFFIX if item.file in self.large else ""
        if self.spec.source == "s3":
            address = self.source + item.file
            return transform_s3.own_name(address, suffix) if self.are_ours else item.file
        if suffix:
            return storage.image_key(transform_large.shrunk_id(item.image_id), suffix)
        return storage.image_key(item.image_id, item.path)

    def name(self, item: Item) -> str:
        """Return the last part of a photo's address, which is unique in the job."""
        return f"{self.prefix}{self.key(item)}".rpartition("/")[2]


def refused(folder: RunFolder) -> dict[int, str]:
    """Return why rows are not uploaded, by row."""
    return {int(row): str(reason) for row, reason in _noted(folder, REFUSED, {}).items()}


def unsent(folder: RunFolder) -> dict[str, str]:
    """Return why objects could not be uploaded, by key."""
    return {key: str(reason) for key, reason in _noted(folder, UNSENT, {}).items()}


def list_s3(
    spec: TransformSpec,
    folder: RunFolder,
    classes: Collection[str],
    check_stop: Callable[[], None],
) -> int:
    """List the photos in S3 and store the unusable ones; return their number."""
    found = transform_s3.listed(spec, folder, classes, check_stop)
    files.write_json(folder.input / REFUSED, found.problems)
    files.write_json(folder.input / LARGE, found.large)
    return found.total


def identify(
    spec: TransformSpec,
    folder: RunFolder,
    say: Callable[[int], None],
    check_stop: Callable[[], None],
) -> None:
    """Give every listed file its image_id, and store those that can't be uploaded; once per job."""
    mark = folder.input / HASHED
    if spec.source == "s3" or mark.exists():
        return
    root, problems, large = sources.root_of(spec, folder), {}, []
    rewritten = folder.input / "identified.parquet"

    def identified() -> Iterator[Item]:
        row = 0
        for batch in items.batches(sources.list_of(folder), BATCH):
            check_stop()
            for item in batch:
                image_id, size, problem = _looked_at(Path(root, item.file))
                if problem:
                    problems[row] = problem
                elif transform_large.is_large(size):
                    large.append(item.file)
                row += 1
                yield item._replace(image_id=image_id)
            say(row)

    items.write(identified(), rewritten)
    files.write_json(folder.input / REFUSED, problems)
    files.write_json(folder.input / LARGE, large)
    rewritten.replace(sources.list_of(folder))
    mark.touch()


def send(
    spec: TransformSpec,
    folder: RunFolder,
    store: Store,
    report: upload.Report,
    check_stop: Callable[[], None],
) -> str:
    """Upload the photos without an answer and their manifest; return the manifest's URI.

    Raises UserError if none of them can be uploaded.
    """
    left_out = refused(folder)
    wanted = [item for row, item in unanswered(folder) if row not in left_out]
    if not wanted:
        raise UserError(
            "None of these photos can be used. First error: "
            + next(iter(left_out.values()), "none")
        )
    sending = _copied if spec.source == "s3" else _sent
    names, problems = sending(wanted, Names(spec, folder, store), report, check_stop)
    files.write_json(folder.input / UNSENT, problems)
    keys = sorted({names.key(item) for item in wanted} - problems.keys())
    target = storage.transform_key(spec.id, "input.manifest")
    connection.retry(lambda: store.put(target, manifest(names.prefix, keys)), check_stop)
    return store.uri(target)


def unanswered(folder: RunFolder) -> Iterator[tuple[int, Item]]:
    """Yield the rows without an answer: those after the end of the table, and its gaps."""
    open_rows, end = set(results.open_rows(folder)), results.done(folder)
    row = min([*open_rows, end])
    for batch in items.batches(sources.list_of(folder), BATCH, row):
        for item in batch:
            if row >= end or row in open_rows:
                yield row, item
            row += 1


def manifest(prefix: str, keys: Collection[str]) -> bytes:
    """Return a job's objects in the format of SageMaker's ManifestFile."""
    return json.dumps([{"prefix": prefix}, *keys]).encode()


def take_over(previous: RunFolder, folder: RunFolder) -> None:
    """Copy the previous job's knowledge of its files."""
    for name in (REFUSED, LARGE, HASHED):
        if (previous.input / name).exists():
            shutil.copyfile(previous.input / name, folder.input / name)


def _sent(
    wanted: list[Item],
    names: Names,
    report: upload.Report,
    check_stop: Callable[[], None],
) -> tuple[Names, Problems]:
    """Upload files of this machine; return the problems by key."""
    root = sources.root_of(names.spec, names.folder)
    large, others = _apart(wanted, names)
    reading = {names.key(item): Path(root, item.file).read_bytes for item in large}
    problems = _shrunk(names, reading, report, check_stop)
    chosen = {names.key(item): (Path(root, item.file), item.image_id) for item in others}
    sending = upload.Sending(names.store, chosen, report, check_stop)
    if sending.photos:
        sending.run()
    return names, {**problems, **sending.unreadable}


def _copied(
    wanted: list[Item],
    names: Names,
    report: upload.Report,
    check_stop: Callable[[], None],
) -> tuple[Names, Problems]:
    """Use photos in S3 in place if their names are unique, else copy them inside S3; return the
    problems by key."""
    addresses = {names.source + item.file for item in wanted}
    if transform_s3.are_plain(addresses) and not _apart(wanted, names)[0]:
        return names, {}
    (names.folder.input / COPIED).touch()
    names = Names(names.spec, names.folder, names.store)
    large, others = _apart(wanted, names)
    reading = {
        names.key(item): partial(transform_s3.read, names.source + item.file) for item in large
    }
    problems = _shrunk(names, reading, report, check_stop)
    chosen = {f"{names.place}/{names.key(item)}": names.source + item.file for item in others}

    def say(done: int) -> None:
        report(upload.Progress(done, len(chosen), 0, 0, 0.0))

    gone = transform_s3.copy(names.store, chosen, say, check_stop)
    return names, {**problems, **_by_key(gone, names)}


def _apart(wanted: list[Item], names: Names) -> tuple[list[Item], list[Item]]:
    """Return the photos to shrink, and the others."""
    large = [item for item in wanted if item.file in names.large]
    return large, [item for item in wanted if item.file not in names.large]


def _shrunk(
    names: Names,
    large: Mapping[str, Callable[[], bytes]],
    report: upload.Report,
    check_stop: Callable[[], None],
) -> Problems:
    """Shrink and upload these photos; return the problems by key."""
    targets = {f"{names.place}/{key}": read for key, read in large.items()}

    def say(done: int) -> None:
        report(upload.Progress(done, len(large), 0, 0, 0.0))

    return _by_key(transform_large.send(names.store, targets, say, check_stop), names)


def _by_key(problems: Problems, names: Names) -> Problems:
    return {target.removeprefix(f"{names.place}/"): reason for target, reason in problems.items()}


def _noted(folder: RunFolder, name: str, nothing: Any) -> Any:
    try:
        return files.read_json(folder.input / name)
    except FileNotFoundError:
        return nothing


def _looked_at(path: Path) -> tuple[str, int, str]:
    """Return image_id, size, and why the file can't be uploaded ('' if it can)."""
    try:
        size = path.stat().st_size
        if problem := transform_large.too_large(size):
            return "", size, problem
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), size, ""
    except OSError as error:
        return "", 0, f"the file can't be read ({error.strerror or error})"
