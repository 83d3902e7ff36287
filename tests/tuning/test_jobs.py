"""Tuning jobs run for real: every trial an ordinary training job, whatever happens to them, to the worker and to the app."""

from __future__ import annotations

import os
import signal

import pytest

from core.backends import LOCAL
from core.errors import UserError
from core.jobs import store as jobs
from core.jobs.store import Job, State
from core.tuning import leaderboard
from core.tuning.leaderboard import Board
from core.tuning.space import Range
from tests.backends.watching import ended, processes_in, until
from tests.tuning.conftest import Tuning

SLOW = "86_400"


def finished(job: Job, state: State = State.COMPLETED) -> Board:
    """The leaderboard of the job once it has ended so."""
    done = ended(LOCAL, job)
    assert done.state is state, f"{done.status.reason}\n{LOCAL.log(done).text}"
    return leaderboard.read(job.id)


def has_trials(job: Job, count: int) -> None:
    """Waits until so many trials have ended."""
    until(
        lambda: sum(trial.state.is_finished for trial in leaderboard.read(job.id).trials) >= count,
        f"{count} trials of {job.id}",
    )


def params_of(board: Board) -> list[tuple[tuple[str, str], ...]]:
    return [tuple(sorted(trial.params.items())) for trial in board.trials]


def test_a_tuning_job_from_submission_to_best_model(tuning: Tuning) -> None:
    spec = tuning.spec()
    tuning.script()
    job, again = LOCAL.tune(spec), LOCAL.tune(spec)
    assert job.id == again.id == spec.id
    board = finished(job)
    assert [trial.number for trial in board.trials] == [1, 2, 3, 4, 5]
    assert board.trials[0].is_baseline
    assert len(set(params_of(board))) == 5
    best = board.best()
    assert best is not None
    assert best.value == max(trial.value or 0 for trial in board.trials)
    assert [trial.id for trial in board.trials if trial.tags] == [best.id], (
        "the best one stands among the models"
    )
    assert LOCAL.refresh(job).status.progress["ended"] == "all 5 trials ran"


def test_every_trial_is_an_ordinary_training_job(tuning: Tuning) -> None:
    job = tuning.start(max_trials=3, fixed={"dropout": "0.3"})
    board = finished(job)
    trials = {trial.id: trial for trial in jobs.readable("training")}
    assert set(trials) == {trial.id for trial in board.trials}
    for trial in board.trials:
        asked = trials[trial.id]
        assert asked.tuning_id == job.id
        assert asked.spec["hyperparameters"] == {"dropout": "0.3", **trial.params}
        assert asked.name == f"Toys #{trial.number}"
        assert "running" in LOCAL.log(asked).text
        assert (asked.folder.input / "code" / "train.py").stat().st_nlink >= 3, (
            "the scripts are shared, not copied"
        )


def test_a_trial_that_crashes_is_failed_and_the_job_goes_on(tuning: Tuning) -> None:
    space = {"weight_decay": Range("choice", choices=("0.01", "0.1", "1", "7"))}
    board = finished(
        tuning.start(
            space=space, strategy="grid", max_trials=9, fail="given.get('weight_decay') == '7'"
        )
    )
    (failed,) = (trial for trial in board.trials if trial.state is State.FAILED)
    assert failed.reason == "It does not like 7"
    assert len(board.completed()) == 4
    assert LOCAL.refresh(board.job).status.progress["ended"] == "all 5 combinations ran"


def test_three_failures_at_the_start_end_the_job_and_say_why(tuning: Tuning) -> None:
    job = tuning.start(fail="True", max_trials=20)
    board = finished(job, State.FAILED)
    assert len(board.trials) == 3
    assert "first 3 trials failed" in LOCAL.refresh(job).status.reason
    assert "It does not like" in LOCAL.refresh(job).status.reason


