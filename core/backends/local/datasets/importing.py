"""Runs an import job: photos in, a dataset with its first version out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from core import settings
from core.datasets import store
from core.datasets.importing import extending
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource
from core.datasets.progress import ImportProgress
from core.errors import UserError
from core.jobs import stopping
from core.jobs.specs import ImportSpec, import_spec

if TYPE_CHECKING:
    from core.jobs.worker import Worker

REPORT_EVERY = 0.3


def run(worker: Worker) -> None:
    """Imports what the job's spec names, reporting as it goes; an upload is removed once it is
    unpacked."""
    spec = import_spec(worker.job)
    source = _source(spec)
    try:
        version = stopping.unless_stopped(
            worker, lambda: _made(source, spec, _Reporter(worker), lambda: worker.stopping)
        )
    except UserError:
        worker.check_stop()
        raise
    finally:
        if source.path and source.path.parent == settings.uploads_dir():
            source.path.unlink(missing_ok=True)
    worker.progress(phase="Done", dataset_id=version.dataset_id, version_id=version.id)


def _source(spec: ImportSpec) -> ImportSource:
    if spec.source == "s3":
        return ImportSource(
            spec.source, None, shown=spec.shown, classes=spec.classes, place=spec.path
        )
    path = None
    if spec.path:
        path = Path(spec.path)
    return ImportSource(spec.source, path, shown=spec.shown, classes=spec.classes)


def _made(
    source: ImportSource, spec: ImportSpec, report: _Reporter, should_stop: Callable[[], bool]
) -> store.Version:
    """A new dataset's first version, or the next one of the dataset that the spec names."""
    if not spec.dataset_id:
        return importing.run_import(
            source, spec.name, report, should_stop, skip_small=spec.skip_small
        )
    parent = store.version(spec.dataset_id, spec.version_id)
    return extending.run_extension(
        source,
        parent,
        report,
        should_stop,
        join=spec.join,
        into_own_folder=spec.into_own_folder,
    )


class _Reporter:
    """Writes progress to the job's status, seldom enough not to slow the import down."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._last = worker, 0.0

    def __call__(self, progress: ImportProgress) -> None:
        if time.monotonic() - self._last >= REPORT_EVERY:
            self._last = time.monotonic()
            self._worker.progress(**asdict(progress))
