"""Run an inspect job: features by the training scripts' own code, then the checks in numpy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from core.backends.local import training
from core.backends.local.datasets import fetching
from core.datasets import store
from core.datasets.inspection import progress
from core.datasets.inspection import store as inspection
from core.datasets.inspection.progress import Timeline
from core.datasets.store import Version
from core.io import files
from core.jobs import processes, stopping
from core.jobs.script_runs import ScriptRun
from core.jobs.specs import InspectSpec, TransformSpec
from core.jobs.status.asked import inspect_spec
from core.training import metrics

if TYPE_CHECKING:
    from core.jobs.worker import Worker

PRESET = "fast"
REPORT_SECONDS = 0.4


def run(worker: Worker) -> None:
    """Inspect the version and write the result to the dataset's folder."""
    spec = inspect_spec(worker.job)
    version = store.version(spec.dataset_id, spec.version_id)
    report = _Reporter(worker, version.images)
    fetching.fetch_photos(worker, spec.dataset_id, spec.version_id, TransformSpec.ALL_SPLITS)
    caches = _features(worker, spec, version, report)
    inspected = stopping.unless_stopped(
        worker,
        lambda: inspection.make(
            version,
            caches,
            maps=spec.maps,
            workers=processes.cores(),
            progress=report,
            check=worker.check_stop,
        ),
    )
    worker.progress(
        phase="Done",
        dataset_id=spec.dataset_id,
        version_id=spec.version_id,
        photos=inspected.photos,
        found=inspected.counts,
    )


def _features(worker: Worker, spec: InspectSpec, version: Version, report: _Reporter) -> list[str]:
    """Extract the features that are not cached; return the names of the cache folders with those of
    all photos."""
    folder = worker.folder
    training.copy_scripts(folder)

    def write() -> int:
        # The features of all photos are needed, so all are 'train' here; each content once.
        rows = inspection.usable(version).drop_duplicates("image_id").assign(split="train")
        training.write_manifest(folder, rows)
        return len(rows)

    total = training.without_threads(write)
    worker.check_stop()
    arguments = ["--preset", PRESET, "--checkpoint_dir", str(folder.checkpoints)]
    log = metrics.MetricLog(folder.log)
    environment = training.environment(folder, spec)
    script = ScriptRun(
        worker, "extract.py", arguments, environment, lambda _: report.features(log, total)
    )
    try:
        code = script.run()
    finally:
        was_full = files.is_full(folder.path)
        processes.clear(folder)
    worker.check_stop()
    if code != 0:
        raise training.failure(folder, code, was_full)
    caches: list[list[str]] = files.read_json(folder.output / "features.json")["caches"]
    return [views[0] for views in caches]


class _Reporter:
    """Write the progress to the job's status, seldom enough not to slow the work down; a new phase
    is always written."""

    def __init__(self, worker: Worker, photos: int) -> None:
        self._worker, self._last, self._phase = worker, 0.0, ""
        self._timeline = Timeline(photos, time.monotonic())

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        eta, share = self._timeline.update(phase, done, total, now)
        if phase == self._phase and now - self._last < REPORT_SECONDS:
            return
        self._phase, self._last = phase, now
        self._worker.progress(
            phase=phase,
            done=done,
            total=total,
            unit="photos",
            eta_seconds=round(eta, 1),
            share=round(share, 4),
        )

    def features(self, log: metrics.MetricLog, total: int) -> None:
        """Report how far the script is, by the last line it wrote about it."""
        if time.monotonic() - self._last >= REPORT_SECONDS:
            rows = [row for row in log.refresh() if "features_done" in row]
            done = 0
            if rows:
                done, total = int(rows[-1]["features_done"]), int(rows[-1]["features_total"])
            self(progress.FEATURES, done, total)
