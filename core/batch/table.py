"""A transform job's results for reading: what can be filtered and counted in memory, a few bytes a
row; the rest page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.batch import results
from core.evaluation.predictions import UNKNOWN, Answered, Flags, Floats, Rows
from core.jobs.run_folder import RunFolder

Three = npt.NDArray[np.int8]

OUTCOMES = ("all", "wrong", "right", "unsure", "unfamiliar", "errors", "unlabelled")
ORDERS = ("listed", "least confident", "most confident")
_COUNTED = ("prediction", "label", "probability", *results.FLAGS, "error")
YES, NO, NOT_KNOWN = 1, 0, -1


@dataclass(frozen=True)
class Choice:
    """Which rows, in which order.

    `prediction` and `label` are class names ('' for any); low <= probability <= high.

    Rows with an error have no probability: they are in `all` only while the range is whole, and in
    `errors` always.
    """

    outcome: str = "all"
    prediction: str = ""
    label: str = ""
    low: float = 0.0
    high: float = 1.0
    order: str = "listed"


@dataclass(frozen=True, eq=False)
class Answers(Answered):
    """The rows of known class, as evaluation takes them.

    `row`: int [n], their places in the table.
    """

    label: Rows
    predicted: Rows
    confidence: Floats
    row: Rows
    classes: tuple[str, ...]

    def ranked(self, rows: Rows, key: npt.NDArray[Any]) -> Rows:
        """`rows` sorted by `key` [n], smallest first; equal ones in the table's order, which is
        that of the paths."""
        return rows[np.lexsort((self.row[rows], key[rows]))]


@dataclass(frozen=True, eq=False)
class Table:
    """n finished rows.

    `predicted` and `label`: int [n] into `names` (the model's classes first, then other labels), -1
    for none.

    `probability`: float [n], NaN for a row with an error. `unsure`, `unfamiliar`, `error`: bool
    [n]. `correct`, `in_training`: YES, NO or NOT_KNOWN [n].
    """

    folder: RunFolder
    classes: tuple[str, ...]
    names: tuple[str, ...]
    predicted: Rows
    label: Rows
    probability: Floats
    unsure: Flags
    unfamiliar: Flags
    error: Flags
    correct: Three
    in_training: Three

    def __len__(self) -> int:
        return len(self.predicted)

    def select(self, choice: Choice) -> Rows:
        """The rows of a choice, in its order."""
        mask = self._outcome(choice.outcome)
        for name, values in ((choice.prediction, self.predicted), (choice.label, self.label)):
            if name:
                mask &= values == self._number(name)
        if choice.outcome != "errors" and (choice.low > 0 or choice.high < 1):
            mask &= (self.probability >= choice.low) & (self.probability <= choice.high)
        rows = np.flatnonzero(mask)
        if choice.order == "listed":
            return rows
        key = self.probability[rows]
        if choice.order != "least confident":
            key = -key
        return rows[np.argsort(key, kind="stable")]

    def page(self, rows: Sequence[int] | Rows) -> pd.DataFrame:
        """These rows whole (the columns of results.SCHEMA), in this order; only what holds them is
        read."""
        wanted = np.asarray(rows, dtype=np.int64)
        order = np.argsort(wanted, kind="stable")
        found, start = [], 0
        for path in results.parts(self.folder):
            with results.opened(path) as file:
                for group in range(file.metadata.num_row_groups):
                    count = file.metadata.row_group(group).num_rows
                    inside = wanted[order][
                        (wanted[order] >= start) & (wanted[order] < start + count)
                    ]
                    if len(inside):
                        found.append(file.read_row_group(group).take(pa.array(inside - start)))
                    start += count
        frame = pa.concat_tables([results.SCHEMA.empty_table(), *found]).to_pandas()
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.arange(len(order))
        return frame.iloc[places].reset_index(drop=True)

    @cached_property
    def answers(self) -> Answers:
        """What can be scored: images that were answered and whose label is one of the model's
        classes."""
        rows = np.flatnonzero((self.correct != NOT_KNOWN) & ~self.error)
        return Answers(
            self.label[rows], self.predicted[rows], self.probability[rows], rows, self.classes
        )

    @cached_property
    def unseen(self) -> Answers:
        """As `answers`, without the images the model learned from: what an accuracy should be
        counted over."""
        answers = self.answers
        kept = self.in_training[answers.row] != YES
        parts = {
            name: getattr(answers, name)[kept]
            for name in ("label", "predicted", "confidence", "row")
        }
        return Answers(**parts, classes=self.classes)

    def counts(self) -> pd.DataFrame:
        """How often each class was predicted: class, sure, unsure (images), the most frequent
        first; classes never predicted left out."""
        size = len(self.names)
        answered = ~self.error
        all_of = np.bincount(self.predicted[answered], minlength=size)
        unsure = np.bincount(self.predicted[answered & self.unsure], minlength=size)
        frame = pd.DataFrame({"class": self.names, "sure": all_of - unsure, "unsure": unsure})
        ranked = np.argsort(-all_of, kind="stable")
        return frame.iloc[ranked[all_of[ranked] > 0]].reset_index(drop=True)

    def _outcome(self, outcome: str) -> Flags:
        masks = {
            "wrong": self.correct == NO,
            "right": self.correct == YES,
            "unsure": self.unsure,
            "unfamiliar": self.unfamiliar,
            "errors": self.error,
            "unlabelled": (self.correct == NOT_KNOWN) & ~self.error,
        }
        return masks.get(outcome, np.ones(len(self), dtype=bool)).copy()

    def _number(self, name: str) -> int:
        """The number that a class has in the columns; one that none has where it is unknown."""
        if name in self.names:
            return self.names.index(name)
        return len(self.names)


def read(folder: RunFolder, classes: Sequence[str]) -> Table:
    """What a job has finished so far. Raises NotFound where its results can't be read."""
    parts = [_columns(path) for path in results.parts(folder)]
    table = pa.concat_tables(
        [results.SCHEMA.empty_table().select(_COUNTED), *parts]
    ).combine_chunks()
    others = set(pc.unique(table["label"]).to_pylist()) | set(
        pc.unique(table["prediction"]).to_pylist()
    )
    names = (*classes, *sorted(others - set(classes) - {"", None}))
    flags = {
        name: np.asarray(table[name].cast(pa.int8()).fill_null(NOT_KNOWN), dtype=np.int8)
        for name in results.FLAGS
    }
    return Table(
        folder,
        tuple(classes),
        names,
        _codes(table["prediction"], names),
        _codes(table["label"], names),
        np.asarray(table["probability"].cast(pa.float32()).fill_null(np.nan), dtype=np.float32),
        flags["unsure"] == YES,
        flags["unfamiliar"] == YES,
        np.asarray(pc.not_equal(table["error"].fill_null(""), ""), dtype=bool),
        flags["correct"],
        flags["in_training"],
    )


def _columns(path: Any) -> pa.Table:
    with results.opened(path) as file:
        return file.read(columns=list(_COUNTED))


def _codes(column: pa.ChunkedArray, names: Sequence[str]) -> Rows:
    found = pc.index_in(column, value_set=pa.array(names, pa.string()))
    return np.asarray(found.fill_null(UNKNOWN), dtype=np.intp)