def test_a_search_whose_trials_all_fail_is_failed_and_says_why(tuning: Tuning) -> None:
    job = tuning.start(fail="True", max_trials=2)
    board = finished(job, State.FAILED)
    assert len(board.trials) == 2
    assert "2 of 2 trials failed and none completed" in LOCAL.refresh(job).status.reason
    assert "It does not like" in LOCAL.refresh(job).status.reason


def test_a_stop_ends_the_running_trial_too(tuning: Tuning) -> None:
    job = tuning.start(wait=f"{SLOW} if given.get('weight_decay') else 0")
    has_trials(job, 1)
    until(lambda: len(leaderboard.read(job.id).trials) == 2, "the second trial")
    LOCAL.stop(job)
    board = finished(job, State.STOPPED)
    last = board.trials[-1]
    assert (last.state, last.reason) == (
        State.STOPPED,
        "Stopped with its tuning job: it was asked to stop.",
    )
    assert not last.stopped_early
    assert last.interrupted
    assert not processes_in(jobs.read(last.id).folder.path)

    tuning.script()
    after = finished(LOCAL.tune(tuning.spec(max_trials=3, continues=job.id)))
    assert [trial.number for trial in after.trials] == [1, 2, 3]
    assert len(after.completed()) == 3
    assert after.trials[1].params == last.params
    assert jobs.read(after.trials[1].id).spec["resumed_from"] == last.id, "what was stopped goes on"


def test_kill_9_in_the_middle_loses_and_repeats_nothing(tuning: Tuning) -> None:
    whole = finished(tuning.start(max_trials=6))
    job = tuning.start(max_trials=6, wait="held(9)")
    until(lambda: len(leaderboard.read(job.id).trials) == 3, "the third trial")
    os.kill(LOCAL.refresh(job).status.pid or 0, signal.SIGKILL)
    until(lambda: LOCAL.refresh(job).state is State.FAILED, "the end of the killed job")
    tuning.go()
    board = finished(LOCAL.tune(tuning.spec(max_trials=6, continues=job.id)))
    assert [trial.number for trial in board.trials] == list(range(1, 7))
    assert len(board.completed()) == 6
    assert params_of(board) == params_of(whole), (
        "the same trials in the same order as without the kill"
    )


def test_a_trial_outlives_its_tuning_job(tuning: Tuning) -> None:
    job = tuning.start(max_trials=3, wait="held(1)")
    until(
        lambda: any(trial.curve for trial in leaderboard.read(job.id).trials),
        "the first epoch of the first trial",
    )
    os.kill(LOCAL.refresh(job).status.pid or 0, signal.SIGKILL)
    until(lambda: LOCAL.refresh(job).state is State.FAILED, "the end of the killed job")
    (trial,) = leaderboard.read(job.id).trials
    tuning.go()
    board = finished(LOCAL.tune(tuning.spec(max_trials=3, continues=job.id)))
    assert board.trials[0].id == trial.id
    assert board.trials[0].state is State.COMPLETED


def test_a_trial_that_died_with_its_machine_is_run_again(tuning: Tuning) -> None:
    job = tuning.start(max_trials=3, wait=SLOW)
    until(
        lambda: any(trial.curve for trial in leaderboard.read(job.id).trials),
        "the first epoch of the first trial",
    )
    (trial,) = leaderboard.read(job.id).trials
    for dead in (job, jobs.read(trial.id)):
        os.kill(LOCAL.refresh(dead).status.pid or 0, signal.SIGKILL)
        until(
            lambda dead=dead: LOCAL.refresh(dead).state is State.FAILED, "the end of the killed job"
        )
    tuning.script()
    board = finished(LOCAL.tune(tuning.spec(max_trials=3, continues=job.id)))
    assert [found.number for found in board.trials] == [1, 2, 3]
    assert len(board.completed()) == 3
    assert jobs.read(board.trials[0].id).spec["resumed_from"] == trial.id


