"""The photos to look at first: best, worst, most uncertain, misclassified.

All functions return rows; ties are sorted by path.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.evaluation.predictions import Predictions, Rows

COUNT = 12

Choice = Callable[[Predictions, int | None, str | None], Rows]


def best(predictions: Predictions, count: int | None = COUNT, label: str | None = None) -> Rows:
    """Return the photos whose true class has the highest probability; only those of class `label`
    if it is given."""
    return predictions.ranked(_known(predictions, label), predictions.losses)[:count]


def worst(predictions: Predictions, count: int | None = COUNT, label: str | None = None) -> Rows:
    """Return the photos whose true class has the lowest probability (the highest loss), right or
    wrong."""
    return predictions.ranked(_known(predictions, label), -predictions.losses)[:count]


def most_uncertain(
    predictions: Predictions, count: int | None = COUNT, label: str | None = None
) -> Rows:
    """Return the photos with the highest entropy, with or without a label."""
    rows = np.arange(len(predictions))
    if label is not None:
        rows = _known(predictions, label)
    return predictions.ranked(rows, -predictions.entropy)[:count]


def misclassified(
    predictions: Predictions, count: int | None = None, label: str | None = None
) -> Rows:
    """Return the mistakes, most confident first; all of them unless `count` is given."""
    rows = _known(predictions, label)
    return predictions.ranked(rows[predictions.wrong[rows]], -predictions.confidence)[:count]


def per_class(
    predictions: Predictions, choice: Choice, count: int | None = COUNT
) -> dict[str, Rows]:
    """Return the rows of one of the choices above for every class, in the model's order:
    `per_class(predictions, worst, 3)`."""
    return {name: choice(predictions, count, name) for name in predictions.classes}


def _known(predictions: Predictions, label: str | None) -> Rows:
    if label is None:
        return np.flatnonzero(predictions.known)
    return np.flatnonzero(predictions.label == predictions.index_of(label))
