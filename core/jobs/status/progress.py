"""How far a job is, as its kind reports it and as its page reads it from `Status.progress`.

A worker writes what it knows at the moment, by these names; None and 0 mean that nobody knows yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.jobs.status.documents import Document


@dataclass(frozen=True)
class Progress(Document):
    """What is told of any job.

    `phase`: what it does, for people. `waits_for`: the job that it waits for. `silent`: that there
    is no sign of life of it. Of one that runs on a platform `seen` is when the platform answered
    last, in seconds since 1970, and `stale` why it does not answer now.
    """

    phase: str = ""
    waits_for: str = ""
    silent: str = ""
    seen: float | None = None
    stale: str = ""


@dataclass(frozen=True)
class Counted(Progress):
    """Work that is counted: so many of so many `unit`, and the seconds that the rest takes."""

    done: int = 0
    total: int = 0
    unit: str = ""
    eta_seconds: float | None = None


@dataclass(frozen=True)
class Machines(Progress):
    """What a platform says of the machines that it gave a job, and of what they cost."""

    instance_type: str = ""
    instance_count: int = 0
    training_seconds: float | None = None
    billable_seconds: float | None = None
    interruptions: int = 0


@dataclass(frozen=True)
class TrainingProgress(Machines):
    """Of a training job: photos that are sent or fetched before the script begins. What it does
    then stands in its log."""

    done: int = 0
    total: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True)
class TuningProgress(Machines):
    """Of a tuning job: `trials` have ended, `best` is their best value, and `ended` says why there
    are no more."""

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
    """Of an export: the folder that it made."""

    path: str = ""


@dataclass(frozen=True)
class Parity(Document):
    """How the fast form of a model compared with plain fp32 on `photos` photos of its own."""

    photos: int = 0
    same_class: int = 0
    max_difference: float = 0.0


@dataclass(frozen=True)
class BatchProgress(Machines):
    """Of a transform job: photos `listed` before it begins, then those `done` of all, `skipped` of
    them by the job that it goes on with, and at the end how many of those with a label are
    right."""

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
    """Of a load test: times of the answers in milliseconds, and the most common reasons of those
    that failed."""

    done: int = 0
    total: int = 1
    failed: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    per_second: float | None = None
