"""What stays of trials on the disk, and which of them stand among the models."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import settings
from core.errors import NotFound
from core.jobs import labels
from core.jobs import store as jobs
from core.jobs.status.causes import Cause
from core.jobs.store import State, Status
from core.models import store as models
from core.tuning import leaderboard, retention
from core.tuning.leaderboard import Board
from tests.tuning import made

PARAMS = {"weight_decay": "0.1", "label_smoothing": "0.05"}


def board_of(count: int) -> Board:
    """A tuning job whose trial n got n photos right, each with weights, code and a checkpoint on the disk."""
    spec = made.spec(max_trials=count)
    made.job_folder(spec, Status(State.COMPLETED))
    for number in range(1, count + 1):
        folder = made.trial_folder(spec, number, PARAMS, number, 0.5).folder
        (folder.model / models.WEIGHTS).write_bytes(b"weights")
        (folder.model / "code").mkdir()
        (folder.checkpoints / "checkpoint-000001.pt").write_bytes(b"checkpoint")
    return leaderboard.read(spec.id)


def test_the_best_keep_their_weights_and_all_keep_their_figures(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "TUNING_MODELS_KEPT", 2)
    board = board_of(5)
    labels.set_label(board.trials[0].id, tags=("kept",))
    retention.tidy(leaderboard.read(board.job.id))
    after = leaderboard.read(board.job.id)
    assert [retention.has_weights(trial) for trial in after.trials] == [
        True,
        False,
        False,
        True,
        True,
    ]
    assert [trial.correct for trial in after.trials] == [1, 2, 3, 4, 5]
    with pytest.raises(NotFound, match="Train it again"):
        models.archive(models.read(after.trials[1].id))


def test_checkpoints_go_except_those_a_trial_will_go_on_from(home: Path) -> None:
    board = board_of(2)
    stopped = jobs.read(board.trials[1].id)
    jobs.write_status(
        stopped.folder,
        Status(State.STOPPED, "As it was asked to.", 1.0, 2.0, cause=Cause.TUNING_ENDED),
    )
    retention.tidy(leaderboard.read(board.job.id))
    left = [
        bool(list(jobs.read(trial.id).folder.checkpoints.glob("*.pt"))) for trial in board.trials
    ]
    assert left == [False, True]


def test_only_the_best_stands_among_the_models_and_a_better_one_takes_its_place(home: Path) -> None:
    board = board_of(3)
    assert not models.listing()
    retention.tag_best(board)
    assert [model.id for model in models.listing()] == [board.trials[2].id]
    assert len(models.listing(including=board.trials[0].id)) == 2
    made.trial_folder(board.spec, 4, PARAMS, 40, 0.5)
    retention.tag_best(leaderboard.read(board.job.id))
    (only,) = models.listing()
    assert only.job.spec["trial"] == 4


def test_a_trial_is_packed_when_its_archive_is_first_wanted(home: Path) -> None:
    model = models.read(board_of(1).trials[0].id)
    assert not model.folder.artifact.exists()
    assert models.archive(model) == model.folder.artifact
    assert model.folder.artifact.is_file()
