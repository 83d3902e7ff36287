"""The leaderboard: a query over the trials' folders, its order, and the tables that charts are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import NotFound
from core.io import files
from core.jobs import store as jobs
from core.jobs.status.causes import Cause
from core.jobs.store import State, Status
from core.tuning import leaderboard
from tests.tuning import made

PARAMS = {"weight_decay": "0.1", "label_smoothing": "0.05"}


def test_ties_are_broken_by_the_loss_and_then_by_time() -> None:
    trials = [
        made.trial(1, correct=47, loss=0.30, seconds=1.0),
        made.trial(2, correct=47, loss=0.20, seconds=9.0),
        made.trial(3, correct=47, loss=0.20, seconds=2.0),
        made.trial(4, correct=46, loss=0.01, seconds=0.1),
        made.trial(5, correct=48, loss=0.90, seconds=99.0),
    ]
    board = made.board(trials)
    assert [trial.number for trial in board.ranked()] == [5, 3, 2, 1, 4]
    assert board.best() == trials[4]


def test_a_loss_is_ranked_the_other_way_round() -> None:
    trials = [
        made.trial(number, value=loss, loss=loss) for number, loss in ((1, 0.4), (2, 0.2), (3, 0.3))
    ]
    assert [trial.number for trial in made.board(trials, objective="validation_loss").ranked()] == [
        2,
        3,
        1,
    ]


def test_only_completed_trials_can_be_the_best() -> None:
    trials = [
        made.trial(1, correct=30),
        made.trial(2, correct=48, state=State.STOPPED, cause=Cause.EARLY_STOPPING),
        made.trial(3, correct=48, state=State.IN_PROGRESS),
        made.trial(4, correct=None, loss=None, state=State.FAILED),
    ]
    board = made.board(trials)
    assert board.best() == trials[0]
    assert [trial.number for trial in board.ranked()] == [1, 3, 2, 4]
    assert [leaderboard.status_words(trial) for trial in board.ranked()] == [
        "Completed",
        "InProgress",
        "Stopped early",
        "Failed",
    ]


@pytest.mark.parametrize(
    ("objective", "value"),
    [("validation_accuracy", 40 / 48), ("validation_loss", 0.25), ("validation_macro_f1", 40 / 48)],
)
def test_the_leaderboard_is_what_the_trials_folders_say(
    home: Path, objective: str, value: float
) -> None:
    spec = made.spec(objective=objective)
    made.job_folder(spec, Status(State.COMPLETED))
    made.trial_folder(spec, 2, PARAMS, 40, 0.25)
    made.trial_folder(spec, 1, {}, 20, 0.9)
    made.trial_folder(spec, 3, PARAMS, 0, 0.9, state=State.FAILED)
    made.trial_folder(made.spec(), 1, PARAMS, 48, 0.1)  # of another tuning job
    board = leaderboard.read(spec.id)
    assert [trial.number for trial in board.trials] == [1, 2, 3]
    best, baseline = board.best(), board.baseline()
    assert best is not None
    assert baseline is not None
    assert (best.number, best.value, best.correct, best.n, best.params) == (
        2,
        pytest.approx(value),
        40,
        made.N,
        PARAMS,
    )
    assert baseline.number == 1
    assert board.trials[2].reason == "Out of memory."
    assert len(best.curve) == 5


def test_a_running_trial_stands_with_its_best_epoch(home: Path) -> None:
    spec = made.spec()
    made.job_folder(spec, Status(State.IN_PROGRESS))
    job = made.trial_folder(spec, 1, PARAMS, 24, 0.5, state=State.IN_PROGRESS)
    assert leaderboard.read(spec.id).trials[0].loss == pytest.approx(0.7)
    with job.folder.log.open("a") as log:
        log.write(
            "[metrics] epoch=6 train_loss=0.1 validation_loss=0.3 validation_accuracy=0.875\n"
        )
        log.write("[metrics] epoch=7 train_loss=0.1 validation_loss=nan validation_accuracy=1.0\n")
    trial = leaderboard.read(spec.id).trials[0]
    assert (trial.loss, trial.value) == (0.3, 0.875)


def test_a_completed_trial_without_a_readable_model_keeps_its_curve(home: Path) -> None:
    spec = made.spec()
    made.job_folder(spec, Status(State.COMPLETED))
    job = made.trial_folder(spec, 1, PARAMS, 24, 0.5)
    files.write_bytes(job.folder.model / "model.json", b"{")
    trial = leaderboard.read(spec.id).trials[0]
    assert trial.value == pytest.approx(0.5)
    assert len(trial.curve) == 5


def test_a_continued_job_shows_the_trials_of_the_whole_chain(home: Path) -> None:
    first = made.spec()
    second = made.spec(continues=first.id)
    for number, spec in enumerate((first, second), start=1):
        made.job_folder(spec, Status(State.COMPLETED))
        made.trial_folder(spec, number, PARAMS, 40 + number, 0.5)
    assert [trial.number for trial in leaderboard.read(first.id).trials] == [1]
    assert [trial.number for trial in leaderboard.read(second.id).trials] == [1, 2]
    jobs.delete(first.id)
    assert [trial.number for trial in leaderboard.read(second.id).trials] == [2]


def test_fault_35_a_tuning_job_of_another_version_is_not_found(home: Path) -> None:
    spec = made.spec()
    job = made.job_folder(spec, Status(State.COMPLETED))
    body = files.read_json(job.folder.spec)
    files.write_json(job.folder.spec, {**body, "spec": {"name": "x"}})
    with pytest.raises(NotFound):
        leaderboard.read(spec.id)


def test_history_keeps_the_best_so_far() -> None:
    trials = [
        made.trial(number, correct=correct)
        for number, correct in ((1, 40), (2, 44), (3, 42), (4, 45))
    ]
    trials.append(made.trial(5, correct=48, state=State.STOPPED))
    table = leaderboard.history(made.board(trials))
    assert list(table["best"].fillna(0) * made.N) == pytest.approx([40, 44, 44, 45, 0])
    assert list(table["minutes"]) == sorted(table["minutes"])
    assert leaderboard.history(made.board([])).empty


def test_the_table_has_a_column_per_hyperparameter() -> None:
    table = leaderboard.frame(made.board([made.trial(1, PARAMS), made.trial(2, {})]))
    assert list(table["weight_decay"].fillna(-1)) == [0.1, -1]
    assert {"trial", "status", "validation_accuracy", "validation_loss", "seconds", "job"} <= set(
        table
    )
