"""Reliability, the calibration error, coverage, thresholds and temperature."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from core.evaluation import calibration, scores
from core.evaluation.predictions import Predictions
from core.evaluation.scores import Score


@pytest.fixture
def five(written: Callable[..., Predictions]) -> Predictions:
    """Confidence 0.9 right, 0.8 wrong, 0.7 right, 0.7 wrong, 0.6 right; a sixth photo's class is not known."""
    return written(
        [
            (0, [0.9, 0.1]),
            (1, [0.8, 0.2]),
            (0, [0.7, 0.3]),
            (1, [0.7, 0.3]),
            (0, [0.6, 0.4]),
            (-1, [0.99, 0.01]),
        ]
    )


def test_reliability_by_hand(five: Predictions) -> None:
    table = calibration.reliability(five, bins=4)
    assert table["n"].tolist() == [0, 0, 3, 2]
    assert table["correct"].tolist() == [0, 0, 2, 1]
    assert table["confidence"].tolist()[2:] == pytest.approx([2 / 3, 0.85])
    assert table["gap"].tolist()[2:] == pytest.approx([0, 0.5 - 0.85])
    assert table[["confidence", "accuracy", "gap", "accuracy_low"]].iloc[0].isna().all()
    assert (table["accuracy_low"][3], table["accuracy_high"][3]) == pytest.approx(
        Score(1, 2).interval_95
    )
    assert table["low"].tolist() == [0, 0.25, 0.5, 0.75]
    assert calibration.expected_calibration_error(five, bins=4) == pytest.approx(2 / 5 * 0.35)


def test_bins_hold_their_upper_edge_and_every_photo(written: Callable[..., Predictions]) -> None:
    found = written([(0, [0.5, 0.5]), (0, [1.0, 0.0]), (0, [0.75, 0.25])])
    assert calibration.reliability(found, bins=4)["n"].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_the_bins_sum_to_all_photos_of_known_class(
    drawn: Callable[..., Predictions], bins: int
) -> None:
    found = drawn(300, unknown=0.2)
    table = calibration.reliability(found, bins)
    assert table["n"].sum() == found.known.sum()
    assert table["correct"].sum() == found.correct.sum()
    assert 0 <= calibration.expected_calibration_error(found, bins) <= 1
    used = table[table["n"] > 0]
    assert ((used["confidence"] > used["low"]) & (used["confidence"] <= used["high"])).all()


def test_a_calibrated_model_has_a_small_error_and_a_vain_one_a_large_one() -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    confidence = rng.uniform(0.5, 1, n)
    texts = np.array([str(index) for index in range(n)])
    given = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    label = (rng.random(n) > confidence).astype(np.intp)
    honest = Predictions(texts, texts, texts, label, given, ("a", "b"))
    assert calibration.expected_calibration_error(honest) < 0.015
    assert calibration.expected_calibration_error(calibration.rescaled(honest, 0.3)) > 0.08


def test_coverage_by_hand(five: Predictions) -> None:
    table = calibration.coverage(five, [0.0, 0.65, 0.75, 0.95])
    assert table["kept"].tolist() == [5, 4, 2, 0]
    assert table["correct"].tolist() == [3, 2, 1, 0]
    assert table["n"].tolist() == [5, 5, 5, 5]
    assert table["coverage"].tolist() == pytest.approx([1, 0.8, 0.4, 0])
    assert table["accuracy"].tolist()[:3] == pytest.approx([0.6, 0.5, 0.5])
    assert math.isnan(table["accuracy"][3])
    assert (table["accuracy_low"][0], table["accuracy_high"][0]) == pytest.approx(
        Score(3, 5).interval_95
    )


def test_coverage_falls_from_everything_and_agrees_with_a_single_threshold(
    drawn: Callable[..., Predictions],
) -> None:
    found = drawn(300, unknown=0.2)
    table = calibration.coverage(found)
    assert len(table) == 101
    assert table["coverage"][0] == 1
    assert table["accuracy"][0] == pytest.approx(scores.top1(found).value)
    assert (np.diff(table["kept"]) <= 0).all()
    for row in table.iloc[::10].to_dict("records"):
        assert calibration.kept(found, row["threshold"]) == Score(row["correct"], row["kept"])


def test_a_photo_exactly_on_the_threshold_is_kept(written: Callable[..., Predictions]) -> None:
    found = written([(0, [0.75, 0.25])])
    assert calibration.kept(found, 0.75) == Score(1, 1)
    assert calibration.coverage(found, [0.75])["kept"].tolist() == [1]


