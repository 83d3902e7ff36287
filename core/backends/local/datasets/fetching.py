"""The photos that a job reads, here before it begins: those of a dataset in Amazon S3 are fetched
first."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from core.aws import s3
from core.datasets import remote, store
from core.errors import FieldmarkError, NotFound
from core.jobs import stopping
from core.jobs.specs import TransformSpec
from core.models.store import Model

if TYPE_CHECKING:
    from core.jobs.worker import Worker

logger = logging.getLogger(__name__)

REPORT_SECONDS = 0.4
NAMED = 20
IN_USE = "in use"


def environment(source: str, dataset_id: str) -> dict[str, str]:
    """What a worker's environment needs on top for a job that imports from `source` or reads the
    photos of this dataset: the way to S3 where they lie there, else nothing."""
    if source == "s3":
        return s3.environment()
    try:
        if dataset_id and remote.begins(store.dataset(dataset_id).root):
            return s3.environment()
        return {}
    except NotFound:
        return {}


def bring(worker: Worker, dataset_id: str, version_id: str, split: str = IN_USE) -> None:
    """Fetches the photos of a version that are not here: those in use, those of one split, or
    `all`; the job's page shows how far it is.

    What can't be had is named in the log, and for the job it is a photo that can't be read. Raises
    Stopped, and as remote.bring.
    """
    root = store.dataset(dataset_id).root
    if not remote.begins(root):
        return
    rows = store.manifest_of(store.version(dataset_id, version_id), ["path", "split", "problem"])
    wanted = {IN_USE: rows["split"] != "unused", TransformSpec.ALL_SPLITS: rows["split"] != ""}.get(
        split, rows["split"] == split
    )
    paths = rows["path"][wanted & (rows["problem"] == "")]
    problems = stopping.unless_stopped(
        worker, lambda: remote.bring(root, paths, _Report(worker), lambda: worker.stopping)
    )
    worker.check_stop()
    for path, reason in list(problems.items())[:NAMED]:
        logger.warning("%s could not be fetched from Amazon S3: %s", path, reason)
    if len(problems) > NAMED:
        logger.warning("and %s more", len(problems) - NAMED)


def of_model(model: Model, count: int) -> list[Path]:
    """Photos here that the model has not learned from, `count` at most: test photos before
    others."""
    found: list[Path] = []
    try:
        dataset, version = (
            store.dataset(model.dataset_id),
            store.version(model.dataset_id, model.version_id),
        )
        for split in ("test", "validation"):
            paths = store.manifest_of(
                version, ["path"], [("split", "==", split), ("problem", "==", "")]
            )["path"]
            wanted = count - len(found)
            chosen = paths.iloc[:: max(1, len(paths) // max(1, wanted))].head(wanted)
            # Asked first, because a photo of a dataset in S3 would be fetched by its path.
            here = (name for name in chosen if (dataset.root / name).is_file())
            found += [store.image_path(dataset, name) for name in here]
    except (FieldmarkError, OSError) as error:
        logger.warning("The model's own photos can't be compared on (%s).", error)
    return found


def decoded(inference: ModuleType, found: Iterable[Path | bytes]) -> Iterator[Any]:
    """The photos as an artifact's own code sees them (uint8 [3, height, width]), of any size in
    bytes; each when it is wanted. Those that can't be used are left out."""
    for photo in found:
        try:
            yield inference.preprocessing.decode(
                photo if isinstance(photo, bytes) else photo.read_bytes()
            )
        except (OSError, ValueError) as error:
            logger.warning("A photo can't be compared on (%s).", error)


class _Report:
    """Writes the progress to the job's status, seldom enough not to slow the fetching down."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._started, self._last = worker, time.monotonic(), 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= REPORT_SECONDS:
            self._last = now
            left = round((total - done) * (now - self._started) / done, 1)
            counts = {"done": done, "total": total, "unit": "photos"}
            self._worker.progress(
                phase="Fetching photos from Amazon S3",
                **counts,
                eta_seconds=left,
                seconds_left=left,
            )
