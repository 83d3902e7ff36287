"""Tuning jobs on SageMaker: its own tuner searches, and its trials stand in the leaderboard like any others."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import Any

import pytest

from core.aws import account as accounts
from core.aws.storage import Store
from core.backends import LOCAL, SAGEMAKER
from core.backends.sagemaker.training import kept_features
from core.errors import UserError
from core.jobs import locks
from core.jobs import store as jobs
from core.jobs.specs import TuningSpec
from core.jobs.store import State
from core.models import store as models
from core.models.store import Model
from core.tuning import leaderboard, retention
from core.tuning import space as spaces
from core.tuning.space import Range
from tests.backends import watching
from tests.backends.watching import until
from tests.conftest import SMALL
from tests.sagemaker.asking import Emulator
from tests.sagemaker.watching import MACHINE, PATIENCE, ended

FIXED = {**SMALL, "head": "mlp", "epochs": "30", "early_stopping_patience": "0", "refit": "false"}
SPACE = {
    "lr": Range("float", 1e-4, 1e-1, log=True),
    "dropout": Range("choice", choices=("0", "0.3")),
}
CREATES = ("CreateTrainingJob", "CreateHyperParameterTuningJob")


def tuning(model: Model, **more: Any) -> TuningSpec:
    given: dict[str, Any] = {"max_trials": 4, "parallel": 2, "resources": MACHINE, **more}
    return TuningSpec(
        "Search",
        model.dataset_id,
        model.version_id,
        given.pop("fixed", FIXED),
        spaces.as_dict(SPACE),
        **given,
    )


def test_trials_are_ordinary_jobs_with_a_leaderboard_and_a_best_model(
    aws: Emulator, small_model: Model
) -> None:
    before = [aws.done(name) for name in CREATES]
    spec = tuning(small_model)
    job, again = SAGEMAKER.tune(spec), SAGEMAKER.tune(spec)
    assert job.id == again.id == spec.id
    job = ended(job, 3 * PATIENCE)
    assert job.state is State.COMPLETED, job.status.reason
    board = leaderboard.read(job.id)
    assert [trial.number for trial in board.trials] == [1, 2, 3, 4]
    assert all(trial.state is State.COMPLETED for trial in board.trials), [
        trial.reason for trial in board.trials
    ]
    first, *others = board.trials
    assert first.is_baseline
    assert all(
        set(trial.params) == set(SPACE) and trial.id.startswith(f"{job.id}-") for trial in others
    )
    assert all(
        spaces.parse(spec.space)[name].holds(text)
        for trial in others
        for name, text in trial.params.items()
    )
    assert all(len(trial.curve) == 30 for trial in board.trials), "every epoch of every trial"
    said = [jobs.read(trial.id).folder.log.read_text() for trial in board.trials]
    assert ["features of all photos are cached" in text for text in said] == [
        False,
        True,
        True,
        True,
    ], "the baseline makes them for all"
    best = board.best()
    assert best is not None
    assert models.read(best.id).metrics("validation")["n"] == 6
    assert retention.BEST_TAG in jobs.read(best.id).tags
    assert [model.id for model in models.listing() if model.job.tuning_id] == [best.id], (
        "the others stay off the list of models"
    )
    assert job.status.progress["trials"] == 4
    assert not any(locks.is_locked(jobs.read(trial.id).folder.lock) for trial in board.trials)
    assert [aws.done(name) - count for name, count in zip(CREATES, before, strict=True)] == [
        1,
        1,
    ], "one search and its baseline"
    _kept_features_serve_the_same_form_only(small_model)


def _kept_features_serve_the_same_form_only(model: Model) -> None:
    """After a search: whether another one has to wait for its first trial to make features."""
    store = Store(accounts.load())

    def covered(
        fixed: dict[str, str] | None = None,
        space: dict[str, Range] | None = None,
        machine: str = MACHINE.instance_type,
    ) -> bool:
        given = tuning(
            model,
            fixed={**FIXED, **(fixed or {})},
            resources=replace(MACHINE, instance_type=machine),
        )
        return kept_features.cover(
            store, replace(given, space=spaces.as_dict({**SPACE, **(space or {})}))
        )

    assert covered()
    assert covered({"head": "linear", "image_size": "64"}), (
        "what does not change a photo's way through the network"
    )
    for other in (
        {"precision": "auto"},
        {"views": "flip"},
        {"image_size": "96"},
        {"crop_to_box": "true"},
        {"arch": "lite0@64+lite1@64"},
    ):
        assert not covered(other), other
    assert not covered(space={"arch": Range("choice", choices=("lite0@64", "lite0@96"))})
    assert covered(space={"arch": Range("choice", choices=("lite0@64",))})
    assert not covered(space={"image_size": Range("int", 64, 66)})
    assert not covered(machine="ml.m7i.xlarge"), "it may calculate in another precision"


def test_fault_25_a_watcher_that_is_killed_repeats_and_loses_nothing(
    aws: Emulator, small_model: Model
) -> None:
    before = [aws.done(name) for name in CREATES]
    job = SAGEMAKER.tune(tuning(small_model))
    until(lambda: len(leaderboard.read(job.id).trials) > 1, "the first trial", PATIENCE)
    os.kill(watching.worker_of(SAGEMAKER.refresh(job)).pid, signal.SIGKILL)
    until(lambda: not locks.is_locked(job.folder.lock), "the end of the watcher")
    assert jobs.read(job.id).state is State.IN_PROGRESS
    job = ended(job, 3 * PATIENCE)
    assert job.state is State.COMPLETED, job.status.reason
    board = leaderboard.read(job.id)
    assert [trial.number for trial in board.trials] == [1, 2, 3, 4]
    assert all(len(trial.curve) == 30 for trial in board.trials)
    assert [aws.done(name) - count for name, count in zip(CREATES, before, strict=True)] == [1, 1]


def test_one_trial_is_stopped_and_then_all_of_them(aws: Emulator, small_model: Model) -> None:
    job = SAGEMAKER.tune(tuning(small_model, fixed={**FIXED, "epochs": "10000"}))
    until(
        lambda: any(trial.curve for trial in leaderboard.read(job.id).trials),
        "the first epoch of the baseline",
        PATIENCE,
    )
    (baseline,) = leaderboard.read(job.id).trials
    SAGEMAKER.stop(jobs.read(baseline.id))
    until(
        lambda: len(leaderboard.read(job.id).trials) > 1, "the first trial of the search", PATIENCE
    )
    assert jobs.read(baseline.id).status.reason == "Stopped on request."
    SAGEMAKER.stop(job)
    job = ended(job, 2 * PATIENCE)
    assert job.state is State.STOPPED
    _, *trials = leaderboard.read(job.id).trials
    assert trials
    assert all(trial.state is State.STOPPED and trial.interrupted for trial in trials), [
        trial.reason for trial in trials
    ]


def test_a_search_whose_trials_all_fail_is_failed_and_says_why(
    aws: Emulator, small_model: Model
) -> None:
    """SageMaker itself calls such a search Completed."""
    fixed = {**FIXED, "crop_to_box": "true"}
    job = ended(SAGEMAKER.tune(tuning(small_model, fixed=fixed, max_trials=2)), 3 * PATIENCE)
    assert job.state is State.FAILED
    assert "2 of 2 trials failed and none completed" in job.status.reason
    assert "no photo has a box" in job.status.reason


def test_hyperband_ends_the_worse_trials_early(aws: Emulator, small_model: Model) -> None:
    fixed = {**FIXED, "epochs": "9"}
    spec = tuning(
        small_model,
        strategy="hyperband",
        fixed=fixed,
        max_trials=5,
        baseline=False,
        objective="validation_macro_f1",
    )
    job = ended(SAGEMAKER.tune(spec), 3 * PATIENCE)
    assert job.state is State.COMPLETED, job.status.reason
    trials = leaderboard.read(job.id).trials
    assert len(trials) == 5
    assert any(trial.state is State.COMPLETED for trial in trials)
    assert all(trial.stopped_early or trial.state is State.COMPLETED for trial in trials), [
        trial.reason for trial in trials
    ]
    assert all("validation_macro_f1" in row for trial in trials for row in trial.curve), (
        "what it goes by is known after each epoch"
    )


def test_it_goes_on_with_more_trials_and_learns_from_the_first(
    aws: Emulator, small_model: Model
) -> None:
    first = ended(SAGEMAKER.tune(tuning(small_model, max_trials=2, parallel=1)), 3 * PATIENCE)
    assert first.state is State.COMPLETED, first.status.reason
    more = ended(
        SAGEMAKER.tune(tuning(small_model, max_trials=3, continues=first.id)), 3 * PATIENCE
    )
    assert more.state is State.COMPLETED, more.status.reason
    board = leaderboard.read(more.id)
    assert [trial.number for trial in board.trials] == [1, 2, 3]
    assert sum(trial.is_baseline for trial in board.trials) == 1, "the baseline is not run again"
    described = aws.client("sagemaker").describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=more.id
    )
    assert described["WarmStartConfig"]["WarmStartType"] == "IdenticalDataAndAlgorithm"
    other = tuning(
        small_model,
        fixed={**FIXED, "label_smoothing": "0.1"},
        warm_start=(first.id,),
        max_trials=1,
        baseline=False,
    )
    third = ended(SAGEMAKER.tune(other), 3 * PATIENCE)
    assert third.state is State.COMPLETED, third.status.reason
    described = aws.client("sagemaker").describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=third.id
    )
    assert described["WarmStartConfig"]["WarmStartType"] == "TransferLearning", (
        "a setting more is another training"
    )
    assert third.status.progress["warm_start_trials"] == 2


def test_bad_trials_are_stopped_early_by_sagemaker(aws: Emulator, small_model: Model) -> None:
    space = {"lr": Range("choice", choices=("0.01", "0.02", "0.03", "1e-7"))}
    spec = TuningSpec(
        "Early", small_model.dataset_id, small_model.version_id, {**FIXED, "epochs": "1000"}, spaces.as_dict(space),
        strategy="grid", max_trials=4, parallel=1, early_stopping=True, baseline=False, resources=MACHINE, objective="validation_loss",
    )  # fmt: skip
    job = ended(SAGEMAKER.tune(spec), 4 * PATIENCE)
    assert job.state is State.COMPLETED, job.status.reason
    trials = leaderboard.read(job.id).trials
    assert len(trials) == 4
    for trial in trials:
        assert trial.stopped_early or trial.state is State.COMPLETED, (trial.params, trial.reason)


def test_a_search_that_cannot_be_made_is_refused(aws: Emulator, small_model: Model) -> None:
    before = jobs.listing()
    with pytest.raises(UserError) as refusal:
        SAGEMAKER.tune(tuning(small_model, patience=1))
    assert refusal.value.field == "patience"
    with pytest.raises(UserError) as refusal:
        SAGEMAKER.tune(tuning(small_model, resources=None))
    assert refusal.value.field == "instance_type"
    assert jobs.listing() == before


def test_it_learns_from_its_own_only(aws: Emulator, small_model: Model) -> None:
    local = LOCAL.tune(
        tuning(
            small_model,
            resources=None,
            max_trials=1,
            fixed=dict(SMALL) | {"head": "mlp", "epochs": "2"},
        )
    )
    watching.ended(LOCAL, local)
    with pytest.raises(UserError) as refusal:
        SAGEMAKER.tune(tuning(small_model, warm_start=(local.id,)))
    assert refusal.value.field == "warm_start"
