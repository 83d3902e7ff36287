"""Where a running training stands, and how long the rest takes, from the metric lines of its log."""

from __future__ import annotations

import pytest

from core.training import stage
from core.training.setup import Setup, setup_of
from core.training.stage import Stage

FROZEN = setup_of({})
TUNED = setup_of({"mode": "finetune", "epochs": "8"})
FEATURES = {"epoch": 0, "features_done": 300, "features_total": 400, "eta_seconds": 10}
FULL = {"epoch": 2, "step": 10, "train_loss": 0.5, "train_accuracy": 0.8, "eta_seconds": 60}
STEP = {"epoch": 3, "step": 5, "train_loss": 0.4, "eta_seconds": 55, "elapsed_seconds": 40}
DELIVERED = {"kept_epoch": 3, "validation_accuracy": 0.9, "validation_loss": 0.3}


def test_the_setup_of_a_job_is_read_from_its_hyperparameters() -> None:
    assert (FROZEN.preset, FROZEN.mode, FROZEN.may_end_early) == ("fast", "frozen", True)
    assert FROZEN.model == f"fast ({FROZEN.arch})"
    chosen = setup_of({"arch": "lite0@64", "mode": "finetune"})
    assert (chosen.preset, chosen.model, chosen.epochs) == ("", "lite0@64", 8)
    assert chosen.is_finetuned
    assert not chosen.may_end_early, "patience 10 never ends 8 epochs"


def test_a_setup_that_this_version_cannot_read_has_gaps() -> None:
    assert setup_of({"arch": "of-the-future"}) == Setup("", "of-the-future", "frozen", 0, True)


def test_before_the_first_line_there_is_no_stage() -> None:
    assert stage.stage_of([], FROZEN) is None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([FEATURES], Stage("features", 0.75, 300, 400)),
        ([FEATURES, FULL], Stage("training", 2 / 8, 3, 8)),
        ([FULL, STEP], Stage("training", 2.5 / 8, 3, 8)),
        ([STEP], Stage("training", 2 / 8, 3, 8)),
        ([FULL, {**FULL, "epoch": 8}], Stage("test", 0.0)),
        ([FULL, DELIVERED], Stage("test", 1.0)),
    ],
)
def test_the_stage_of_a_fine_tuning(rows: list[dict[str, float]], expected: Stage) -> None:
    assert stage.stage_of(rows, TUNED) == expected


def test_the_time_left_covers_the_stages_to_come() -> None:
    earlier = {"training": 100.0, "decoding": 5.0, "evaluation": 15.0, "total": 200.0}
    assert stage.seconds_left(TUNED, [], 50.0, earlier) == 150.0
    assert stage.seconds_left(TUNED, [FEATURES], 0.0, earlier) == 130.0
    assert stage.seconds_left(TUNED, [FULL, STEP], 40.0, earlier) == 70.0
    assert stage.seconds_left(TUNED, [FULL, STEP], 45.0, earlier) == 65.0, "5 s have passed since"


def test_what_nothing_tells_is_unknown() -> None:
    assert stage.seconds_left(TUNED, [], 5.0, {}) is None
    assert stage.seconds_left(TUNED, [FEATURES], 5.0, {}) is None, "epochs are not known yet"
    assert stage.seconds_left(FROZEN, [FEATURES], 0.0, {}) == 10 + stage.HEAD_SECONDS
    assert stage.seconds_left(setup_of({"head": "mlp"}), [FEATURES], 0.0, {}) is None


@pytest.mark.parametrize("spent", [0.0, 1e6])
def test_the_time_left_is_never_zero(spent: float) -> None:
    for rows in ([FEATURES], [FULL, STEP], [FULL, {**FULL, "epoch": 8}], [DELIVERED]):
        left = stage.seconds_left(FROZEN, rows, spent, {"total": 1.0, "training": 0.0})
        assert left is not None
        assert left >= 1
