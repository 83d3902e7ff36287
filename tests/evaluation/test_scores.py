"""Scores against hand-counted cases and scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from core.evaluation import scores
from core.evaluation.predictions import Predictions
from core.evaluation.scores import Score


def test_a_score_says_its_counts_and_its_named_interval() -> None:
    assert str(Score(321, 355)) == "321/355 = 0.904 (95 % Wilson 0.869 to 0.931)"
    assert str(Score(0, 0)) == "0/0 (no photo with a known class)"
    assert math.isnan(Score(0, 0).value)
    assert all(math.isnan(end) for end in Score(0, 0).interval_95)


@pytest.mark.parametrize(
    ("correct", "n"), [(0, 1), (1, 1), (0, 10), (10, 10), (47, 48), (321, 355), (50_000, 100_000)]
)
def test_the_interval_is_wilsons(correct: int, n: int) -> None:
    low, high = Score(correct, n).interval_95
    assert 0 <= low <= correct / n <= high <= 1
    reference = (
        pytest.importorskip("scipy.stats")
        .binomtest(correct, n)
        .proportion_ci(0.95, method="wilson")
    )
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_intervals_of_arrays_are_those_of_their_elements() -> None:
    low, high = scores.wilson_95(np.array([0, 3, 0]), np.array([5, 4, 0]))
    assert (low[1], high[1]) == pytest.approx(Score(3, 4).interval_95)
    assert low[0] == 0
    assert math.isnan(low[2])
    assert math.isnan(high[2])


def test_counts_by_hand(written: Callable[..., Predictions]) -> None:
    found = written(
        [
            (0, [0.8, 0.1, 0.1]),
            (0, [0.1, 0.8, 0.1]),
            (1, [0.1, 0.8, 0.1]),
            (2, [0.5, 0.3, 0.2]),
            (-1, [0.1, 0.1, 0.8]),
        ]
    )
    assert scores.top1(found) == Score(2, 4)
    assert scores.top_k(found, 2) == Score(3, 4)
    assert scores.top_k(found, 3) == Score(4, 4)
    assert scores.loss(found) == pytest.approx(
        -(2 * math.log(0.8) + math.log(0.1) + math.log(0.2)) / 4, abs=1e-6
    )
    table = scores.per_class(found).set_index("label")
    assert table["support"].tolist() == [2, 1, 1]
    assert table["predicted"].tolist() == [2, 2, 0]
    assert table["correct"].tolist() == [1, 1, 0]
    assert table["precision"].tolist()[:2] == [0.5, 0.5]
    assert table["recall"].tolist() == [0.5, 1.0, 0.0]
    assert table["f1"].tolist() == pytest.approx([0.5, 2 / 3, 0.0])
    assert table["precision"].isna().tolist() == [False, False, True]
    assert (table.loc["a", "recall_low"], table.loc["a", "recall_high"]) == pytest.approx(
        Score(1, 2).interval_95
    )
    assert scores.macro_f1(found) == pytest.approx((0.5 + 2 / 3) / 3)


def test_a_class_that_neither_occurs_nor_is_predicted_does_not_count_in_macro_f1(
    written: Callable[..., Predictions],
) -> None:
    found = written([(0, [0.9, 0.1, 0.0]), (1, [0.1, 0.9, 0.0])])
    assert scores.macro_f1(found) == 1
    assert np.isnan(
        scores.per_class(found).iloc[2][["precision", "recall", "f1"]].astype(float)
    ).all()


@pytest.mark.parametrize("photos", [[], [(-1, [0.2, 0.3, 0.5])]])
def test_without_known_classes_there_are_no_figures(
    written: Callable[..., Predictions], photos: list[tuple[int, list[float]]]
) -> None:
    found = scores.summary(written(photos))
    assert (found.n, found.unknown) == (0, len(photos))
    assert found.top1 == found.top_k == Score(0, 0)
    assert math.isnan(found.macro_f1)
    assert math.isnan(found.loss)


def test_top_k_is_cut_to_the_classes_in_a_summary_and_refused_below_one(
    written: Callable[..., Predictions],
) -> None:
    found = written([(2, [0.5, 0.3, 0.2])])
    assert scores.summary(found, k=5).k == 3
    with pytest.raises(ValueError, match="k >= 1"):
        scores.top_k(found, 0)


def test_every_split_has_its_own_scores(drawn: Callable[..., Predictions]) -> None:
    found = drawn(300, unknown=0.1)
    assert list(found.splits) == ["train", "validation", "test"]
    parts = [scores.summary(found.of_split(name)) for name in found.splits]
    assert sum(part.n + part.unknown for part in parts) == 300
    assert sum(part.top1.correct for part in parts) == scores.top1(found).correct


def test_the_order_of_the_photos_does_not_matter(drawn: Callable[..., Predictions]) -> None:
    found = drawn(300, unknown=0.1)
    turned = found.take(np.random.default_rng(1).permutation(300))
    first, second = scores.summary(found), scores.summary(turned)
    assert (first.top1, first.top_k, first.macro_f1) == (second.top1, second.top_k, second.macro_f1)
    assert first.loss == pytest.approx(second.loss)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn(drawn: Callable[..., Predictions], seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    whole = drawn(300, 7, seed, unknown=0.1)
    part = whole.take(np.flatnonzero(whole.known & (whole.label != 3)))
    truth, given = part.label, part.predicted
    assert scores.top1(whole).value == pytest.approx(
        metrics.accuracy_score(whole.label[whole.known], whole.predicted[whole.known])
    )
    reference = metrics.top_k_accuracy_score(
        truth, part.probabilities, k=3, labels=range(7), normalize=False
    )
    assert scores.top_k(part, 3).correct == reference
    assert scores.macro_f1(part) == pytest.approx(metrics.f1_score(truth, given, average="macro"))
    exact = part.probabilities / part.probabilities.sum(axis=1, keepdims=True, dtype=float)
    assert scores.loss(part) == pytest.approx(
        metrics.log_loss(truth, exact, labels=range(7)), rel=1e-5
    )
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, given, labels=range(7), zero_division=np.nan
    )
    table = scores.per_class(part)
    assert table["precision"].to_numpy() == pytest.approx(precision, nan_ok=True)
    assert table["recall"].to_numpy() == pytest.approx(recall, nan_ok=True)
    assert table["support"].tolist() == support.tolist()
    assert table["f1"].to_numpy() == pytest.approx(f1, nan_ok=True)
