"""The results of a batch for reading: the columns to filter and count by in memory, a few bytes a
row; the others a page at a time."""

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
    """A choice of rows and their order.

    `prediction` and `label` are class names ('' for any); low <= probability <= high.

    Rows with an error have no probability: they are in `all` only if the range is 0 to 1, and
    always in `errors`.
    """

    outcome: str = "all"
    prediction: str = ""
    label: str = ""
    low: float = 0.0
    high: float = 1.0
    order: str = "listed"


@dataclass(frozen=True, eq=False)
class Answers(Answered):
    """The labelled rows, in the form that core.evaluation takes.

    `row`: int [n], their positions in the table.
    """

    label: Rows
    predicted: Rows
    confidence: Floats
    row: Rows
    classes: tuple[str, ...]

    def ranked(self, rows: Rows, key: npt.NDArray[Any]) -> Rows:
        """Return `rows` sorted by `key` [n], smallest first; ties in the table's order, which is
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
        """Return the rows of a choice, in its order."""
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
        """Return these rows with all columns of results.SCHEMA, in this order; reads only the row
        groups that have them."""
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
        """The rows that can be scored: classified photos whose label is one of the model's
        classes."""
        rows = np.flatnonzero((self.correct != NOT_KNOWN) & ~self.error)
        return Answers(
            self.label[rows], self.predicted[rows], self.probability[rows], rows, self.classes
        )

    @cached_property
    def unseen(self) -> Answers:
        """`answers` without the photos that the model was trained on: the base of an honest
        accuracy."""
        answers = self.answers
        kept = self.in_training[answers.row] != YES
        parts = {
            name: getattr(answers, name)[kept]
            for name in ("label", "predicted", "confidence", "row")
        }
        return Answers(**parts, classes=self.classes)

    def counts(self) -> pd.DataFrame:
        """Return how often each class was predicted: class, sure, unsure (photos), most frequent
        first, without classes that were never predicted."""
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
        """Return the code of a class in the columns; an unused code for an unknown class."""
        if name in self.names:
            return self.names.index(name)
        return len(self.names)


def read(folder: RunFolder, classes: Sequence[str]) -> Table:
    """Read what a job has finished so far. Raises NotFound if its results cannot be read."""
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
