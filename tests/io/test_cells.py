"""Formulas in names stay text in a spreadsheet, and nothing else is changed."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from core.io import cells

FORMULAS = [
    "=1+1", "=HYPERLINK(\"http://evil.example\")", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)",
    "\t=1", "\r=1", "\n=1", " =1", "=", "-", "--1", "-1-1", "\uff1d1+1", "+49 (0)1", "-x.jpg",
]  # fmt: skip
PLAIN = [
    "", "a", "a=1", "'1", "1", "-1", "+1", "-1.5e-3", "+.5", "2.", "1-2", "Crow", "x-1", "\u00e9",
    " a", "\"=1", "nan", "_=1",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert cells.safe(text) == f"'{text}"


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_and_numbers_are_left_alone(text: str) -> None:
    assert cells.safe(text) == text


@pytest.mark.parametrize(
    "text", [*FORMULAS, *PLAIN, "'=1", "''=1", "'", "'-5", "' =1", "=1'", "'@x"]
)
def test_a_cell_made_safe_can_be_read_back(text: str) -> None:
    written = cells.safe(text)
    assert cells.safe(text) == text or written.startswith("'")
    assert cells.as_it_was(written) == text


@pytest.mark.parametrize("value", [None, 1, -1.5, np.float64(-2), True, pd.NaT])
def test_what_is_no_text_is_left_alone(value: object) -> None:
    assert cells.safe(value) is value


def test_a_frame_is_made_safe_in_every_text_and_name() -> None:
    frame = pd.DataFrame(
        {
            "=name": FORMULAS[:3],
            "number": [-1.5, -2, np.nan],
            "kind": pd.Categorical(["=1", "a", "=1"]),
            "flag": [True, False, None],
        }
    )
    made = cells.safe_frame(frame)
    assert list(made) == ["'=name", "number", "kind", "flag"]
    assert list(made["'=name"]) == [f"'{text}" for text in FORMULAS[:3]]
    assert list(made["kind"]) == ["'=1", "a", "'=1"]
    assert made["number"].equals(frame["number"])
    assert "-1.5" in made.to_csv(index=False)
    assert list(frame["=name"]) == FORMULAS[:3]
    assert cells.safe_frame(frame.iloc[:0]).empty


def test_an_arrow_batch_is_made_safe_in_its_texts_only() -> None:
    columns = {"text": ["=1", None, "a"], "number": [-1, None, 2]}
    made = cells.safe_batch(pa.RecordBatch.from_pydict(columns))
    assert made.to_pydict() == {"text": ["'=1", None, "a"], "number": [-1, None, 2]}


def test_it_comes_out_of_a_csv_as_one_cell() -> None:
    text = cells.safe_csv(pd.DataFrame({"a": FORMULAS, "b": range(len(FORMULAS))}))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows == [["a", "b"], *([f"'{name}", str(n)] for n, name in enumerate(FORMULAS))]
