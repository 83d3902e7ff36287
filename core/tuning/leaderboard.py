"""The leaderboard: a query over a tuning job's trials, which are ordinary training jobs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import BackendError, NotFound
from core.io import files
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.specs import TuningSpec
from core.jobs.status.asked import tuning_spec
from core.jobs.status.causes import Cause
from core.jobs.store import Job, State
from core.models import store as models
from core.training import metrics
from core.tuning import space as spaces
from core.tuning.objectives import OBJECTIVES, Objective

MAX_CHAIN = 100
BASELINE = "defaults"
STOPPED_EARLY = "Stopped early"
INTERRUPTED = "Stopped with its tuning job"

# The validation figures of a trial, and a row of metrics per epoch.
Outcome = tuple[Mapping[str, Any], tuple[dict[str, float], ...]]


@dataclass(frozen=True)
class Trial:
    """One training job of a tuning job.

    `params` are the tuned values as strings; empty for the baseline. `value` is the objective on
    the validation split, of the trial's model or else of its best epoch so far. `curve` has one row
    of metrics per epoch. Times are seconds since 1970, `seconds` is the running time.
    """

    id: str
    number: int
    params: dict[str, str]
    state: State
    value: float | None
    accuracy: float | None
    loss: float | None
    correct: int | None
    n: int | None
    started: float | None
    ended: float | None
    seconds: float | None
    reason: str
    curve: tuple[dict[str, float], ...]
    tags: tuple[str, ...] = ()
    tuning_id: str = ""
    cause: Cause = Cause.NONE

    @property
    def is_baseline(self) -> bool:
        return not self.params

    @property
    def interrupted(self) -> bool:
        """Return whether the trial ended for an outside reason: its process was killed or its
        tuning job was stopped."""
        return self.cause in (Cause.DIED, Cause.TUNING_ENDED)

    @property
    def stopped_early(self) -> bool:
        """Return whether the tuning job stopped the trial because it did worse than others."""
        return self.cause is Cause.EARLY_STOPPING


@dataclass(frozen=True)
class Board:
    """A tuning job with its trials, by number.

    `job` is the newest of the chain if trials were added later.
    """

    job: Job
    spec: TuningSpec
    space: dict[str, spaces.Range]
    trials: tuple[Trial, ...]

    @property
    def objective(self) -> Objective:
        return OBJECTIVES[self.spec.objective]

    def completed(self) -> list[Trial]:
        return [
            trial
            for trial in self.trials
            if trial.state is State.COMPLETED and trial.value is not None
        ]

    def ranked(self) -> list[Trial]:
        """Return the trials, best first: by the objective, ties by loss, then by time. Trials
        without a model follow, running ones before ended ones."""
        return sorted(self.trials, key=lambda trial: rank_key(trial, self.objective))

    def best(self) -> Trial | None:
        return min(
            self.completed(), key=lambda trial: rank_key(trial, self.objective), default=None
        )

    def baseline(self) -> Trial | None:
        return next((trial for trial in self.completed() if trial.is_baseline), None)


def refuse_failed(board: Board) -> None:
    """Raise BackendError if the search has ended, no trial completed and some failed.

    It quotes the most common reason, the first of those that are equally common.
    """
    failed = [trial for trial in board.trials if trial.state is State.FAILED]
    if not failed or any(trial.state is State.COMPLETED for trial in board.trials):
        return
    reason, times = Counter(trial.reason for trial in failed).most_common(1)[0]
    first = next(trial for trial in failed if trial.reason == reason)
    share = f"{len(failed)} of {len(board.trials)} trials failed and none completed"
    which = f"Trial {first.number}"
    if times > 1:
        which += " and others"
    raise BackendError(f"{share}. {which}: {reason}")


def rank_key(trial: Trial, objective: Objective) -> tuple[float, ...]:
    """Return a key that sorts the better trial first."""
    value, loss = math.inf, math.inf
    if trial.value is not None:
        value = -objective.merit(trial.value)
    if trial.loss is not None:
        loss = trial.loss
    return _rank_of_state(trial), value, loss, trial.seconds or math.inf, trial.number


def _rank_of_state(trial: Trial) -> int:
    if trial.state is State.COMPLETED and trial.value is not None:
        return 0
    if not trial.state.is_finished:
        return 1
    if trial.state is State.FAILED:
        return 3
    return 2


def read(tuning_id: str) -> Board:
    """Return the tuning job with all its trials, including those of the jobs it continues.

    Raises NotFound if it can't be read.
    """
    job = jobs.read(tuning_id)
    spec = tuning_spec(job)
    wanted = {link.id for link in chain(job)}
    found = [trial for trial in jobs.readable("training") if trial.tuning_id in wanted]
    # A trial that was run again after its machine failed is listed once, as its last run.
    newest = {
        int(trial.spec.get("trial", 0)): trial
        for trial in sorted(found, key=lambda trial: trial.created)
    }
    return Board(
        job,
        spec,
        spaces.parse(spec.space),
        tuple(of_job(newest[number], spec) for number in sorted(newest)),
    )


def chain(job: Job) -> list[Job]:
    """Return the job and those it continues, newest first; a deleted one ends the chain."""
    found = [job]
    while (before := str(found[-1].spec.get("continues", ""))) and len(found) < MAX_CHAIN:
        try:
            found.append(jobs.read(before))
        except NotFound:
            break
    return found


def of_job(job: Job, spec: TuningSpec) -> Trial:
    """Return a trial as its folder says.

    An ended trial is read once and cached, because it no longer changes.
    """
    figures, curve = _outcome(job, spec.objective)
    given = job.spec.get("hyperparameters", {})
    return Trial(
        id=job.id,
        number=int(job.spec.get("trial", 0)),
        params={name: given[name] for name in spec.space if name in given},
        state=job.state,
        value=figures.get("value"),
        accuracy=figures.get("accuracy"),
        loss=figures.get("loss"),
        correct=figures.get("correct"),
        n=figures.get("n"),
        started=job.status.started,
        ended=job.status.ended,
        seconds=job.status.seconds,
        reason=job.status.reason,
        curve=curve,
        tags=job.tags,
        tuning_id=str(job.spec.get("tuning_id", "")),
        cause=job.status.cause,
    )


def frame(board: Board, trials: Sequence[Trial] | None = None) -> pd.DataFrame:
    """Return one row per trial, in the given order (default: ranked): trial, status, the objective,
    accuracy, loss, seconds, each tuned hyperparameter as a number or string (missing for the
    baseline), and the job's id."""
    if trials is None:
        trials = board.ranked()
    return pd.DataFrame([_row(trial, board) for trial in trials])


