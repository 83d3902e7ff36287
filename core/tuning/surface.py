"""The objective over two hyperparameters, smoothed over the trials, and empty far from any
trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.tuning.leaderboard import Trial
from core.tuning.space import Range

STEPS = 40
REACH = 0.12
# If the weights of the trials add up to less than this, the cell stays empty.
LEAST_WEIGHT = 0.05

Floats = npt.NDArray[np.float64]


def surface(
    trials: Sequence[Trial], first: tuple[str, Range], second: tuple[str, Range]
) -> tuple[list[str], list[str], Floats]:
    """Return (values of the first, values of the second, objective [second, first]), NaN far from
    any trial.

    A Nadaraya-Watson average with a Gaussian kernel on the scales of the ranges (logarithmic if
    they are); categories are not averaged with each other.
    """
    axes = [_axis(first[1]), _axis(second[1])]
    points = np.array(
        [
            [values.position(trial.params[name]) for name, values in (first, second)]
            for trial in trials
        ]
    ).reshape(-1, 2)
    heights = np.array([trial.value for trial in trials], dtype=np.float64)
    weights = np.ones((len(axes[1][1]), len(axes[0][1]), len(trials)))
    for number, (_, values) in enumerate((first, second)):
        distance = axes[number][1][:, None] - points[None, :, number]
        near = np.exp(-0.5 * (distance / REACH) ** 2)
        if values.kind == "choice":
            near = (np.abs(distance) < 1e-9).astype(float)
        # The first hyperparameter runs along the columns, the second along the rows.
        weights *= np.expand_dims(near, number)
    total = weights.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (
            axes[0][0],
            axes[1][0],
            np.where(total > LEAST_WEIGHT, weights @ heights / total, np.nan),
        )


def _axis(values: Range) -> tuple[list[str], Floats]:
    """Return the strings and positions of the cells along one hyperparameter."""
    if values.kind == "choice":
        return list(values.choices), np.array([values.position(text) for text in values.choices])
    texts = Range(values.kind, values.low, values.high, values.log, points=STEPS).grid()
    return list(texts), np.array([values.position(text) for text in texts])
