"""Run an import job: create a dataset, or the next version of one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core import settings
from core.datasets import store
from core.datasets.importing import extending
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource
from core.datasets.importing.report import ImportReport
from core.datasets.planning import plan_store
from core.datasets.planning.decisions import Decisions
from core.datasets.progress import ImportProgress
from core.errors import UserError
from core.io import files
from core.jobs import stopping
from core.jobs.run_folder import RunFolder
from core.jobs.specs import ImportSpec, PlanSpec
from core.jobs.status.asked import import_spec

if TYPE_CHECKING:
    from core.jobs.worker import Worker

REPORT_EVERY = 0.3
# Kinds of source that a preview fetches.
FETCHED = ("archive", "s3")


def run(worker: Worker) -> None:
    """Import the source in the job's spec and report progress; an upload is deleted afterwards."""
    spec = import_spec(worker.job)
    source = source_of(spec)
    try:
        version = stopping.unless_stopped(
            worker, lambda: _import(source, spec, Reporter(worker), lambda: worker.stopping)
        )
    except UserError:
        worker.check_stop()
        raise
    finally:
        if source.path and source.path.parent == settings.uploads_dir():
            source.path.unlink(missing_ok=True)
    if spec.plan_id:
        # The files unpacked for the preview belong to the dataset now.
        planned = RunFolder.of(spec.plan_id)
        plan_store.mark_imported(planned.output, version.dataset_id)
        files.remove(planned.input)
    worker.progress(
        phase="Done",
        dataset_id=version.dataset_id,
        version_id=version.id,
        imported=ImportReport.of(version.report).images,
    )


def source_of(spec: ImportSpec | PlanSpec) -> ImportSource:
    """Return the source of a spec, or the files that its preview fetched."""
    in_s3 = spec.source == "s3"
    source = ImportSource(
        spec.source,
        Path(spec.path) if spec.path and not in_s3 else None,
        display_name=spec.shown,
        classes=spec.classes,
        place=spec.path if in_s3 else "",
        encoding=spec.encoding,
    )
    if isinstance(spec, PlanSpec) or not spec.plan_id or spec.source not in FETCHED:
        return source
    planned = RunFolder.of(spec.plan_id)
    return replace(source, fetched=planned.input, left_out=plan_store.load_left_out(planned.output))


def _import(
    source: ImportSource, spec: ImportSpec, report: Reporter, should_stop: Callable[[], bool]
) -> store.Version:
    """Create a dataset, or the next version of the dataset in the spec."""
    decisions = Decisions.of(spec.decisions) if spec.decisions else None
    if not spec.dataset_id:
        return importing.run_import(
            source,
            spec.name,
            report,
            should_stop,
            skip_small=spec.skip_small,
            decisions=decisions,
        )
    return extending.run_extension(
        source,
        store.version(spec.dataset_id, spec.version_id),
        report,
        should_stop,
        join=spec.join,
        into_own_folder=spec.into_own_folder,
        decisions=decisions,
    )


class Reporter:
    """Write progress to the job's status, rarely enough not to slow the import."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._last = worker, 0.0

    def __call__(self, progress: ImportProgress) -> None:
        if time.monotonic() - self._last >= REPORT_EVERY:
            self._last = time.monotonic()
            self._worker.progress(**asdict(progress))
