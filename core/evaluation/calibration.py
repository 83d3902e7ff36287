"""Calibration of probabilities, and the coverage and accuracy of a threshold on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.evaluation.predictions import Flags, Floats, Predictions, Rows, chunks
from core.evaluation.scores import Score, wilson_95

# Guo et al. 2017 use 15 bins in their tables.
BINS = 15


@dataclass(frozen=True)
class Threshold:
    """The smallest probability at which the kept photos reach the accuracy `target`.

    `kept`: the correct ones among the photos at or above `value`; `n`: all labelled photos that it
    was chosen on.
    """

    value: float
    target: float
    kept: Score
    n: int

    @property
    def coverage(self) -> float:
        """The share of photos that are kept, 0 to 1."""
        return self.kept.n / self.n


def reliability(predictions: Predictions, bins: int = BINS) -> pd.DataFrame:
    """Return the labelled photos in `bins` equally wide bins of confidence, (low, high]: the rows
    of a reliability diagram.

    Columns: low, high (of the bin), n, correct, confidence (mean), accuracy, gap (accuracy -
    confidence), accuracy_low and accuracy_high (95 % Wilson). Empty bins have n = 0 and NaN.
    """
    confidence, correct = _known(predictions)
    place = np.clip(np.ceil(confidence * bins).astype(np.intp) - 1, 0, bins - 1)
    n = np.bincount(place, minlength=bins)
    right = np.bincount(place[correct], minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, weights=confidence, minlength=bins) / n
        accuracy = right / n
    low, high = wilson_95(right, n)
    edges = np.linspace(0, 1, bins + 1)
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "n": n,
            "correct": right,
            "confidence": mean,
            "accuracy": accuracy,
            "gap": accuracy - mean,
            "accuracy_low": low,
            "accuracy_high": high,
        }
    )


def expected_calibration_error(predictions: Predictions, bins: int = BINS) -> float:
    """Return the ECE (Guo et al. 2017): the mean distance between accuracy and confidence over the
    bins, weighted by n; 0 to 1, NaN if n is 0."""
    table = reliability(predictions, bins)
    n = int(table["n"].sum())
    if not n:
        return math.nan
    return float((table["n"] * table["gap"].abs()).sum() / n)


def kept(predictions: Predictions, threshold: float) -> Score:
    """Return how many labelled photos have a confidence of at least `threshold`, and how many of
    those are correct."""
    confidence, correct = _known(predictions)
    above = confidence >= threshold
    return Score(int(correct[above].sum()), int(above.sum()))


def coverage(
    predictions: Predictions, thresholds: Sequence[float] | Floats | None = None
) -> pd.DataFrame:
    """Return for each threshold how many labelled photos it keeps, and the accuracy on them.

    `thresholds`: 0, 0.01 ... 1 by default. Columns: threshold, kept, n (all photos), coverage (kept
    / n), correct, accuracy, accuracy_low and accuracy_high (95 % Wilson; NaN if nothing is
    kept).
    """
    if thresholds is None:
        thresholds = np.linspace(0, 1, 101)
    levels = np.asarray(thresholds, dtype=float)
    confidence, correct = _known(predictions)
    order = np.argsort(confidence)
    below = np.searchsorted(confidence[order], levels, side="left")
    right_below = np.concatenate([[0], np.cumsum(correct[order], dtype=np.intp)])
    n = len(confidence)
    kept_n, right = n - below, right_below[-1] - right_below[below]
    low, high = wilson_95(right, kept_n)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = {
            "coverage": kept_n / n if n else np.full(len(levels), np.nan),
            "accuracy": right / kept_n,
        }
    return pd.DataFrame(
        {
            "threshold": levels,
            "kept": kept_n,
            "n": n,
            "coverage": shares["coverage"],
            "correct": right,
            "accuracy": shares["accuracy"],
            "accuracy_low": low,
            "accuracy_high": high,
        }
    )


def threshold_for(predictions: Predictions, target: float) -> Threshold | None:
    """Return the smallest threshold whose kept photos (confidence at or above it) have an accuracy
    of at least `target`.

    0 if all photos together reach it, otherwise the confidence of a photo; None if no threshold
    does, or no photo is labelled. Choose it on validation: on the split it was chosen on, its
    accuracy is optimistic. Check `kept.interval_95` if few photos are kept.
    """
    confidence, correct = _known(predictions)
    order = np.argsort(-confidence, kind="stable")
    confidence, right = confidence[order], np.cumsum(correct[order], dtype=np.intp)
    # Photos of equal confidence are kept or dropped together, so a threshold can cut only after the
    # last one of such a run.
    cuts = np.flatnonzero(np.diff(confidence, append=-1))
    reached = cuts[_reaches(right[cuts], cuts + 1, target)]
    if not len(reached):
        return None
    last = int(reached[-1])
    value = float(confidence[last])
    if last == len(confidence) - 1:
        value = 0.0
    return Threshold(value, target, Score(int(right[last]), last + 1), len(confidence))


def rescale(probabilities: Floats, temperature: float) -> Floats:
    """Return the probabilities [n, K] at another temperature: softmax of log p / T (Guo et al.
    2017), float32.

    T > 1 softens and T < 1 sharpens; the order of the classes does not change. 1/T reverts T if T
    was applied to the logits of exactly these probabilities (not to those of views averaged
    later). Raises ValueError unless T is a positive number.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"a temperature is a positive number, not {temperature}")
    result = np.empty(probabilities.shape, dtype=np.float32)
    for part in chunks(len(probabilities)):
        with np.errstate(divide="ignore"):
            logs = np.log(probabilities[part])
        # The division comes after the maximum is taken off, or a tiny T would overflow.
        scaled = np.exp((logs - logs.max(axis=1, keepdims=True)) / temperature)
        result[part] = scaled / scaled.sum(axis=1, keepdims=True)
    return result


def rescaled(predictions: Predictions, temperature: float) -> Predictions:
    """Return the predictions with their probabilities at another temperature; see `rescale`."""
    return replace(predictions, probabilities=rescale(predictions.probabilities, temperature))


def _reaches(correct: Rows, n: Rows, target: float) -> Flags:
    # The tolerance is for products such as 100 * 0.07, which round to slightly above 7.
    return np.asarray(correct >= n * target - 1e-9)


def _known(predictions: Predictions) -> tuple[npt.NDArray[np.float64], Flags]:
    """Return confidence (float64, as serving compares it) and correctness of the labelled
    photos."""
    known = predictions.known
    return predictions.confidence[known].astype(np.float64), predictions.correct[known]