def test_a_finished_job_takes_more_trials(tuning: Tuning) -> None:
    first = finished(tuning.start(max_trials=2))
    more = finished(LOCAL.tune(tuning.spec(max_trials=4, continues=first.job.id)))
    assert [trial.number for trial in more.trials] == [1, 2, 3, 4]
    assert len(set(params_of(more))) == 4
    assert [trial.id for trial in more.trials[:2]] == [trial.id for trial in first.trials]
    assert sum(bool(trial.tags) for trial in more.trials) == 1


def test_two_tuning_jobs_at_once(tuning: Tuning) -> None:
    tuning.script(wait="0.05")
    first, second = (LOCAL.tune(tuning.spec(seed=seed, parallel=2)) for seed in (1, 2))
    boards = [finished(job) for job in (first, second)]
    assert all(len(board.completed()) == 5 for board in boards)
    assert not {trial.id for trial in boards[0].trials} & {trial.id for trial in boards[1].trials}
    assert params_of(boards[0]) != params_of(boards[1])


def test_the_first_trial_has_all_cores_and_parallel_ones_share_them(tuning: Tuning) -> None:
    cores = len(os.sched_getaffinity(0))
    board = finished(
        tuning.start(
            parallel=cores,
            max_trials=1 + cores,
            wait=f"met({cores}) if given.get('weight_decay') else 0",
        )
    )
    said = [LOCAL.log(jobs.read(trial.id)).text.splitlines()[0] for trial in board.trials]
    assert said == [f"running {cores}", *["running 1"] * cores]
    first, *others = board.trials
    assert min(other.started or 0 for other in others) > (first.started or 0)
    assert max(other.started or 0 for other in others) < min(
        other.ended or 0 for other in others
    ), "they ran at the same time"


@pytest.mark.parametrize(
    ("limit", "words", "fewer"),
    [
        ({"target": 0.2}, "reached the target", 2),
        (
            {"patience": 2, "space": {"weight_decay": Range("float", 900, 901)}},
            "2 trials did not improve",
            5,
        ),
    ],
)
def test_limits_end_a_job_before_its_last_trial(
    tuning: Tuning, limit: dict[str, object], words: str, fewer: int
) -> None:
    board = finished(tuning.start(max_trials=12, **limit))
    assert words in LOCAL.refresh(board.job).status.progress["ended"]
    assert len(board.trials) <= fewer


def test_a_time_limit_stops_what_runs(tuning: Tuning) -> None:
    seconds = 2
    while not (board := finished(tuning.start(max_seconds=float(seconds), wait=SLOW))).trials:
        seconds *= 2
    assert f"time limit of {seconds} s" in board.trials[-1].reason
    assert board.best() is None


def test_a_bad_trial_is_stopped_early(tuning: Tuning) -> None:
    wait = f"{SLOW} if epoch == 2 and float(given.get('weight_decay', '1')) > 100 else 0"
    space = {"weight_decay": Range("choice", choices=("0.1", "0.2", "0.3", "0.4", "0.5", "1000"))}
    more = {"strategy": "grid", "max_trials": 7, "early_stopping": True, "seed": 3}
    board = finished(tuning.start(space=space, wait=wait, **more))
    bad = next(trial for trial in board.trials if trial.params.get("weight_decay") == "1000")
    assert bad.number > 4, "the seed puts it late enough to be judged"
    assert bad.stopped_early, bad.reason
    assert "median" in bad.reason
    assert len(board.completed()) == 6


def test_a_warm_start_is_counted(tuning: Tuning) -> None:
    parent = finished(tuning.start(max_trials=4))
    child = finished(tuning.start(max_trials=4, warm_start=(parent.job.id,)))
    assert LOCAL.refresh(child.job).status.progress["warm_start_trials"] == 3, (
        "the parent's defaults have no values to learn from"
    )


def test_a_tuning_job_that_cannot_run_is_refused(tuning: Tuning) -> None:
    tuning.script()
    with pytest.raises(UserError, match="logarithmic"):
        LOCAL.tune(tuning.spec({"weight_decay": Range("float", 0, 1, log=True)}))
    assert not jobs.listing()
