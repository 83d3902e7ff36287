"""Runs an import job: photos in, a dataset with its first version out."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from core import settings
from core.datasets import importing
from core.datasets.meter import ImportProgress
from core.datasets.origins import ImportSource
from core.errors import UserError

if TYPE_CHECKING:
    from core.backends.local.worker import Worker

REPORT_EVERY = 0.3


def run(worker: Worker) -> None:
    """Imports what the job's spec names, reporting as it goes; an upload is removed once it is unpacked."""
    spec = worker.job.spec
    path = Path(spec["path"]) if spec["path"] else None
    source = ImportSource(spec["source"], path, shown=spec["shown"], classes=tuple(spec.get("classes", ())))
    try:
        version = importing.run_import(source, spec["name"], _Reporter(worker), lambda: worker.stopping, skip_small=spec["skip_small"])
    except UserError:
        worker.check_stop()
        raise
    finally:
        if path and path.parent == settings.uploads_dir():
            path.unlink(missing_ok=True)
    worker.progress(phase="Done", dataset_id=version.dataset_id, version_id=version.id)


class _Reporter:
    """Writes progress to the job's status, seldom enough not to slow the import down."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._last = worker, 0.0

    def __call__(self, progress: ImportProgress) -> None:
        if time.monotonic() - self._last >= REPORT_EVERY:
            self._last = time.monotonic()
            self._worker.progress(**asdict(progress))
