"""Tuning jobs over the real training script: heads by a Gaussian process, and fine-tunings that Hyperband ends early."""

from __future__ import annotations

import pytest

from core.backends import LOCAL
from core.jobs.specs import TuningSpec
from core.jobs.store import State
from core.models.store import Model
from core.tuning import leaderboard
from core.tuning import objectives as search
from core.tuning import space as spaces
from core.tuning.leaderboard import Board
from core.tuning.space import Range
from tests.backends.watching import ended
from tests.conftest import SMALL

pytestmark = pytest.mark.slow


def tuned(model: Model, space: dict[str, Range], fixed: dict[str, str], **more: object) -> Board:
    spec = TuningSpec(
        "Real", model.dataset_id, model.version_id, fixed, spaces.as_dict(space), **more
    )  # type: ignore[arg-type]
    search.check(spec)
    done = ended(LOCAL, LOCAL.tune(spec))
    assert done.state is State.COMPLETED, f"{done.status.reason}\n{LOCAL.log(done).text}"
    return leaderboard.read(done.id)


def test_a_gaussian_process_tunes_heads(heated: Model) -> None:
    fixed = {name: value for name, value in SMALL.items() if name != "weight_decay"}
    space = {
        "weight_decay": Range("float", 0.0001, 100, log=True),
        "label_smoothing": Range("float", 0.0, 0.3),
    }
    board = tuned(heated, space, fixed, strategy="gp", objective="validation_loss", max_trials=6)
    assert [trial.state for trial in board.trials] == [State.COMPLETED] * 6
    values = [trial.value for trial in board.trials]
    best = board.best()
    assert best is not None
    assert best.value == min(value for value in values if value is not None)
    assert len({tuple(trial.params.items()) for trial in board.trials}) == 6


def test_hyperband_ends_bad_fine_tunings_early(heated: Model) -> None:
    fixed = {
        "mode": "finetune",
        "arch": "lite0@32",
        "precision": "exact",
        "epochs": "12",
        "batch_size": "8",
        "freeze_share": "0",
    }
    space = {"lr": Range("choice", choices=("0.0005", "0.0006", "0.0007", "0.0008", "0.0009", "3"))}
    board = tuned(
        heated,
        space,
        fixed,
        strategy="hyperband",
        objective="validation_loss",
        max_trials=6,
        baseline=False,
    )
    assert len(board.trials) == 6
    early = [trial for trial in board.trials if trial.stopped_early]
    assert early, "twelve epochs of six trials, and none was judged"
    assert all(len(trial.curve) < 12 and "not among the best" in trial.reason for trial in early)
    best = board.best()
    assert best is not None
    assert best.state is State.COMPLETED
    assert best.curve[-1]["epoch"] == 12
