"""Fetch the photos of a dataset in Amazon S3 before a job reads them."""

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
MOST_NAMED = 20
IN_USE = "in use"


def environment(source: str, dataset_id: str) -> dict[str, str]:
    """Return the environment variables that a worker needs to read S3, if it imports from
    `source` 's3' or reads a dataset there; else {}."""
    if source == "s3":
        return s3.environment()
    try:
        if dataset_id and remote.begins(store.dataset(dataset_id).root):
            return s3.environment()
        return {}
    except NotFound:
        return {}


def fetch_photos(worker: Worker, dataset_id: str, version_id: str, split: str = IN_USE) -> None:
    """Download a version's missing photos, with progress: those in use, of one split, or `all`.

    Photos that can't be downloaded are logged; the job then treats them as unreadable. Raises
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
    for path, reason in list(problems.items())[:MOST_NAMED]:
        logger.warning("Can't download %s from Amazon S3: %s", path, reason)
    if len(problems) > MOST_NAMED:
        logger.warning("%s more photos can't be downloaded.", len(problems) - MOST_NAMED)


def photos_for_model(model: Model, count: int) -> list[Path]:
    """Return at most `count` local photos that the model was not trained on, test photos first."""
    photos: list[Path] = []
    try:
        dataset, version = (
            store.dataset(model.dataset_id),
            store.version(model.dataset_id, model.version_id),
        )
        for split in ("test", "validation"):
            paths = store.manifest_of(
                version, ["path"], [("split", "==", split), ("problem", "==", "")]
            )["path"]
            wanted = count - len(photos)
            chosen = paths.iloc[:: max(1, len(paths) // max(1, wanted))].head(wanted)
            # Checked first, because image_path would download a photo from S3.
            here = (name for name in chosen if (dataset.root / name).is_file())
            photos += [store.image_path(dataset, name) for name in here]
    except (FieldmarkError, OSError) as error:
        logger.warning("The model's own photos can't be used for the comparison: %s.", error)
    return photos


def decode_photos(inference: ModuleType, photos: Iterable[Path | bytes]) -> Iterator[Any]:
    """Yield the photos as decoded by a model's own code, uint8 [3, height, width], whatever their
    file size; photos that can't be used are skipped."""
    for photo in photos:
        try:
            yield inference.preprocessing.decode(
                photo if isinstance(photo, bytes) else photo.read_bytes()
            )
        except (OSError, ValueError) as error:
            logger.warning("A photo can't be used for the comparison: %s.", error)


class _Report:
    """Write progress to the job's status, rarely enough not to slow the download."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._started, self._last = worker, time.monotonic(), 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= REPORT_SECONDS:
            self._last = now
            left = round((total - done) * (now - self._started) / done, 1)
            counts = {"done": done, "total": total, "unit": "photos"}
            self._worker.progress(
                phase="Downloading photos from Amazon S3",
                **counts,
                eta_seconds=left,
                seconds_left=left,
            )
