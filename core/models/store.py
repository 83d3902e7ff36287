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
    """What a finished training job left: `description` is model.json, `job` the run it came
    from."""

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
        """Whether it learned from, and was scored on, photos cropped to their boxes."""
        return (
            str(self.description.get("hyperparameters", {}).get("crop_to_box", "")).lower()
            == "true"
        )

    def metrics(self, split: str) -> dict[str, Any]:
        """The figures of one split as the training script counted them; empty where that split had
        no images."""
        found = self.description.get("metrics", {}).get(split)
        return dict(found) if found else {}

    def predictions(self) -> Predictions:
        """What the model said about each image when it was made.

        Raises NotFound where that file is missing or broken.
        """
        return load(self.folder.predictions, self.classes)


def listing(including: str = "") -> list[Model]:
    """Every model, newest first.

    A training job without a readable artifact is not a model; the job list shows it.

    Of a tuning job's trials only those with a tag are listed, which the best one gets by itself,
    and the one called `including`.
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
    """The model of that training job. Raises NotFound where it has none."""
    return of_job(jobs.read(model_id))


def of_job(job: Job) -> Model:
    try:
        description = check_description(files.read_json(job.folder.model / DESCRIPTION))
    except (OSError, ValueError) as error:
        raise NotFound(f"Job {job.name} has no readable model: {error}") from error
    return Model(job.id, job.name, description, job)


def check_description(value: Any) -> dict[str, Any]:
    """model.json's content, where it is one this version reads. ValueError otherwise."""
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
    """The model's `model.tar.gz`; that of a trial is packed when it is first wanted.

    Raises NotFound where there is none.
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
    """`model.tar.gz` of a model folder, the same bytes for the same content.

    Stored, not compressed: weights shrink by 8 %, and that would cost a third of the seconds of a
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
    """Unpacks a model archive into an empty folder and returns its description.

    Raises BadArchive, with nothing written outside `into`, for a member that leads elsewhere, a
    link, a pickle, a missing or unreadable description, a wrong checksum, or an archive beyond the
    limits.
    """
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream) as tar:
            _check_members(list(_bounded(tar)))
            tar.extractall(into, filter="data")
            # The checksum stands at the very end, behind what tarfile reads.
            while stream.read(2**20):
                pass
        return check_description(files.read_json(into / DESCRIPTION))
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise BadArchive(f"{archive.name} is not a model archive: {error}") from error


def _bounded(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The archive's members, refused as soon as they are too many or too large, for even listing a
    bomb takes hours."""
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
            raise BadArchive(f"The archive holds no {needed}, so it is not a model of Fieldmark.")
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise BadArchive(
                f"The archive holds {member.name!r}, which leads out of it. Nothing was unpacked."
            )
        if path.suffix.lower() in FORBIDDEN_SUFFIXES:
            raise BadArchive(
                f"The archive holds {member.name!r}, a kind of file that can run code when it is "
                "read. Nothing was unpacked."
            )


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    status = os.stat(path)
    # Whoever unpacks it, a server with a user of its own among them, can read what only its owner
    # reads here.
    mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    member.size, member.mode, member.mtime = status.st_size, mode, 0
    with path.open("rb") as file:
        tar.addfile(member, file)
