"""Run an export job: copy a dataset version's photos into a folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from core.backends.local.datasets import fetching
from core.datasets import export, store
from core.datasets.importing import origins
from core.jobs import stopping

if TYPE_CHECKING:
    from core.jobs.worker import Worker

REPORT_SECONDS = 0.4


def run(worker: Worker) -> None:
    """Copy the photos and report progress; a stopped export leaves nothing behind."""
    spec = worker.job.spec
    target = origins.require_importable(Path(spec["path"].strip()))
    fetching.fetch_photos(worker, spec["dataset_id"], spec["version_id"])
    started, last = time.monotonic(), 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        worker.check_stop()
        now = time.monotonic()
        if now - last >= REPORT_SECONDS:
            last = now
            eta = (total - done) * (now - started) / done
            worker.progress(
                phase="Copying", done=done, total=total, unit="photos", eta_seconds=round(eta, 1)
            )

    version = store.version(spec["dataset_id"], spec["version_id"])
    folder = stopping.unless_stopped(worker, lambda: export.into_folder(version, target, report))
    worker.progress(phase="Done", path=str(folder))
