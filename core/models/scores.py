"""What the model of a training job reached and took: the same figures on every page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.store import Job, State
from core.models import store as models
from core.training.setup import setup_of


@dataclass(frozen=True)
class Score:
    """How many of `n` labelled photos the model got right, top-1."""

    correct: int
    n: int

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.correct / self.n


@dataclass(frozen=True)
class Scores:
    """The scores of one model by split, None if the split has no labelled photos, and the seconds
    of its training by phase."""

    validation: Score | None = None
    test: Score | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def best_known(self) -> tuple[str, Score] | None:
        """The test score or, without one, the validation score, with the name of its split."""
        if self.test:
            return "test", self.test
        if self.validation:
            return "validation", self.validation
        return None


NO_SCORES = Scores()


def of_job(job: Job) -> Scores:
    """Return the scores of a job's model; NO_SCORES if the job has no model."""
    if job.state is not State.COMPLETED:
        return NO_SCORES
    return _read(job.id, job.status.ended)


def seconds_of(job: Job) -> Mapping[str, float]:
    """Return the seconds that a job's training took, by phase and in `total`; empty if the job
    has no model."""
    return of_job(job).seconds


def earlier_seconds(job: Job, others: Sequence[Job]) -> Mapping[str, float]:
    """Return the seconds by phase of the newest of `others` that did the same: data, mode and
    architecture. Empty if there is none."""
    wanted = _kind(job)
    for other in others:
        if other.id != job.id and _kind(other) == wanted and (found := seconds_of(other)):
            return found
    return {}


def _kind(job: Job) -> tuple[object, ...]:
    setup = setup_of(job.spec.get("hyperparameters", {}))
    data = (job.spec.get("dataset_id"), job.spec.get("version_id"))
    return (*data, job.backend, setup.arch, setup.mode, setup.optimizer, setup.epochs)


@lru_cache(maxsize=4096)
def _read(job_id: str, _ended: float | None) -> Scores:
    """Cached because a table of hundreds of jobs is drawn every second."""
    try:
        model = models.of_job(jobs.read(job_id))
    except NotFound:
        return NO_SCORES
    seconds = dict(model.description.get("seconds", {}))
    return Scores(_score(model, "validation"), _score(model, "test"), seconds)


def _score(model: models.Model, split: str) -> Score | None:
    figures = model.metrics(split)
    if not figures.get("n"):
        return None
    return Score(int(figures["correct"]), int(figures["n"]))
