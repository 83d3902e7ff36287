"""Runs a batch: lists its photos, classifies them a small batch at a time, and writes one table
(core/batch/results.py)."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from core import settings
from core.backends.local.batch import batches as pipeline
from core.backends.local.batch.scorer import PARITY_PHOTOS, Scorer
from core.backends.local.datasets import fetching
from core.batch import items, lineage, results, rows, sources, table
from core.batch.items import Item
from core.errors import BackendError, UserError
from core.evaluation import scores
from core.io import files
from core.jobs import locks
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TransformSpec
from core.jobs.status.asked import transform_spec
from core.models import store as models

if TYPE_CHECKING:
    from core.jobs.worker import Worker

logger = logging.getLogger(__name__)

REPORT_SECONDS = 0.4
RATE_SECONDS = 10.0


def run(worker: Worker) -> None:
    """Classify the photos. Photos that cannot be used become rows with an error; the job still
    completes."""
    spec = transform_spec(worker.job)
    model = models.read(spec.model_id)
    worker.progress(phase="Listing photos")
    total = listed(worker, spec, model)
    worker.check_stop()
    worker.progress(phase="Loading the model", total=total)
    _Run(worker, spec, Scorer(model), model, total).go()


def listed(worker: Worker, spec: TransformSpec, model: models.Model) -> int:
    """List the job's photos in its folder; return their number. Raises UserError without any."""
    if spec.resumed_from:
        previous = RunFolder.of(spec.resumed_from)
        if not locks.is_released(previous.lock):
            raise BackendError("The batch to resume is still running.")
        if total := sources.take_over(previous, worker.folder):
            results.take_over(previous, worker.folder)
            return total
    if spec.source == "split":
        fetching.fetch_photos(worker, spec.dataset_id, spec.version_id, spec.split)
    report = _Throttle(worker)
    try:
        source = sources.collect(
            spec, worker.folder, model.classes, report, lambda: worker.stopping
        )
    except UserError:
        worker.check_stop()
        raise
    sources.release(spec)
    files.write_json(
        worker.folder.input / "source.json",
        {"total": source.total, "ignored": dict(source.ignored)},
    )
    return source.total


class _Throttle:
    """Reports the progress of the listing, at a rate that does not slow it down."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._last = worker, 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        if time.monotonic() - self._last > REPORT_SECONDS:
            self._last = time.monotonic()
            self._worker.progress(phase=phase, listed=done, to_list=total)


class _Photo(NamedTuple):
    """A photo that was read: its id, the decoded photo, or the error ('' without one)."""

    image_id: str
    photo: Any
    error: str


class _Run:
    """One pass over the photos that are not finished yet."""

    def __init__(
        self, worker: Worker, spec: TransformSpec, scorer: Scorer, model: models.Model, total: int
    ) -> None:
        self.worker, self.scorer, self.model, self.total = worker, scorer, model, total
        self.training_ids = lineage.training_ids(model)
        self.root = sources.root_of(spec, worker.folder)
        self.writer = results.Writer(worker.folder)
        self.done = self.before = self.writer.end
        self.errors = results.errors(worker.folder)
        self.parity: Mapping[str, object] = {}
        self.started = self.reported = time.monotonic()
        self.recent: deque[tuple[float, int]] = deque([(self.started, self.done)])

    def go(self) -> None:
        self._choose_engine()
        self.started = time.monotonic()
        self.recent = deque([(self.started, self.done)])
        batches = items.batches(
            sources.list_of(self.worker.folder), self.scorer.batch, self.writer.end
        )
        found = pipeline.in_order(
            self._classify,
            batches,
            self.scorer.workers,
            lambda: self.worker.stopping,
            self.scorer.start_thread,
        )
        try:
            for batch in found:
                self.writer.add(batch)
                self.done += len(batch)
                self.errors += sum(bool(row["error"]) for row in batch)
                if time.monotonic() - self.reported > REPORT_SECONDS:
                    self._report("Predicting")
        finally:
            self.writer.flush()
        self._report("Predicting")
        self.worker.check_stop()
        self.writer.finish()
        score = scores.top1(table.read(self.worker.folder, self.scorer.classes).unseen)
        self._report("Done", correct=score.correct, labelled=score.n)

    def _choose_engine(self) -> None:
        """Choose the fastest engine within tolerance of plain fp32 on the model's own photos."""
        self.parity = self.scorer.settle(fetching.photos_for_model(self.model, PARITY_PHOTOS))
        logger.info(
            "%s, batches of %s, %s threads; parity: %s",
            self.scorer.form,
            self.scorer.batch,
            self.scorer.workers,
            self.parity,
        )

    def _classify(self, batch: list[Item]) -> list[dict[str, object]]:
        photos = [self._read(item) for item in batch]
        answers = iter(self.scorer.answer([one.photo for one in photos if not one.error]))
        given = [None if one.error else next(answers) for one in photos]
        return [
            rows.row(item, one.image_id, answer, one.error, self.scorer.classes, self.training_ids)
            for item, one, answer in zip(batch, photos, given, strict=True)
        ]

    def _read(self, item: Item) -> _Photo:
        image_id = item.image_id
        try:
            path = Path(self.root, item.file)
            if (size := path.stat().st_size) > settings.MAX_IMAGE_BYTES:
                limit = files.human_bytes(settings.MAX_IMAGE_BYTES)
                return _Photo(
                    "", None, f"the file has {files.human_bytes(size)}; at most {limit} can be used"
                )
            data = path.read_bytes()
            image_id = hashlib.sha256(data).hexdigest()
            return _Photo(image_id, self.scorer.decode(data), "")
        except OSError as error:
            return _Photo(image_id, None, f"the file can't be read ({error.strerror or error})")
        except ValueError as error:
            return _Photo(image_id, None, str(error))

    def _report(self, phase: str, **more: int) -> None:
        now = self.reported = time.monotonic()
        self.recent.append((now, self.done))
        while len(self.recent) > 2 and now - self.recent[0][0] > RATE_SECONDS:
            self.recent.popleft()
        since, count = self.recent[0]
        whole = (self.done - self.before) / max(now - self.started, 1e-6)
        rate, left = whole, None
        if phase == "Predicting":
            rate = (self.done - count) / max(now - since, 1e-6)
        if rate:
            left = round((self.total - self.done) / rate, 1)
        self.worker.progress(
            phase=phase,
            done=self.done,
            total=self.total,
            errors=self.errors,
            skipped=self.before,
            images_per_second=round(rate, 1),
            eta_seconds=left,
            seconds=round(now - self.started, 2),
            form=self.scorer.form,
            parity=self.parity,
            **more,
        )
