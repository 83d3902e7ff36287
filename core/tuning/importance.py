"""Hyperparameter importance by PED-ANOVA, in numpy: importing optuna.importance takes 5 s.

Source: Watanabe, Bansal and Hutter, PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
Arbitrary Subspaces, IJCAI 2023. A hyperparameter is important if its values are distributed
differently among the best trials than among all trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from core.tuning.leaderboard import Trial
from core.tuning.space import Range
from core.tuning.study import score

BEST_SHARE = 0.1
MIN_BEST = 5
GRID = 50
# With fewer trials, an estimate reflects chance more than the hyperparameters.
SANE_TRIALS = 20
FEWEST_TRIALS = 4

Floats = npt.NDArray[np.float64]


def importances(
    trials: Sequence[Trial], space: Mapping[str, Range], objective: str
) -> dict[str, float]:
    """Return each tuned hyperparameter's share of the importance, largest first, adding up to 1;
    empty if it can't be estimated.

    The best trials are the best tenth, at least five, ties included. Only completed trials inside
    the space count.
    """
    known = [
        trial
        for trial in trials
        if trial.value is not None and trial.state == "Completed" and inside(trial, space)
    ]
    if len(known) < FEWEST_TRIALS:
        return {}
    scores = np.array([score(trial, objective) for trial in known])
    wanted = min(max(MIN_BEST, math.ceil(BEST_SHARE * len(known))), len(known) // 2)
    best = scores >= np.sort(scores)[-wanted]
    if best.all():
        return {}
    found = {
        name: _divergence(*_cells([trial.params[name] for trial in known], values), best)
        for name, values in space.items()
    }
    total = sum(found.values())
    if total <= 0:
        return {}
    return {name: found[name] / total for name in sorted(found, key=lambda name: -found[name])}


def inside(trial: Trial, space: Mapping[str, Range]) -> bool:
    """Return whether a trial has a value of every tuned hyperparameter, in its range."""
    return set(trial.params) >= set(space) and all(
        values.holds(trial.params[name]) for name, values in space.items()
    )


def _cells(texts: Sequence[str], values: Range) -> tuple[npt.NDArray[np.int64], int, bool]:
    """Return the cell of each value, the number of cells, and whether neighbouring cells are
    alike."""
    if values.kind == "choice":
        return np.array([values.choices.index(text) for text in texts]), len(values.choices), False
    size = GRID
    if values.kind == "int":
        size = min(GRID, round(values.high - values.low) + 1)
    positions = np.array([values.position(text) for text in texts])
    return np.clip(np.rint(positions * (size - 1)), 0, size - 1).astype(np.int64), size, True


def _divergence(
    cells: npt.NDArray[np.int64], size: int, ordered: bool, best: npt.NDArray[np.bool_]
) -> float:
    """Return Pearson's divergence of the best trials' density from the density of all trials."""
    estimate = _shares
    if ordered:
        estimate = _density
    top, everything = estimate(cells[best], size) + 1e-12, estimate(cells, size) + 1e-12
    return float(everything @ (top / everything - 1) ** 2)


def _shares(cells: npt.NDArray[np.int64], size: int) -> Floats:
    """Return the shares of the categories, smoothed with the weight of one trial."""
    return (np.bincount(cells, minlength=size) + 1 / size) / (len(cells) + 1)


def _density(cells: npt.NDArray[np.int64], size: int) -> Floats:
    """Return a Parzen estimate on a grid of cells: a truncated Gaussian per value (bandwidth by
    Scott's rule, Multivariate Density Estimation, 1992) and a wide one as prior."""
    from scipy.special import ndtr

    counts = np.bincount(cells, minlength=size)
    places = np.flatnonzero(counts)
    low, high = np.percentile(cells, [25, 75])
    spread = min(float((high - low) / 1.34), float(cells.std(ddof=1))) if len(cells) > 1 else 0.0
    width = max(1.059 * spread * len(cells) ** -0.2, 0.5 / 1.64)
    centres, widths = (
        np.append(places, (size - 1) / 2),
        np.append(np.full(len(places), width), size),
    )
    weights = np.append(counts[places], 1.0) / (len(cells) + 1)
    edges = (np.arange(size + 1) - 0.5)[None, :]
    below = ndtr((edges - centres[:, None]) / widths[:, None])
    mass = np.diff(below, axis=1) / (below[:, -1:] - below[:, :1])
    return np.asarray(weights @ mass)
