"""Search spaces: every kind of range, what a grid means, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from core.errors import UserError
from core.tuning import presets
from core.tuning import space as spaces
from core.tuning.objectives import check
from core.tuning.space import Range
from tests.tuning import made

FLOAT = Range("float", 0.0, 0.5)
LOG = Range("float", 1e-4, 1.0, log=True)
INT = Range("int", 5, 20)
INT_LOG = Range("int", 8, 128, log=True)
CHOICE = Range("choice", choices=("linear", "mlp"))


@pytest.mark.parametrize(
    ("values", "position", "expected"),
    [
        (FLOAT, 0.5, 0.25),
        (LOG, 0.5, 0.01),
        (INT, 1.0, 20),
        (INT_LOG, 0.5, 32),
        (LOG, 0.0, 1e-4),
        (LOG, 1.0, 1.0),
    ],
)
def test_a_position_is_on_the_scale_of_the_range(
    values: Range, position: float, expected: float
) -> None:
    assert values.at(position) == pytest.approx(expected)
    assert values.position(values.text(expected)) == pytest.approx(position, abs=1e-6)


@pytest.mark.parametrize("values", [FLOAT, LOG, INT, INT_LOG, CHOICE])
def test_every_value_of_a_grid_is_read_back_as_it_was_written(values: Range) -> None:
    for text in values.grid():
        assert values.holds(text)
        assert values.text(values.value(text)) == text


def test_a_text_never_leaves_the_range() -> None:
    odd = Range("float", 0.12345678, 0.33333333)
    for number in (0.12345678, 0.2, 0.33333333):
        assert odd.low <= float(odd.text(number)) <= odd.high


@pytest.mark.parametrize(
    ("values", "text"),
    [(INT, "5.5"), (INT, "21"), (FLOAT, "x"), (FLOAT, "nan"), (CHOICE, "deep"), (LOG, "0")],
)
def test_what_is_not_in_a_range(values: Range, text: str) -> None:
    assert not values.holds(text)


def test_grids() -> None:
    assert LOG.grid() == ("0.0001", "0.001", "0.01", "0.1", "1")
    assert Range("int", 1, 3, points=10).grid() == ("1", "2", "3")
    assert Range("int", 8, 128, log=True, points=5).grid() == ("8", "16", "32", "64", "128")
    space = {"lr": LOG, "epochs": Range("int", 5, 20, points=4), "head": CHOICE}
    assert (
        spaces.grid_size(space)
        == 5 * 4 * 2
        == len(spaces.grid(space))
        == len({tuple(found.values()) for found in spaces.grid(space)})
    )


def test_a_grid_beyond_all_patience_is_refused() -> None:
    wide = Range("float", 0, 1, points=100)
    with pytest.raises(UserError, match="1,000,000 combinations"):
        spaces.grid({"dropout": wide, "label_smoothing": wide, "mixup": wide})


def test_how_many_trials_a_space_allows() -> None:
    assert spaces.combinations({"head": CHOICE, "epochs": INT}) == 2 * 16
    assert spaces.combinations({"head": CHOICE, "dropout": FLOAT}) is None


def test_a_space_survives_its_file() -> None:
    space = {"lr": LOG, "epochs": INT, "head": CHOICE}
    assert spaces.parse(spaces.as_dict(space)) == space


@pytest.mark.parametrize(
    ("space", "field", "words"),
    [
        ({}, "space", "at least one"),
        ({"weight_decay": Range("float", 0, 1, log=True)}, "weight_decay", "above 0"),
        ({"weight_decay": Range("float", 1, 0.1)}, "weight_decay", "smaller number to a larger"),
        ({"weight_decay": Range("float", math.nan, 1)}, "weight_decay", "smaller number"),
        ({"weight_decay": Range("float", 0.1, 1e9)}, "weight_decay", "cannot be used"),
        ({"epochs": Range("int", 1.5, 3)}, "epochs", "whole numbers"),
        ({"head": Range("choice", choices=("linear",))}, "head", "2 to"),
        ({"head": Range("choice", choices=("linear", "linear"))}, "head", "different"),
        ({"head": Range("choice", choices=("linear", "deep"))}, "head", "deep"),
        ({"arch": Range("choice", choices=("lite0", "no_such"))}, "arch", "no_such"),
        ({"dropout": Range("wavy", 0, 1)}, "dropout", "kind"),
        ({"checkpoint_dir": Range("choice", choices=("/a", "/b"))}, "checkpoint_dir", "cannot be tuned"),
        ({"mixup": Range("float", 0, 1)}, "mixup", "frozen"),
        ({"no_such": Range("float", 0, 1)}, "no_such", "cannot be tuned"),
    ],
)  # fmt: skip
def test_fault_23_a_space_that_cannot_be_searched_names_the_field(
    space: Mapping[str, Range], field: str, words: str
) -> None:
    with pytest.raises(UserError, match=words) as refusal:
        check(made.spec(space))
    assert refusal.value.field == field


def test_fault_23_a_name_too_long_for_sagemaker() -> None:
    with pytest.raises(UserError, match="32"):
        check(made.spec(id="fm-tuning-20260101t000000-abcdef7"))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"objective": "test_accuracy"}, "objective"),
        ({"strategy": "magic"}, "strategy"),
        ({"max_trials": 0}, "max_trials"),
        ({"parallel": 100}, "parallel"),
        ({"patience": -1}, "patience"),
        ({"max_seconds": -1}, "max_seconds"),
        ({"seed": -1}, "seed"),
        ({"fixed": {"weight_decay": "0.1"}}, "weight_decay"),
        ({"fixed": {"lr": "fast"}}, "lr"),
    ],
)
def test_a_tuning_job_that_makes_no_sense_names_the_field(
    more: dict[str, object], field: str
) -> None:
    with pytest.raises(UserError) as refusal:
        check(made.spec(**more))  # type: ignore[arg-type]
    assert refusal.value.field == field


@pytest.mark.parametrize("name", sorted(presets.SPACES))
def test_every_preset_can_be_searched(name: str) -> None:
    preset = presets.SPACES[name]
    mode = {"mode": preset.mode} if preset.mode != "frozen" else {}
    check(made.spec(preset.space, {**mode, **preset.fixed}))
    assert not spaces.without_effect(preset.space, {**mode, **preset.fixed})


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_every_tunable_hyperparameter_has_a_usual_range(mode: str) -> None:
    for name in presets.tunable(mode):
        fixed = {"mode": mode} if mode != "frozen" else {}
        spaces.check({name: presets.usual(name)}, fixed)


def test_what_changes_nothing_is_said() -> None:
    assert spaces.without_effect({"lr": LOG, "weight_decay": LOG}, {}) == ["lr"]
    assert not spaces.without_effect({"lr": LOG}, {"head": "mlp"})
    assert not spaces.without_effect({"lr": LOG, "head": CHOICE}, {})
