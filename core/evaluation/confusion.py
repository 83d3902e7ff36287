"""The confusion matrix: counts, the most confused pairs, the photos of each cell, and an order that
puts confused classes together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.evaluation.predictions import Answered, Floats, Rows

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ConfusedPair:
    """Two classes that are confused with each other; `first` is the one with more mistakes.

    `first_as_second`: rows of photos of `first` predicted as `second`, most confident first;
    `second_as_first` the reverse. `photos`: how many photos of known class the two classes have
    together.
    """

    first: str
    second: str
    first_as_second: Rows
    second_as_first: Rows
    photos: int

    @property
    def total(self) -> int:
        return len(self.first_as_second) + len(self.second_as_first)

    @property
    def share(self) -> float:
        """The share of the two classes' photos that is confused between them, 0 to 1."""
        return self.total / self.photos


def counts(predictions: Answered) -> Counts:
    """Return the number of labelled photos by true (row) and predicted (column) class: int
    [K, K]."""
    size = len(predictions.classes)
    known = predictions.known
    flat = predictions.label[known] * size + predictions.predicted[known]
    return np.bincount(flat, minlength=size * size).reshape(size, size).astype(np.int64)


def frame(
    predictions: Answered, order: Sequence[int] | Rows | None = None, *, zeros: bool = True
) -> pd.DataFrame:
    """Return the matrix as one row per cell for a heat map: true, predicted (names), count, share
    (of the true class's photos; NaN without any).

    `order`: class indices in the order wanted (the model's own by default); the rows come out in
    it. `zeros`: whether empty cells are kept: K * K rows, or as many as there are different
    outcomes.
    """
    table = counts(predictions)
    if order is None:
        order = np.arange(len(table))
    chosen = np.asarray(order, dtype=np.intp)
    shares = _shares(table, empty=np.nan)
    true, predicted = (grid.ravel() for grid in np.meshgrid(chosen, chosen, indexing="ij"))
    if not zeros:
        filled = table[true, predicted] > 0
        true, predicted = true[filled], predicted[filled]
    return pd.DataFrame(
        {
            "true": predictions.names(true),
            "predicted": predictions.names(predicted),
            "count": table[true, predicted],
            "share": shares[true, predicted],
        }
    )


def cell(predictions: Answered, true: str, predicted: str) -> Rows:
    """Return the rows of the photos in one cell of the matrix, most confident first.

    Raises UserError if the model has no such class.
    """
    inside = (predictions.label == predictions.index_of(true)) & (
        predictions.predicted == predictions.index_of(predicted)
    )
    return predictions.ranked(np.flatnonzero(inside), -predictions.confidence)


def most_confused(predictions: Answered, limit: int | None = 20) -> list[ConfusedPair]:
    """Return the pairs of classes with the most mistakes between them, both directions summed; ties
    in the model's order of classes."""
    table = counts(predictions)
    both = table + table.T
    first, second = np.nonzero(np.triu(both, k=1))
    ranking = np.argsort(-both[first, second], kind="stable")[:limit]
    support = table.sum(axis=1)
    mistakes = _rows_by_cell(predictions)
    return [_pair(predictions, mistakes, support, int(first[i]), int(second[i])) for i in ranking]


def hardest_classes(predictions: Answered, limit: int) -> Rows:
    """Return the indices of the `limit` classes with the most mistakes, as true or as predicted
    class, in `grouped_order`."""
    table = counts(predictions)
    mistakes = table.sum(axis=0) + table.sum(axis=1) - 2 * np.diag(table)
    chosen = np.sort(np.argsort(-mistakes, kind="stable")[:limit])
    return chosen[grouped_order(table[np.ix_(chosen, chosen)])]


def grouped_order(table: npt.NDArray[Any]) -> Rows:
    """Return an order of the K classes that puts those confused with each other together: class
    indices [K].

    Average-linkage clustering of the counts [K, K] (each row as shares, both directions added). Two
    groups are joined with the most confused ends touching; groups never confused with each other
    keep the model's order. The same counts give the same order.
    """
    # scipy's linkage with its optimal ordering is another order (1 in 50 random tables came out the
    # same): it breaks ties by distances, and moves classes that are never confused.
    likeness = _shares(table, empty=0.0)
    likeness = likeness + likeness.T
    between = likeness.copy()
    np.fill_diagonal(between, 0)
    groups: list[list[int]] = [[index] for index in range(len(table))]
    while between.max() > 0:
        low, high = sorted(divmod(int(between.argmax()), len(table)))
        sizes = len(groups[low]), len(groups[high])
        merged = (between[low] * sizes[0] + between[high] * sizes[1]) / sum(sizes)
        groups[low] = _joined(groups[low], groups[high], likeness)
        groups[high] = []
        merged[[low, high]] = 0
        between[low], between[:, low] = merged, merged
        between[high], between[:, high] = 0, 0
    # A group sits at its smallest index, because joining always keeps the lower one.
    return np.array([index for group in groups for index in group], dtype=np.intp)


def _joined(left: list[int], right: list[int], likeness: Floats) -> list[int]:
    """Return the two lists in a row, each reversed if that brings more similar ends together."""
    options = [(one, two) for one in (left, left[::-1]) for two in (right, right[::-1])]
    one, two = max(options, key=lambda option: likeness[option[0][-1], option[1][0]])
    return one + two


def _shares(table: npt.NDArray[Any], empty: float) -> Floats:
    total = table.sum(axis=1, keepdims=True)
    return np.divide(table, total, out=np.full(table.shape, empty), where=total > 0)


def _rows_by_cell(predictions: Answered) -> dict[tuple[int, int], Rows]:
    """Return the rows of every mistake by (true, predicted) class, most confident first."""
    size = len(predictions.classes)
    rows = predictions.ranked(np.flatnonzero(predictions.wrong), -predictions.confidence)
    cells = predictions.label[rows] * size + predictions.predicted[rows]
    order = np.argsort(cells, kind="stable")
    found, starts = np.unique(cells[order], return_index=True)
    parts = np.split(rows[order], starts)[1:]
    return {
        (int(place) // size, int(place) % size): part
        for place, part in zip(found, parts, strict=True)
    }


def _pair(
    predictions: Answered,
    mistakes: dict[tuple[int, int], Rows],
    support: Counts,
    low: int,
    high: int,
) -> ConfusedPair:
    none = np.empty(0, dtype=np.intp)
    forward, backward = mistakes.get((low, high), none), mistakes.get((high, low), none)
    if len(backward) > len(forward):
        low, high, forward, backward = high, low, backward, forward
    names = predictions.classes
    return ConfusedPair(
        names[low], names[high], forward, backward, int(support[low] + support[high])
    )
