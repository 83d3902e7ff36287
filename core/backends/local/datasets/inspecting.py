"""Run an inspect job: features from the training scripts, then issues found with numpy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from core.backends.local import training
from core.backends.local.datasets import fetching
from core.datasets import store
from core.datasets.inspection import store as inspection
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
    """Inspect the version and store the issues in the dataset's folder."""
    spec = inspect_spec(worker.job)
    version = store.version(spec.dataset_id, spec.version_id)
    report = _Reporter(worker)
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
    """Compute missing features; return the names of the cache folders with all photos' features."""
    folder = worker.folder
    training.copy_scripts(folder)

    def write() -> int:
        # Every photo gets features, so all are 'train' here; duplicates count once.
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
    """Write progress to the job's status, rarely enough not to slow the work; a new phase is always
    written."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._last, self._phase = worker, 0.0, ""

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        if phase == self._phase and now - self._last < REPORT_SECONDS:
            return
        if phase != self._phase:
            self._phase, self._began, self._before = phase, now, done
        self._last = now
        count = done - self._before
        eta = None
        if count and total > done:
            eta = round((total - done) * (now - self._began) / count, 1)
        self._worker.progress(phase=phase, done=done, total=total, unit="photos", eta_seconds=eta)

    def features(self, log: metrics.MetricLog, total: int) -> None:
        """Report the script's progress from the last line of its log."""
        if time.monotonic() - self._last >= REPORT_SECONDS:
            rows = [row for row in log.refresh() if "features_done" in row]
            done = 0
            if rows:
                done, total = int(rows[-1]["features_done"]), int(rows[-1]["features_total"])
            self("Computing features", done, total)
