"""Filter and sort photos by metadata: a value per row of the manifest, because metadata.parquet has
its rows in the manifest's order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.datasets import metadata
from core.errors import UserError

Condition = tuple[str, str, str]


def passing(folder: Path, condition: Condition) -> npt.NDArray[np.bool_]:
    """Return which rows of the version in `folder` pass (column, from, to); rows without a value
    never pass.

    Raises UserError for an unknown column and for invalid ends.
    """
    name, low, high = condition
    values = _column(folder, name)
    kind = metadata.columns_of(folder)[name]
    if kind == "text":
        found = values.astype("str").str.contains(low, case=False, regex=False, na=False)
    elif kind == "flag":
        found = values.fillna(False).astype(bool) == (low == "true")
        found &= values.notna()
    else:
        found = values.notna()
        for end, is_low in ((low, True), (high, False)):
            if end:
                edge = _edge(end, kind, is_low)
                found &= (values >= edge) if is_low else (values <= edge)
    return np.asarray(found.fillna(False), dtype=bool)


def ranks(folder: Path, name: str) -> npt.NDArray[np.float64]:
    """Return a number per row that sorts like the column; rows without a value come last, or first
    in descending order.

    Raises UserError for an unknown column.
    """
    values = _column(folder, name)
    ranked = values.rank(method="dense", na_option="bottom")
    return np.asarray(ranked, dtype=np.float64)


def _column(folder: Path, name: str) -> pd.Series:
    if name not in metadata.columns_of(folder):
        raise UserError(f"These photos have no column {name!r}. Choose another one.", field="sort")
    table = metadata.read(folder, [name])
    assert table is not None
    return table[name]


def _edge(text: str, kind: str, is_low: bool) -> float | pd.Timestamp:
    """Return the end of a range; a day without a time means the whole day."""
    try:
        if kind == "number":
            return float(text.replace(",", "."))
        edge = pd.Timestamp(text)
        is_day = ":" not in text and not is_low
        return edge + pd.Timedelta(days=1, microseconds=-1) if is_day else edge
    except ValueError as error:
        wanted = "a number" if kind == "number" else "a day such as 2026-05-31"
        raise UserError(f"{text!r} is not {wanted}. Write {wanted}.", field="metadata") from error
