"""The progress of a job, as its kind reports it and its page reads it from `Status.progress`.

A worker writes what is known under these names; None and 0 mean unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.jobs.status.documents import Document


@dataclass(frozen=True)
class Progress(Document):
    """The progress of any job.

    `phase` is for people. `waits_for` is the job that it waits for. `silent` says that it does not
    respond. On a platform, `seen` is when the platform answered last, in seconds since 1970, and
    `stale` why it does not answer now.
    """

    phase: str = ""
    waits_for: str = ""
    silent: str = ""
    seen: float | None = None
    stale: str = ""


@dataclass(frozen=True)
class Counted(Progress):
    """Work that is counted: `done` of `total` `unit`, and the seconds that are left."""

    done: int = 0
    total: int = 0
    unit: str = ""
    eta_seconds: float | None = None


@dataclass(frozen=True)
class Machines(Progress):
    """The instances that a platform runs a job on, and their cost."""

    instance_type: str = ""
    instance_count: int = 0
    training_seconds: float | None = None
    billable_seconds: float | None = None
    interruptions: int = 0


@dataclass(frozen=True)
class TrainingProgress(Machines):
    """The progress of a training job before its script begins: photos uploaded or fetched. Later
    progress is in its log."""

    done: int = 0
    total: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True)
class TuningProgress(Machines):
    """The progress of a tuning job: `trials` have ended, `best` is their best value, and `ended` is
    why the search ended."""

    trials: int = 0
    best: float | None = None
    warm_start_trials: int = 0
    ended: str = ""


@dataclass(frozen=True)
class ImportingProgress(Counted):
    """The progress of an import: `share` (0 to 1) and `eta_seconds` cover all of its phases; `at`
    is the photo that delays it; then the dataset version that it made, and its new photos."""

    unit: str = "photos"
    share: float = 0.0
    at: str = ""
    dataset_id: str = ""
    version_id: str = ""
    imported: int = 0


@dataclass(frozen=True)
class PlanProgress(ImportingProgress):
    """The progress of an import preview; `photos` and `classes` are set when it has ended."""

    photos: int = 0
    classes: int = 0


@dataclass(frozen=True)
class InspectionProgress(Counted):
    """The progress of an inspection: `share` (0 to 1) and `eta_seconds` cover all of its phases."""

    share: float = 0.0


@dataclass(frozen=True)
class ExportProgress(Counted):
    """The progress of an export: the folder that it made."""

    path: str = ""


@dataclass(frozen=True)
class Parity(Document):
    """How a fast engine compares with plain fp32 on `photos` photos of the model."""

    photos: int = 0
    same_class: int = 0
    max_difference: float = 0.0


@dataclass(frozen=True)
class BatchProgress(Machines):
    """The progress of a batch: photos `listed` before it begins, those `done` of all, `skipped` of
    them by the job that it resumes, and at the end how many of the labelled ones are correct."""

    listed: int = 0
    done: int | None = None
    total: int | None = None
    errors: int = 0
    skipped: int = 0
    images_per_second: float | None = None
    eta_seconds: float | None = None
    seconds: float | None = None
    form: str = "not chosen yet"
    parity: Parity | None = None
    correct: int = 0
    labelled: int = 0


@dataclass(frozen=True)
class LoadProgress(Progress):
    """The progress of a load test: response times in milliseconds, and the most common errors."""

    done: int = 0
    total: int = 1
    failed: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    per_second: float | None = None
