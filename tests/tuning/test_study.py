"""What is tried next: inside the ranges, never twice, the same after a restart, and better than chance."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import pytest

from core.jobs.specs import TuningSpec
from core.jobs.status.causes import Cause
from core.jobs.store import State
from core.tuning import study
from core.tuning.leaderboard import Trial
from core.tuning.space import Range, parse
from tests.tuning import made

SPACE = {
    "weight_decay": Range("float", 1e-4, 1.0, log=True),
    "dropout": Range("float", 0.0, 0.5),
    "epochs": Range("int", 5, 20),
    "batch_size": Range("int", 8, 128, log=True),
    "head": Range("choice", choices=("linear", "mlp")),
    "arch": Range("choice", choices=("lite0@288", "lite1@240", "lite0@320+lite2@300")),
}
SMALL = {"head": Range("choice", choices=("linear", "mlp")), "epochs": Range("int", 5, 7)}


def quality(params: Mapping[str, str]) -> int:
    """Photos right of N: best at weight_decay 0.01 with an mlp."""
    off = abs(math.log10(float(params.get("weight_decay", "0.01"))) + 2)
    return max(0, round(46 - 6 * off - (0 if params.get("head", "mlp") == "mlp" else 3)))


def search(
    spec: TuningSpec, count: int, prior: list[study.Observation] | None = None
) -> list[Trial]:
    """The trials of a whole search, each asked for with all before it."""
    trials: list[Trial] = []
    while len(trials) < count and (params := study.suggest(spec, trials, prior or [])):
        trials.append(made.trial(len(trials) + 1, params, quality(params)))
    return trials


@pytest.mark.parametrize("strategy", ["tpe", "random", "hyperband", "grid"])
def test_every_value_lies_in_its_range_and_no_trial_comes_twice(strategy: str) -> None:
    trials = search(made.spec(SPACE, strategy=strategy), 25)
    assert len(trials) == 25
    for trial in trials:
        assert set(trial.params) == set(SPACE)
        assert all(SPACE[name].holds(text) for name, text in trial.params.items())
    assert len({tuple(sorted(trial.params.items())) for trial in trials}) == 25


def test_a_gaussian_process_searches_too() -> None:
    spec = made.spec({"weight_decay": SPACE["weight_decay"]}, strategy="gp", max_trials=12)
    trials = search(spec, 8)
    assert len({trial.params["weight_decay"] for trial in trials}) == 8


@pytest.mark.parametrize("strategy", ["tpe", "random", "grid"])
def test_the_same_trials_give_the_same_answer_after_a_restart(strategy: str) -> None:
    spec = made.spec(SPACE, strategy=strategy)
    trials = search(spec, 15)
    for count in (0, 7, 14):
        assert study.suggest(spec, trials[:count]) == trials[count].params
    assert search(made.spec(SPACE, strategy=strategy, seed=8), 3) != trials[:3]


def test_tpe_finds_what_chance_does_not() -> None:
    space = {
        "weight_decay": Range("float", 1e-8, 100.0, log=True),
        "dropout": Range("float", 0, 0.9),
    }
    late = {}
    for strategy in ("tpe", "random"):
        found = [
            search(made.spec(space, strategy=strategy, seed=seed), 30)[15:] for seed in range(3)
        ]
        late[strategy] = sum(trial.correct or 0 for part in found for trial in part)
    assert late["tpe"] > 1.1 * late["random"]


@pytest.mark.parametrize("strategy", ["tpe", "random", "grid"])
def test_a_space_with_six_combinations_gives_six_trials(strategy: str) -> None:
    assert len(search(made.spec(SMALL, strategy=strategy), 20)) == 6


def test_a_grid_is_tried_whole_in_an_order_that_looks_everywhere() -> None:
    space = {"weight_decay": Range("float", 1e-3, 10, log=True, points=10)}
    trials = search(made.spec(space, strategy="grid"), 100)
    values = [float(trial.params["weight_decay"]) for trial in trials]
    assert sorted(values) == pytest.approx(
        [10 ** (step * 4 / 9 - 3) for step in range(10)], rel=1e-4
    )
    assert values != sorted(values)


def test_failed_running_and_foreign_trials_are_no_observations() -> None:
    spec, space = made.spec(), made.SPACE
    inside = {"weight_decay": "0.1", "label_smoothing": "0.1"}
    assert study.observation(made.trial(1, inside, state=State.FAILED), spec, space) is None
    assert study.observation(made.trial(1, {}), spec, space) is None
    assert study.observation(made.trial(1, {**inside, "weight_decay": "99"}), spec, space) is None
    running = study.observation(made.trial(1, inside, state=State.IN_PROGRESS), spec, space)
    assert running == study.Observation(inside, None)
    early = made.trial(
        1,
        inside,
        state=State.STOPPED,
        cause=Cause.EARLY_STOPPING,
        curve=made.curve(0.9, 0.8, accuracy=0.25),
    )
    assert study.observation(early, spec, space) == study.Observation(
        inside, None, {1: 0.25, 2: 0.25}
    )


def test_a_search_goes_on_beside_running_and_stopped_trials() -> None:
    spec = made.spec(parallel=3)
    trials = search(spec, 12)
    trials[3] = made.trial(4, trials[3].params, state=State.FAILED, correct=None, loss=None)
    trials[5] = made.trial(
        6,
        trials[5].params,
        state=State.STOPPED,
        cause=Cause.EARLY_STOPPING,
        curve=made.curve(0.9, 0.8),
    )
    trials[10] = made.trial(11, trials[10].params, correct=None, loss=None, state=State.IN_PROGRESS)
    params = study.suggest(spec, trials)
    assert params
    assert params not in [trial.params for trial in trials]


def test_ties_are_told_apart_by_at_most_half_a_photo() -> None:
    sure, unsure = made.trial(1, correct=47, loss=0.1), made.trial(2, correct=47, loss=9.0)
    better = made.trial(3, correct=48, loss=10.0)
    scores = [study.score(trial, "validation_accuracy") for trial in (better, sure, unsure)]
    assert scores == sorted(scores, reverse=True)
    assert study.score(made.trial(1, value=0.3), "validation_loss") == -0.3


def parent(
    dataset: str = "toys-000000",
    fixed: Mapping[str, str] | None = None,
    space: Mapping[str, Range] = made.SPACE,
) -> object:
    rng = random.Random(3)
    trials = []
    for number in range(1, 31):
        params = {name: values.text(values.at(rng.random())) for name, values in space.items()}
        trials.append(made.trial(number, params, quality(params)))
    board = made.board(trials, space, fixed=fixed)
    spec = TuningSpec("Parent", dataset, "v1", fixed or {}, board.spec.space)
    return type(board)(board.job, spec, board.space, board.trials)


def test_a_warm_start_really_uses_its_parents() -> None:
    spec = made.spec()
    prior = study.prior_of(spec, [parent()])  # type: ignore[list-item]
    assert len(prior) == 30
    cold, warm = search(spec, 5), search(spec, 5, prior)
    assert [trial.params for trial in cold] != [trial.params for trial in warm]
    # Without a parent the first trials are chance; with it they are near the optimum at once.
    assert min(trial.correct or 0 for trial in warm) > sum(trial.correct or 0 for trial in cold) / 5


def test_what_a_parent_cannot_teach_is_left_out() -> None:
    spec = made.spec()
    assert not study.prior_of(spec, [parent(dataset="others-111111")])  # type: ignore[list-item]
    assert not study.prior_of(made.spec(objective="validation_loss"), [parent()])  # type: ignore[list-item]
    only = {"weight_decay": made.SPACE["weight_decay"]}
    assert not study.prior_of(spec, [parent(space=only)])  # type: ignore[list-item]
    fixed = study.prior_of(spec, [parent(space=only, fixed={"label_smoothing": "0.05"})])  # type: ignore[list-item]
    assert {found.params["label_smoothing"] for found in fixed} == {"0.05"}
    narrow = {**made.SPACE, "weight_decay": Range("float", 1, 10, log=True)}
    inside = study.prior_of(made.spec(narrow), [parent()])  # type: ignore[list-item]
    assert 0 < len(inside) < 30
    assert all(
        parse(made.spec(narrow).space)["weight_decay"].holds(found.params["weight_decay"])
        for found in inside
    )
