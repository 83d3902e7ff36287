"""Models: the artifact of a finished training job, how it is packed, checked, unpacked, read and
listed."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import BadArchive, NotFound
from core.evaluation.predictions import Predictions, load
from core.io import files
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.store import Job, State

DESCRIPTION = "model.json"
WEIGHTS = "model.safetensors"
ENTRY = "code/inference.py"
FORMAT = 1
MAX_MEMBERS = 5_000
MAX_BYTES = 8 * 2**30
FORBIDDEN_SUFFIXES = (".pt", ".pth", ".pt2", ".pkl", ".pickle", ".bin", ".joblib")


@dataclass(frozen=True)
class Model:
    """The model of a completed training job: `description` is model.json, `job` the training
    job."""

    id: str
    name: str
    description: dict[str, Any]
    job: Job

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.description["classes"])

    @property
    def folder(self) -> RunFolder:
        return self.job.folder

    @property
    def dataset_id(self) -> str:
        return str(self.job.spec.get("dataset_id", ""))

    @property
    def version_id(self) -> str:
        return str(self.job.spec.get("version_id", ""))

    @property
    def is_cropped(self) -> bool:
        """Whether it was trained and scored on photos cropped to their boxes."""
        return (
            str(self.description.get("hyperparameters", {}).get("crop_to_box", "")).lower()
            == "true"
        )

    def metrics(self, split: str) -> dict[str, Any]:
        """Return the metrics of one split that the training script recorded; empty if the split has
        no photos."""
        found = self.description.get("metrics", {}).get(split)
        return dict(found) if found else {}

    def predictions(self) -> Predictions:
        """Return the predictions that the training job stored for each photo.

        Raises NotFound if the file is missing or damaged.
        """
        return load(self.folder.predictions, self.classes)


def listing(including: str = "") -> list[Model]:
    """Return every model, newest first.

    A training job without a readable artifact has no model; the list of jobs shows it.

    Of a tuning job's trials only those with a tag are listed (the best one gets a tag), and the one
    with the id `including`.
    """
    found = []
    for job in jobs.readable("training"):
        if job.state is State.COMPLETED and (not job.tuning_id or job.tags or job.id == including):
            try:
                found.append(of_job(job))
            except NotFound:
                continue
    return found


def read(model_id: str) -> Model:
    """Return the model of that training job. Raises NotFound if it has none."""
    return of_job(jobs.read(model_id))


def of_job(job: Job) -> Model:
    try:
        description = check_description(files.read_json(job.folder.model / DESCRIPTION))
    except (OSError, ValueError) as error:
        raise NotFound(f"Job {job.name} has no readable model: {error}") from error
    return Model(job.id, job.name, description, job)


def check_description(value: Any) -> dict[str, Any]:
    """Return model.json's content. Raises ValueError if this version cannot read it."""
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ValueError(f"{DESCRIPTION} is not of format {FORMAT}")
    classes = value.get("classes")
    if (
        not isinstance(classes, list)
        or len(classes) < 2
        or not all(isinstance(name, str) for name in classes)
    ):
        raise ValueError(f"{DESCRIPTION} has no list of classes")
    return value


def archive(model: Model) -> Path:
    """Return the path of the model's `model.tar.gz`. That of a trial is packed on first use.

    Raises NotFound if it is missing.
    """
    target = model.folder.artifact
    if not target.exists() and model.job.tuning_id and (model.folder.model / WEIGHTS).exists():
        pack(model.folder.model, target)
    if not target.exists():
        raise NotFound(
            "This model's model.tar.gz is missing, so it can't be served. Train it again."
        )
    return target


def pack(folder: Path, archive: Path) -> None:
    """Write the `model.tar.gz` of a model folder: the same bytes for the same content.

    It is not compressed: weights shrink by only 8 %, and compressing takes a third as long as a
    training on cached features.
    """
    with (
        files.atomic(archive) as file,
        gzip.GzipFile("", "wb", compresslevel=0, fileobj=file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                _add(tar, path, path.relative_to(folder).as_posix())


def unpack(archive: Path, into: Path) -> dict[str, Any]:
    """Unpack a model archive into an empty folder and return its description.

    Raises BadArchive, with nothing written outside `into`, for a member outside the folder, a
    link, a pickle, a missing or unreadable description, a wrong checksum, or an archive beyond the
    limits.
    """
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream) as tar:
            _check_members(list(_bounded(tar)))
            tar.extractall(into, filter="data")
            # The checksum is at the end, after the part that tarfile reads.
            while stream.read(2**20):
                pass
        return check_description(files.read_json(into / DESCRIPTION))
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise BadArchive(f"{archive.name} is not a model archive: {error}") from error


def _bounded(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the archive's members, and refuse them as soon as they are too many or too large:
    even listing an archive bomb takes hours."""
    total = 0
    for number, member in enumerate(tar, start=1):
        total += member.size
        if number > MAX_MEMBERS or total > MAX_BYTES:
            raise BadArchive(
                f"The archive is larger than a model may be ({MAX_MEMBERS} files, "
                f"{files.human_bytes(MAX_BYTES)})."
            )
        yield member


def _check_members(members: list[tarfile.TarInfo]) -> None:
    names = {str(PurePosixPath(member.name)) for member in members}
    for needed in (DESCRIPTION, WEIGHTS, ENTRY):
        if needed not in names:
            raise BadArchive(f"The archive has no {needed}, so it is not a Fieldmark model.")
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise BadArchive(
                f"The archive member {member.name!r} points outside the archive. "
                "Nothing was unpacked."
            )
        if path.suffix.lower() in FORBIDDEN_SUFFIXES:
            raise BadArchive(
                f"The archive has {member.name!r}, a file type that can run code when loaded. "
                "Nothing was unpacked."
            )


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    status = os.stat(path)
    # A server that unpacks the archive runs as another user, who has to be able to read the
    # files.
    mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    member.size, member.mode, member.mtime = status.st_size, mode, 0
    with path.open("rb") as file:
        tar.addfile(member, file)
