"""CSV for spreadsheets: text that one would run as a formula begins with an apostrophe.

Names of photos and classes come from others, and Excel, LibreOffice and Google Sheets all execute a
cell that begins with one of STARTERS when a CSV is opened (OWASP's "CSV injection"). Numbers stay
numbers, written as text or not. An import of Fieldmark's own export takes the apostrophe away
again.
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pyarrow as pa

# The wide forms are what Excel takes for the narrow ones in East Asian settings.
STARTERS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_FORMULA = re.compile(rf"(?!{NUMBER}\Z)\s*[{STARTERS}]")


def safe(value: Any) -> Any:
    """Return the value of a cell as a spreadsheet shows it and runs nothing; only text can
    change."""
    if isinstance(value, str) and _is_formula(value):
        return f"'{value}"
    return value


def as_it_was(text: str) -> str:
    """Return what was in a cell before `safe`."""
    return text[1:] if text.startswith("'") and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """Return whether a spreadsheet would run a text, leading apostrophes apart: with those, one
    more apostrophe can always be taken away again."""
    return bool(_FORMULA.match(text.lstrip("'")))


def safe_csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV for a spreadsheet. A lone carriage return in a name ends no row
    here."""
    return str(safe_frame(frame).to_csv(index=False, lineterminator="\r\n"))


def safe_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose texts are safe, its column names among them."""
    made = frame.copy()
    for name, column in frame.items():
        if not pd.api.types.is_numeric_dtype(column):
            made[name] = column.map(safe)
    return made.rename(columns=safe)


def safe_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the same for a piece of an Arrow table, its columns of text only."""
    columns = [_safe_column(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _safe_column(column: pa.Array) -> pa.Array:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    return pa.array([safe(value) for value in column.to_pylist()], column.type)
