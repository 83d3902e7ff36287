"""Accuracy, top-k, F1 and loss: counts with n and interval, overall and by class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.evaluation.predictions import Answered, Floats, Predictions

# The normal distribution's 97.5 % quantile: two-sided 95 %.
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Score:
    """`correct` of `n` photos. As text: `321/355 = 0.904 (95 % Wilson 0.869 to 0.931)`."""

    correct: int
    n: int

    @property
    def value(self) -> float:
        """The share that is correct, 0 to 1; NaN where n is 0."""
        if not self.n:
            return math.nan
        return self.correct / self.n

    @property
    def interval_95(self) -> tuple[float, float]:
        """95 % Wilson interval of the share; NaN where n is 0."""
        low, high = wilson_95(self.correct, self.n)
        return float(low), float(high)

    def __str__(self) -> str:
        if not self.n:
            return "0/0 (no photo with a known class)"
        low, high = self.interval_95
        return f"{self.correct}/{self.n} = {self.value:.3f} (95 % Wilson {low:.3f} to {high:.3f})"


@dataclass(frozen=True)
class Summary:
    """The scores of one set of photos: `n` with a label, `unknown` without one.

    `macro_f1` is 0 to 1, `loss` is in nats; both are NaN if n is 0.
    """

    n: int
    unknown: int
    top1: Score
    top_k: Score
    k: int
    macro_f1: float
    loss: float


def wilson_95(correct: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the 95 % score interval of `correct` of `n` (Wilson 1927): lows and highs, arrays of
    their shape in [0, 1], NaN where n is 0.

    Unlike the normal approximation it stays within [0, 1] and near 95 % coverage at small n and
    near 0 and 1.
    """
    # scipy's binomtest gives the same one class at a time: 136 ms for 200 classes against 1 ms,
    # after an import of 1.3 s.
    right, count = np.asarray(correct, dtype=float), np.asarray(n, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = right / count
        weight = 1 + Z_95**2 / count
        centre = (share + Z_95**2 / (2 * count)) / weight
        half = Z_95 * np.sqrt(share * (1 - share) / count + Z_95**2 / (4 * count**2)) / weight
    # At 0 of n and n of n the ends are 0 and 1 exactly, which rounding would miss.
    return np.clip(centre - half, 0, share), np.clip(centre + half, share, 1)


def top1(predictions: Answered) -> Score:
    """Return how many labelled photos are predicted as their class."""
    return Score(int(predictions.correct.sum()), int(predictions.known.sum()))


def top_k(predictions: Predictions, k: int = 5) -> Score:
    """Return how many labelled photos have their class among the k most probable. ValueError if
    k < 1."""
    if k < 1:
        raise ValueError(f"top-k needs k >= 1, not {k}")
    return Score(
        int((predictions.known & (predictions.rank <= k)).sum()), int(predictions.known.sum())
    )


def macro_f1(predictions: Answered) -> float:
    """Return the mean F1 of the classes that occur as a true or a predicted class (scikit-learn's
    default); NaN if none does."""
    f1 = per_class(predictions)["f1"].to_numpy()
    if not np.isfinite(f1).any():
        return math.nan
    return float(np.nanmean(f1))


def loss(predictions: Predictions) -> float:
    """Return the mean negative log-likelihood of the true class over labelled photos, in nats; NaN
    without any."""
    known = predictions.losses[predictions.known]
    if not len(known):
        return math.nan
    return float(known.mean())


def per_class(predictions: Answered) -> pd.DataFrame:
    """Return one row per class, in the model's order, over labelled photos.

    Columns: label, precision, recall, recall_low and recall_high (95 % Wilson), f1, support (photos
    of the class), predicted (photos predicted as the class), correct. A ratio with a denominator of
    0 is NaN, not 0.
    """
    count = len(predictions.classes)
    known = predictions.known
    support = np.bincount(predictions.label[known], minlength=count)
    predicted = np.bincount(predictions.predicted[known], minlength=count)
    correct = np.bincount(predictions.label[predictions.correct], minlength=count)
    low, high = wilson_95(correct, support)
    return pd.DataFrame(
        {
            "label": list(predictions.classes),
            "precision": _ratio(correct, predicted),
            "recall": _ratio(correct, support),
            "recall_low": low,
            "recall_high": high,
            "f1": _ratio(2 * correct, support + predicted),
            "support": support,
            "predicted": predicted,
            "correct": correct,
        }
    )


def summary(predictions: Predictions, k: int = 5) -> Summary:
    """Return all scores of these photos. `k` is at most the number of classes."""
    k = min(k, len(predictions.classes))
    known = int(predictions.known.sum())
    return Summary(
        n=known,
        unknown=len(predictions) - known,
        top1=top1(predictions),
        top_k=top_k(predictions, k),
        k=k,
        macro_f1=macro_f1(predictions),
        loss=loss(predictions),
    )


def _ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Floats:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
