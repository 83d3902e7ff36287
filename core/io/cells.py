"""CSV for spreadsheets: text that would run as a formula gets a leading apostrophe.

Names of photos and classes are untrusted, and Excel, LibreOffice and Google Sheets execute a cell
that begins with one of STARTERS when a CSV is opened (OWASP's "CSV injection"). Numbers are
unchanged, also as text. An import of Fieldmark's own export removes the apostrophe.
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pyarrow as pa

# Excel reads the wide forms as the narrow ones in East Asian locales.
STARTERS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_FORMULA = re.compile(rf"(?!{NUMBER}\Z)\s*[{STARTERS}]")


def safe(value: Any) -> Any:
    """Return the value of a cell so that a spreadsheet shows it and does not run it; only text can
    change."""
    if isinstance(value, str) and _is_formula(value):
        return f"'{value}"
    return value


def as_it_was(text: str) -> str:
    """Return the value of a cell before `safe`."""
    return text[1:] if text.startswith("'") and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """Return whether a spreadsheet would run a text without its leading apostrophes, so that `safe`
    can always be undone."""
    return bool(_FORMULA.match(text.lstrip("'")))


def safe_csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV for a spreadsheet. A lone carriage return in a name does not end a
    row."""
    return str(safe_frame(frame).to_csv(index=False, lineterminator="\r\n"))


def safe_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose texts are safe, its column names among them."""
    made = frame.copy()
    for name, column in frame.items():
        if not pd.api.types.is_numeric_dtype(column):
            made[name] = column.map(safe)
    return made.rename(columns=safe)


def safe_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a part of an Arrow table with safe text columns."""
    columns = [_safe_column(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _safe_column(column: pa.Array) -> pa.Array:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    return pa.array([safe(value) for value in column.to_pylist()], column.type)