@pytest.mark.parametrize(
    ("target", "value", "kept"),
    [
        (0.5, 0.0, Score(3, 5)),
        (0.6, 0.0, Score(3, 5)),
        (0.65, 0.9, Score(1, 1)),
        (1.0, 0.9, Score(1, 1)),
    ],
)
def test_the_smallest_threshold_that_reaches_a_target(
    five: Predictions, target: float, value: float, kept: Score
) -> None:
    found = calibration.threshold_for(five, target)
    assert found is not None
    assert found.value == pytest.approx(value)
    assert (found.kept, found.n, found.target) == (kept, 5, target)
    assert found.coverage == kept.n / 5


def test_photos_of_equal_confidence_are_kept_or_left_together(
    written: Callable[..., Predictions],
) -> None:
    found = written([(0, [0.75, 0.25]), (1, [0.75, 0.25]), (1, [0.625, 0.375])])
    assert calibration.threshold_for(found, 0.9) is None
    half = calibration.threshold_for(found, 0.5)
    assert half is not None
    assert (half.value, half.kept) == (0.75, Score(1, 2))


def test_there_may_be_no_threshold(written: Callable[..., Predictions]) -> None:
    assert calibration.threshold_for(written([(1, [0.9, 0.1])]), 0.5) is None
    assert calibration.threshold_for(written([]), 0.5) is None
    assert calibration.threshold_for(written([(-1, [0.9, 0.1, 0.0])]), 0.5) is None


@pytest.mark.parametrize("target", [0.55, 0.7, 0.8, 0.9])
def test_no_smaller_threshold_would_do(drawn: Callable[..., Predictions], target: float) -> None:
    whole = drawn(300, unknown=0.1)
    found = calibration.threshold_for(whole, target)
    assert found is not None
    assert found.kept.value >= target
    assert calibration.kept(whole, found.value) == found.kept
    smaller = [level for level in np.unique(whole.confidence[whole.known]) if level < found.value]
    assert all(calibration.kept(whole, level).value < target for level in smaller)


def test_targets_that_are_whole_counts_are_reached_exactly(
    written: Callable[..., Predictions],
) -> None:
    photos = [(0, [0.9, 0.1])] * 7 + [(1, [0.9, 0.1])] * 93
    found = calibration.threshold_for(written(photos), 0.07)
    assert found is not None
    assert found.kept == Score(7, 100)


def test_temperature_by_hand() -> None:
    given = np.array([[0.8, 0.2], [0.5, 0.5]], dtype=np.float32)
    softer = calibration.rescale(given, 2)
    assert softer[0] == pytest.approx(np.sqrt([0.8, 0.2]) / np.sqrt([0.8, 0.2]).sum())
    assert softer[1] == pytest.approx([0.5, 0.5])
    assert softer.dtype == np.float32


def test_temperature_keeps_order_and_sums_and_can_be_undone(
    drawn: Callable[..., Predictions],
) -> None:
    found = drawn(5000, 5)
    for temperature in (0.5, 1.0, 1.7, 10.0):
        changed = calibration.rescaled(found, temperature)
        assert changed.probabilities.sum(axis=1) == pytest.approx(np.ones(5000), abs=1e-5)
        assert (changed.predicted == found.predicted).all()
        assert calibration.rescale(changed.probabilities, 1 / temperature) == pytest.approx(
            found.probabilities, abs=2e-4
        )


def test_extreme_temperatures_and_probabilities_stay_probabilities() -> None:
    given = np.array([[1.0, 0.0], [0.5, 0.5], [1e-30, 1.0]], dtype=np.float32)
    for temperature in (1e-6, 1e6):
        assert np.isfinite(calibration.rescale(given, temperature)).all()
    assert calibration.rescale(given, 3.0)[0].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_is_a_positive_number(temperature: float) -> None:
    with pytest.raises(ValueError, match="positive number"):
        calibration.rescale(np.array([[0.5, 0.5]], dtype=np.float32), temperature)


def test_without_photos_there_are_no_figures(written: Callable[..., Predictions]) -> None:
    none = written([])
    assert math.isnan(calibration.expected_calibration_error(none))
    assert calibration.reliability(none)["n"].sum() == 0
    assert calibration.coverage(none)["coverage"].isna().all()
    assert calibration.kept(none, 0.5) == Score(0, 0)
    assert calibration.rescaled(none, 2).probabilities.shape == (0, 3)


def test_agrees_with_scikit_learn(drawn: Callable[..., Predictions]) -> None:
    reference = pytest.importorskip("sklearn.calibration")
    found = drawn(2000)
    share, mean = reference.calibration_curve(found.correct, found.confidence, n_bins=10)
    used = calibration.reliability(found, bins=10).query("n > 0")
    assert used["accuracy"].tolist() == pytest.approx(share.tolist())
    assert used["confidence"].tolist() == pytest.approx(mean.tolist())
