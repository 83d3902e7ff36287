"""Two models on the same photos: which is right where, and whether the difference is statistically
significant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from core.evaluation.predictions import UNKNOWN, Flags, Predictions, Rows
from core.evaluation.scores import Z_95

Group = Literal["both", "only_a", "only_b", "neither"]
GROUPS: tuple[Group, ...] = ("both", "only_a", "only_b", "neither")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two models' predictions for the photos that are labelled for both; row i of `a` and of `b` is
    the same photo.

    Left out, and counted: `missing_in_a` and `missing_in_b` (photos of only the other model),
    `unlabelled` (no label for one of them) and `relabelled` (different labels for the two).
    `other_split`: compared photos that are in different splits for the two models, so one model may
    have been trained on test photos of the other.
    """

    a: Predictions
    b: Predictions
    missing_in_a: int
    missing_in_b: int
    unlabelled: int
    relabelled: int

    def __len__(self) -> int:
        return len(self.a)

    @property
    def other_split(self) -> int:
        return int(np.count_nonzero(self.a.split != self.b.split))

    @cached_property
    def counts(self) -> dict[Group, int]:
        """The number of photos that both get right, only a, only b, and neither."""
        return {group: int(np.count_nonzero(self._inside(group))) for group in GROUPS}

    def rows(self, group: Group) -> Rows:
        """Return the photos of one group, largest difference between the two models' probabilities
        of the true class first."""
        gap = np.abs(self.a.true_probability - self.b.true_probability)
        return self.a.ranked(np.flatnonzero(self._inside(group)), -gap)

    def table(self, group: Group) -> pd.DataFrame:
        """Return the same photos as a table: image_id, path, label, predicted_a, probability_a,
        predicted_b, probability_b."""
        rows = self.rows(group)
        return pd.DataFrame(
            {
                "image_id": self.a.image_id[rows],
                "path": self.a.path[rows],
                "label": self.a.names(self.a.label[rows]),
                "predicted_a": self.a.names(self.a.predicted[rows]),
                "probability_a": self.a.confidence[rows],
                "predicted_b": self.b.names(self.b.predicted[rows]),
                "probability_b": self.b.confidence[rows],
            }
        )

    @property
    def difference(self) -> float:
        """Top-1 of a minus top-1 of b on these photos, -1 to 1; NaN without photos."""
        if not len(self):
            return math.nan
        return (self.counts["only_a"] - self.counts["only_b"]) / len(self)

    @property
    def interval_95(self) -> tuple[float, float]:
        """95 % Bonett-Price interval of the difference; NaN without photos."""
        return bonett_price_95(self.counts["only_a"], self.counts["only_b"], len(self))

    @cached_property
    def p_value(self) -> float:
        """McNemar's exact test of the difference, two-sided."""
        return mcnemar_exact(self.counts["only_a"], self.counts["only_b"])

    def __str__(self) -> str:
        if not len(self):
            return "no labelled photo in common"
        low, high = (100 * end for end in self.interval_95)
        points = (
            f"{100 * self.difference:+.1f} points (95 % Bonett-Price {low:+.1f} to {high:+.1f})"
        )
        chance = f"p = {self.p_value:.3f}" if self.p_value >= 0.001 else "p < 0.001"
        return f"{points}, McNemar exact {chance}, n = {len(self)}"

    def _inside(self, group: Group) -> Flags:
        a, b = self.a.correct, self.b.correct
        return np.asarray(
            {"both": a & b, "only_a": a & ~b, "only_b": ~a & b, "neither": ~a & ~b}[group]
        )


def compare(a: Predictions, b: Predictions) -> Comparison:
    """Join two models' predictions by image_id (a photo that occurs twice counts once) and by class
    name.

    The models may have been trained on different versions or classes. Pass the same split of both:
    `compare(a.of_split("test"), ...)`.
    """
    first_a, first_b = _places(a, b)
    shared = (first_a >= 0) & (first_b >= 0)
    rows_a, rows_b = first_a[shared], first_b[shared]
    label_a, label_b = a.label[rows_a], _in_classes_of(a, b)[rows_b]
    unlabelled = (label_a == UNKNOWN) | (b.label[rows_b] == UNKNOWN)
    relabelled = ~unlabelled & (label_a != label_b)
    use = ~unlabelled & ~relabelled
    return Comparison(
        a=a.take(rows_a[use]),
        b=b.take(rows_b[use]),
        missing_in_a=int((first_a < 0).sum()),
        missing_in_b=int((first_b < 0).sum()),
        unlabelled=int(unlabelled.sum()),
        relabelled=int(relabelled.sum()),
    )


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Two-sided exact p-value that two models equally often are the only one right (McNemar 1947,
    binomial form).

    Twice the smaller tail of Binomial(only_a + only_b, 1/2), at most 1; 1 where they never differ.
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def bonett_price_95(only_a: int, only_b: int, n: int) -> tuple[float, float]:
    """95 % interval of the difference (only_a - only_b) / n of two shares measured on the same n
    photos, within [-1, 1]; NaN where n is 0.

    Bonett and Price 2012: the Wald interval after adding one to either count and two to n, which
    keeps its 95 % at small n.
    """
    if not n:
        return math.nan, math.nan
    first, second = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    centre = first - second
    half = Z_95 * math.sqrt((first + second - centre**2) / (n + 2))
    return max(-1.0, centre - half), min(1.0, centre + half)


def _places(a: Predictions, b: Predictions) -> tuple[Rows, Rows]:
    """For every image_id of either, in order of appearance: its first row in a and in b, -1 where
    it has none."""
    codes, found = pd.factorize(np.concatenate([a.image_id, b.image_id]))
    places = []
    for part in (codes[: len(a)], codes[len(a) :]):
        first = np.full(len(found), -1, dtype=np.intp)
        # Backwards, so that the first of several rows is written last.
        first[part[::-1]] = np.arange(len(part))[::-1]
        places.append(first)
    return places[0], places[1]


def _in_classes_of(a: Predictions, b: Predictions) -> Rows:
    """b's labels as indices of a's classes; -1 where a has no such class."""
    position = {name: index for index, name in enumerate(a.classes)}
    return np.array([*(position.get(name, UNKNOWN) for name in b.classes), UNKNOWN], dtype=np.intp)[
        b.label
    ]
