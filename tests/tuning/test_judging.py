"""What the trials say: which to stop early, what matters, the map of two hyperparameters, and advice with its evidence."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import numpy as np
import optuna
import pytest

from core.jobs.status import causes
from core.jobs.status.causes import Cause
from core.jobs.store import State
from core.tuning import advice, importance, stopping, study
from core.tuning.leaderboard import Board, Trial
from core.tuning.space import Range
from core.tuning.surface import surface
from tests.tuning import made

WIDE = {
    "weight_decay": Range("float", 1e-4, 1.0, log=True),
    "dropout": Range("float", 0.0, 0.9),
    "epochs": Range("int", 1, 20),
    "head": Range("choice", choices=("linear", "mlp")),
}


def trials_where(
    score: object, count: int = 60, space: Mapping[str, Range] = WIDE, seed: int = 0
) -> list[Trial]:
    """Random trials whose value is `score(params as numbers)`."""
    rng = random.Random(seed)
    made_up = []
    for number in range(1, count + 1):
        params = {
            name: rng.choice(values.choices)
            if values.kind == "choice"
            else values.text(values.at(rng.random()))
            for name, values in space.items()
        }
        numbers = {name: space[name].value(text) for name, text in params.items()}
        made_up.append(made.trial(number, params, value=score(numbers)))  # type: ignore[operator]
    return made_up


# Early stopping


def running(*losses: float, number: int = 99) -> Trial:
    return made.trial(number, state=State.IN_PROGRESS, correct=None, curve=made.curve(*losses))


OTHERS = [
    made.trial(number, curve=made.curve(1.0, 0.5 + number / 100, 0.2)) for number in range(1, 6)
]


def test_a_trial_below_the_median_is_stopped_and_says_why() -> None:
    spec = made.spec(objective="validation_loss", early_stopping=True)
    reason = stopping.reason_to_stop(running(1.0, 0.9), OTHERS, spec)
    assert "0.9000" in reason
    assert "median of 5 others, 0.5300" in reason
    assert causes.of_old_reason(State.STOPPED, reason) is Cause.EARLY_STOPPING
    assert made.trial(1, state=State.STOPPED, cause=Cause.EARLY_STOPPING).stopped_early


def test_macro_f1_is_judged_by_itself_and_in_old_logs_by_accuracy() -> None:
    """The accuracy of these trials says the opposite of their macro F1."""
    spec = made.spec(objective="validation_macro_f1", early_stopping=True)

    def epochs(accuracy: float, **more: float) -> tuple[dict[str, float], ...]:
        return tuple(
            {"epoch": float(epoch), "validation_accuracy": accuracy, **more} for epoch in (1, 2)
        )

    def judged(**more: float) -> str:
        bad = made.trial(99, state=State.IN_PROGRESS, correct=None, curve=epochs(0.9, **more))
        peers = [
            made.trial(number, curve=epochs(0.6, **({"validation_macro_f1": 0.5} if more else {})))
            for number in range(1, 6)
        ]
        return stopping.reason_to_stop(bad, peers, spec)

    assert "its best so far, 0.3000, is worse than the median of 5 others, 0.5000" in judged(
        validation_macro_f1=0.3
    )
    assert not judged()


@pytest.mark.parametrize(
    ("trial", "others", "on"),
    [
        (running(1.0, 0.51), OTHERS, True),
        (running(9.0), OTHERS, True),
        (running(1.0, 0.9), OTHERS[:3], True),
        (running(1.0, 0.9), OTHERS, False),
        (running(1.0, math.nan, 0.1), OTHERS, True),
    ],
)
def test_a_trial_goes_on_while_it_is_young_good_or_alone(
    trial: Trial, others: list[Trial], on: bool
) -> None:
    assert not stopping.reason_to_stop(
        trial, others, made.spec(objective="validation_loss", early_stopping=on)
    )


def test_hyperband_keeps_the_best_third_at_each_rung() -> None:
    spec = made.spec(objective="validation_loss", strategy="hyperband")
    peers = [
        made.trial(number, curve=made.curve(number / 10, number / 10, number / 10))
        for number in (1, 2, 4, 5, 7)
    ]
    assert not stopping.reason_to_stop(running(0.05, number=8), peers, spec)
    assert "best 2 of 6" in stopping.reason_to_stop(running(0.6, number=8), peers, spec)
    assert not stopping.reason_to_stop(running(0.6, 0.6, number=9), peers, spec), (
        "another bracket, which is given longer"
    )


# Importance


def test_importance_finds_what_matters_and_adds_up() -> None:
    found = importance.importances(
        trials_where(lambda p: -((math.log10(p["weight_decay"]) + 2) ** 2)),
        WIDE,
        "validation_accuracy",
    )
    assert next(iter(found)) == "weight_decay"
    assert sum(found.values()) == pytest.approx(1)
    assert found["weight_decay"] > 0.6
    kinds = importance.importances(
        trials_where(lambda p: p["head"] == "mlp"), WIDE, "validation_accuracy"
    )
    assert next(iter(kinds)) == "head"


@pytest.mark.parametrize("seed", range(3))
def test_importance_agrees_with_optunas_on_what_comes_first(seed: int) -> None:
    numbers = {name: values for name, values in WIDE.items() if values.kind != "choice"}
    trials = trials_where(
        lambda p: -((math.log10(p["weight_decay"]) + 1) ** 2) - 0.2 * p["dropout"],
        80,
        numbers,
        seed,
    )
    there = optuna.create_study(direction="maximize")
    dimensions = study.distributions(numbers)
    for trial in trials:
        params = {name: numbers[name].value(text) for name, text in trial.params.items()}
        there.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions=dimensions,
                value=study.score(trial, "validation_accuracy"),
            )
        )
    theirs = optuna.importance.get_param_importances(
        there, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
    )
    ours = importance.importances(trials, numbers, "validation_accuracy")
    assert next(iter(ours)) == max(theirs, key=lambda name: theirs[name]) == "weight_decay"


def test_importance_says_nothing_where_there_is_nothing_to_say() -> None:
    assert not importance.importances(trials_where(lambda _: 0.5, 3), WIDE, "validation_accuracy")
    assert not importance.importances([], WIDE, "validation_accuracy")
    same = [made.trial(number, loss=0.5, seconds=1.0) for number in range(10)]
    assert not importance.importances(same, made.SPACE, "validation_accuracy")


# The map of two


def test_a_map_is_high_where_trials_were_good_and_empty_where_none_was() -> None:
    trials = [
        trial
        for trial in trials_where(lambda p: p["dropout"], 80)
        if float(trial.params["weight_decay"]) < 0.01
    ]
    columns, rows, heights = surface(
        trials, ("dropout", WIDE["dropout"]), ("weight_decay", WIDE["weight_decay"])
    )
    assert heights.shape == (len(rows), len(columns))
    assert np.nanmean(heights[:, -10:]) > np.nanmean(heights[:, :10]) + 0.3
    assert np.isnan(heights[-1]).all()
    assert not np.isnan(heights[0]).all()


def test_a_map_does_not_blend_categories() -> None:
    trials = trials_where(lambda p: 1.0 if p["head"] == "mlp" else 0.0, 40)
    _, rows, heights = surface(trials, ("dropout", WIDE["dropout"]), ("head", WIDE["head"]))
    assert np.nanmax(heights[rows.index("linear")]) == 0
    assert np.nanmin(heights[rows.index("mlp")]) == pytest.approx(1)


# Advice


def kinds(board: Board) -> dict[str, str]:
    return {item.kind: item.text for item in advice.advise(board)}


def test_the_best_at_the_edge_of_a_range() -> None:
    trials = trials_where(lambda p: math.log10(p["weight_decay"]), 30)
    said = kinds(made.board(trials, WIDE))["edge"]
    assert "weight decay" in said
    assert "upper end, 1" in said
    assert "of the best 5" in said
    assert said.endswith("Widen weight decay upwards.")


def test_an_edge_that_is_the_end_of_the_world_is_no_advice() -> None:
    trials = trials_where(lambda p: -p["dropout"], 30)
    assert "edge" not in kinds(made.board(trials, WIDE))


def test_a_saturated_objective() -> None:
    trials = [made.trial(number, correct=48, loss=number / 10) for number in range(1, 6)] + [
        made.trial(6, correct=46)
    ]
    said = kinds(made.board(trials))["ties"]
    assert "saturated: 5 trials tie at 48/48" in said
    below = [made.trial(number, correct=47, loss=number / 10) for number in range(1, 6)]
    assert "one photo is 2.1 points" in kinds(made.board(below))["ties"]
    assert "0.1000 to 0.5000" in kinds(made.board(below))["ties"]


def test_failures_name_the_reason_and_the_value_they_share() -> None:
    trials = [
        made.trial(
            number, {"head": "linear", "dropout": "0.1", "weight_decay": "0.1", "epochs": "5"}
        )
        for number in (1, 2)
    ]
    trials += [
        made.trial(
            number,
            {**trials[0].params, "head": "mlp"},
            None,
            None,
            state=State.FAILED,
            reason="Out of memory.",
        )
        for number in (3, 4)
    ]
    said = kinds(made.board(trials, WIDE))["failed"]
    assert "2 of 4 trials failed, all for the same reason: Out of memory" in said
    assert "Every trial with head = mlp failed" in said


def test_defaults_that_nothing_beats() -> None:
    trials = [
        made.trial(1, {}, correct=47, loss=0.1),
        *(made.trial(number, correct=40) for number in range(2, 5)),
    ]
    assert "No trial beats the defaults (47/48)" in kinds(made.board(trials))["defaults"]


def test_a_choice_that_never_wins() -> None:
    trials = trials_where(
        lambda p: 5 * (p["head"] == "mlp") - abs(math.log10(p["weight_decay"]) + 2), 60
    )
    said = advice.advise(made.board(trials, WIDE))
    assert any(
        "head = linear was tried" in item.text and "remove it" in item.text
        for item in said
        if item.kind == "choice"
    )


def test_a_hyperparameter_that_hardly_matters() -> None:
    trials = trials_where(lambda p: -((math.log10(p["weight_decay"]) + 2) ** 2), 200)
    said = [item.text for item in advice.advise(made.board(trials, WIDE)) if item.kind == "small"]
    assert any(text.startswith("head has little influence") for text in said)
    assert not any("weight decay" in text for text in said)
    assert not any(item.kind == "small" for item in advice.advise(made.board(trials[:15], WIDE))), (
        "too few to say so"
    )


def test_a_long_time_without_anything_better() -> None:
    trials = [
        made.trial(1, correct=47),
        *(made.trial(number, correct=40) for number in range(2, 20)),
    ]
    assert "did not improve on trial 1" in kinds(made.board(trials))["long"]


def test_nothing_is_said_of_nothing() -> None:
    assert not advice.advise(made.board([]))
