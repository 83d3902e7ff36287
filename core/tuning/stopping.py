"""Early stopping of trials, decided from their curves alone, so that a restart decides the same."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from core.jobs.specs import TuningSpec
from core.tuning.leaderboard import STOPPED_EARLY, Trial
from core.tuning.study import progress_score

# The median rule waits for this many other trials and this many epochs before it judges.
MIN_OTHERS = 4
MIN_EPOCHS = 2
# Hyperband keeps one trial in three at each rung.
REDUCTION = 3


def reason_to_stop(trial: Trial, others: Sequence[Trial], spec: TuningSpec) -> str:
    """Return why this running trial should stop, with the figures; empty if it should continue."""
    if spec.strategy == "hyperband":
        return _halving(trial, others, spec)
    if spec.early_stopping:
        return _median(trial, others, spec.objective)
    return ""


def _median(trial: Trial, others: Sequence[Trial], objective: str) -> str:
    """The median rule of Google Vizier (Golovin et al. 2017): stop if the best so far is worse
    than the median of what the others had reached by the same epoch."""
    epoch = _last_epoch(trial)
    reached = [
        found
        for other in others
        if _last_epoch(other) >= epoch
        and (found := _best_until(other, epoch, objective)) is not None
    ]
    mine = _best_until(trial, epoch, objective)
    if epoch < MIN_EPOCHS or mine is None or len(reached) < MIN_OTHERS or mine >= median(reached):
        return ""
    middle = f"the median of {len(reached)} others, {abs(median(reached)):.4f}"
    return (
        f"{STOPPED_EARLY} after epoch {epoch}: its best so far, {abs(mine):.4f}, is worse than "
        f"{middle}."
    )


def _halving(trial: Trial, others: Sequence[Trial], spec: TuningSpec) -> str:
    """Asynchronous successive halving (Li et al. 2018) in Hyperband's brackets (Li et al. 2017): at
    epochs 1, 3, 9, ... of its bracket a trial continues only if it is among the best third of
    those that reached it."""
    first = REDUCTION ** bracket(trial.number)
    peers = [other for other in others if REDUCTION ** bracket(other.number) == first]
    epoch, rung = _last_epoch(trial), first
    while rung <= epoch:
        mine = _best_until(trial, rung, spec.objective)
        reached = [
            found
            for other in peers
            if _last_epoch(other) >= rung
            and (found := _best_until(other, rung, spec.objective)) is not None
        ]
        kept = max(1, (len(reached) + 1) // REDUCTION)
        if (
            mine is not None
            and len(reached) + 1 >= REDUCTION
            and sum(found > mine for found in reached) >= kept
        ):
            return (
                f"{STOPPED_EARLY} at epoch {rung}: {abs(mine):.4f} is not among the best {kept} "
                f"of {len(reached) + 1} trials at that epoch."
            )
        rung *= REDUCTION
    return ""


def bracket(number: int) -> int:
    """Return Hyperband's bracket of a trial: two in three are judged from the first epoch on, one
    in three from the third."""
    return int(number % REDUCTION == 0)


def _last_epoch(trial: Trial) -> int:
    if not trial.curve:
        return 0
    return int(trial.curve[-1]["epoch"])


def _best_until(trial: Trial, epoch: int, objective: str) -> float | None:
    found = [
        value
        for row in trial.curve
        if row["epoch"] <= epoch and (value := progress_score(row, objective)) is not None
    ]
    return max(found, default=None)
