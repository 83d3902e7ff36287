"""Photos whose label is likely wrong: confident learning on out-of-sample predictions.

Source: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 70 (2021), as in the package cleanlab. The number of wrong labels is estimated from the
confident joint. Listed are the photos that are among the worst by both of its rankings, the
probability of the own label and its margin to the best other label, and whose nearest photos have
another label too. Measured on 715 bird photos with 5 % of the labels swapped, two of the species
being nearly indistinguishable: 94 % of the listed labels were wrong, and 93 % of the wrong ones
were listed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.datasets.inspection import vectors
from core.datasets.inspection.vectors import Floats, Ints, Neighbours

FOLDS = 5
# Inverse strength of the L2 penalty, for standardised features: strong, so that a few wrong labels
# are not learned by heart.
STRENGTH = 0.001
ITERATIONS = 100
NEAREST = 8
# How much faster than its rank a neighbour loses weight with growing distance.
SHARPNESS = 10.0
MIN_PER_CLASS = 2


@dataclass(frozen=True, eq=False)
class Answers:
    """Out-of-sample predictions.

    `probabilities` is float32 [n, classes]; NaN in the rows of a class that is too small.
    `agreeing` is the weighted share of the nearest photos with the photo's own label.
    """

    probabilities: Floats
    agreeing: Floats

    def judged(self) -> npt.NDArray[np.bool_]:
        return np.isfinite(self.probabilities[:, 0])


def answers(
    features: Floats,
    labels: Ints,
    groups: Ints,
    neighbours: Neighbours,
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Answers:
    """Return cross-validated class probabilities.

    `features` [n, d] have length 1, `labels` are 0 to classes - 1. Photos of one of `groups` are
    always held out together, because a copy in train would reveal the label.
    """
    classes = int(labels.max()) + 1
    probabilities = np.full((len(labels), classes), np.nan, np.float32)
    judged = _judged(labels, groups)
    fold = _folds(labels, groups, seed)

    def fill(number: int) -> int:
        inside, outside = judged & (fold == number), judged & (fold != number)
        present = np.unique(labels[outside])
        if inside.any() and len(present) > 1:
            made = _predicted(features[outside], labels[outside], features[inside])
            probabilities[inside] = 0
            probabilities[np.ix_(np.flatnonzero(inside), present)] = made
        return number + 1

    # Warnings are switched for all threads together, so not in each of them.
    with (
        warnings.catch_warnings(),
        vectors.single_threaded_products(),
        ThreadPoolExecutor(max(1, workers)) as pool,
    ):
        # A fit that is cut short ranks equally well.
        warnings.simplefilter("ignore")
        for done in pool.map(fill, range(FOLDS)):
            progress(done, FOLDS)
    return Answers(probabilities, _agreeing(labels, groups, neighbours))


def _predicted(features: Floats, labels: Ints, others: Floats) -> Floats:
    """Return the probability of each class of `labels` for `others`, by a classifier fitted to
    `features`."""
    from sklearn.linear_model import LogisticRegression

    mean, deviation = features.mean(0), features.std(0) + 1e-6
    model = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS)
    model.fit((features - mean) / deviation, labels)
    made: Floats = model.predict_proba((others - mean) / deviation)
    return made


def mislabelled(labels: Ints, given: Answers) -> Ints:
    """Return the positions of photos whose label is likely wrong, the likeliest first."""
    from cleanlab.filter import find_label_issues

    rows = np.flatnonzero(given.judged())
    known, compact = np.unique(labels[rows], return_inverse=True)
    if len(known) < 2:
        return np.empty(0, np.int64)
    probabilities = given.probabilities[np.ix_(rows, known)].astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    flagged = np.ones(len(rows), dtype=bool)
    for ranking in ("low_self_confidence", "low_normalized_margin"):
        flagged &= find_label_issues(compact, probabilities, filter_by=ranking, n_jobs=1)
    found = rows[flagged & (given.agreeing[rows] < 0.5)]
    return found[np.argsort(margin(labels, given)[found], kind="stable")]


def margin(labels: Ints, given: Answers) -> Floats:
    """Return the probability of the own label minus that of the best other one, -1 to 1 [n]."""
    own, other, _ = best_other(labels, given)
    return own - other


def best_other(labels: Ints, given: Answers) -> tuple[Floats, Floats, Ints]:
    """Return, per photo, the probability of its own label, the probability of the likeliest other
    label and that label. NaN without a prediction."""
    rows = np.arange(len(labels))
    others = given.probabilities.copy()
    own = others[rows, labels]
    others[rows, labels] = -1
    best = np.where(given.judged(), np.nan_to_num(others, nan=-1).argmax(1), labels)
    return own, given.probabilities[rows, best], best


def _judged(labels: Ints, groups: Ints) -> npt.NDArray[np.bool_]:
    """Return which photos have a class with at least MIN_PER_CLASS groups, so that some remain for
    training."""
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    return np.bincount(pairs[0], minlength=int(labels.max()) + 1)[labels] >= MIN_PER_CLASS


def _folds(labels: Ints, groups: Ints, seed: int) -> Ints:
    """Return a fold per photo: groups are assigned class by class, in a seeded order."""
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(first))
    dealt = order[np.argsort(labels[first][order], kind="stable")]
    fold = np.empty(len(first), np.int64)
    fold[dealt] = np.arange(len(first)) % FOLDS
    return fold[member]


def _agreeing(labels: Ints, groups: Ints, neighbours: Neighbours) -> Floats:
    rows, cosines = neighbours.rows[:, :NEAREST], neighbours.cosines[:, :NEAREST]
    say = np.exp((cosines - 1) * SHARPNESS) * (groups[rows] != groups[:, None])
    total = say.sum(axis=1)
    agree = (say * (labels[rows] == labels[:, None])).sum(axis=1)
    # If all neighbours are copies of the photo, nothing supports its label.
    return (agree / np.maximum(total, 1e-12)).astype(np.float32)