def _row(trial: Trial, board: Board) -> dict[str, object]:
    row: dict[str, object] = {
        "trial": trial.number,
        "status": status_words(trial),
        board.spec.objective: trial.value,
    }
    row |= {
        "validation_accuracy": trial.accuracy,
        "validation_loss": trial.loss,
        "seconds": trial.seconds,
    }
    tuned = {
        name: shown_value(values, trial.params.get(name)) for name, values in board.space.items()
    }
    return {**row, **tuned, "job": trial.id}


def history(board: Board, trials: Sequence[Trial] | None = None) -> pd.DataFrame:
    """Return `frame` of the trials that have a value, in the order they ended, with `value`,
    `minutes` since the first trial started, and `best`: the best completed value so far."""
    if trials is None:
        trials = board.trials
    chosen = [trial for trial in trials if trial.value is not None]
    chosen.sort(key=lambda trial: (trial.ended or math.inf, trial.number))
    if not chosen:
        return pd.DataFrame()
    start = min((trial.started for trial in board.trials if trial.started), default=0.0)
    table = frame(board, chosen)
    table["value"] = table[board.spec.objective]
    table["minutes"] = [((trial.ended or trial.started or start) - start) / 60 for trial in chosen]
    completed = table["value"].where(
        pd.Series([trial.state is State.COMPLETED for trial in chosen])
    )
    if board.objective.maximize:
        table["best"] = completed.cummax()
    else:
        table["best"] = completed.cummin()
    return table


def shown_value(values: spaces.Range, text: str | None) -> float | int | str | None:
    """Return a tuned value as its type; None if the trial has none, the string if it is outside the
    current range."""
    if text is None:
        return None
    try:
        return values.value(text)
    except ValueError:
        if values.kind == "choice":
            return text
        return float(text)


def status_words(trial: Trial) -> str:
    return STOPPED_EARLY if trial.stopped_early else str(trial.state)


def _outcome(job: Job, objective: str) -> Outcome:
    if not job.state.is_finished:
        return _read_outcome(job.folder.path, objective, completed=False)
    return _kept_outcome(job.folder.path, objective, job.status.ended, job.state is State.COMPLETED)


@lru_cache(maxsize=4096)
def _kept_outcome(folder: Path, objective: str, _ended: float | None, completed: bool) -> Outcome:
    return _read_outcome(folder, objective, completed)


def _read_outcome(folder: Path, objective: str, completed: bool) -> Outcome:
    """Return the validation figures of the trial and its curve: of its model, or else of the best
    epoch in its log."""
    run = RunFolder(folder)
    curve = tuple(metrics.epochs(metrics.MetricLog(run.log).refresh()))
    if completed:
        figures = _of_model(run)
        if figures:
            value = figures.get(OBJECTIVES[objective].figure)
            return {**figures, "accuracy": figures.get("top1"), "value": _number(value)}, curve
    kept = min(
        (row for row in curve if math.isfinite(row.get("validation_loss", math.nan))),
        key=lambda row: row["validation_loss"],
        default={},
    )
    found = {
        "accuracy": kept.get("validation_accuracy"),
        "loss": kept.get("validation_loss"),
        "value": kept.get(objective),
    }
    return found, curve


def _of_model(run: RunFolder) -> Mapping[str, Any]:
    try:
        description = models.check_description(files.read_json(run.model / models.DESCRIPTION))
    except (OSError, ValueError):
        return {}
    return dict(description.get("metrics", {}).get("validation") or {})


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None
