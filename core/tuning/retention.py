"""What stays of trials on the disk: their figures always, their weights where somebody may want
them."""

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
    """The best trial gets a tag, and so stands among the models; a trial that was the best before
    more were added loses it."""
    best = board.best()
    for trial in board.trials:
        is_best = best is not None and trial.id == best.id
        if is_best != (BEST_TAG in trial.tags):
            labels.set_tag(trial.id, BEST_TAG, is_best)


def tidy(board: Board) -> None:
    """Frees the checkpoints of trials that will not go on, and the weights of all but the best ones
    and those with a tag.

    Figures, predictions and curves stay. Called after each trial: one that is out of the best never
    comes back among them.
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
    """Whether the trial's model can be served as it is."""
    return (
        trial.state is State.COMPLETED and (RunFolder.of(trial.id).model / models.WEIGHTS).exists()
    )


def _drop_weights(folder: RunFolder) -> None:
    (folder.model / models.WEIGHTS).unlink(missing_ok=True)
    folder.artifact.unlink(missing_ok=True)
    shutil.rmtree(folder.model / "code", ignore_errors=True)
