"""What is kept of trials on disk: their figures always, their weights if they can be of use."""

from __future__ import annotations

import shutil

from core import settings
from core.jobs import labels
from core.jobs.run_folder import RunFolder
from core.jobs.store import State
from core.models import store as models
from core.tuning.leaderboard import Board, Trial, rank_key

BEST_TAG = "best of its tuning"


def tag_best(board: Board) -> None:
    """Tag the best trial, so that it is listed among the models; untag the former best."""
    best = board.best()
    for trial in board.trials:
        is_best = best is not None and trial.id == best.id
        if is_best != (BEST_TAG in trial.tags):
            labels.set_tag(trial.id, BEST_TAG, is_best)


def tidy(board: Board) -> None:
    """Delete the checkpoints of ended trials, and the weights of all but the best and the tagged
    trials.

    Figures, predictions and curves are kept. Called after each trial: a trial that is not among the
    best never becomes one of them later.
    """
    for trial in board.trials:
        if trial.state.is_finished and not trial.interrupted:
            for path in RunFolder.of(trial.id).checkpoints.glob("*.pt"):
                path.unlink(missing_ok=True)
    ranked = sorted(board.completed(), key=lambda trial: rank_key(trial, board.objective))
    for trial in ranked[settings.TUNING_MODELS_KEPT :]:
        if not trial.tags:
            _drop_weights(RunFolder.of(trial.id))


def has_weights(trial: Trial) -> bool:
    """Return whether the trial's model can be served."""
    return (
        trial.state is State.COMPLETED and (RunFolder.of(trial.id).model / models.WEIGHTS).exists()
    )


def _drop_weights(folder: RunFolder) -> None:
    (folder.model / models.WEIGHTS).unlink(missing_ok=True)
    folder.artifact.unlink(missing_ok=True)
    shutil.rmtree(folder.model / "code", ignore_errors=True)
