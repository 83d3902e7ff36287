"""The manifest: one row per photo, stored as Parquet, read by column, passed to the training script
as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from core import settings
from core.errors import NotFound, UserError
from core.io import files

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("path", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("size_bytes", pa.int64()),
        ("box_x", pa.float64()),
        ("box_y", pa.float64()),
        ("box_width", pa.float64()),
        ("box_height", pa.float64()),
        ("official", pa.string()),
        ("problem", pa.string()),
    ]
)
COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)
BOX = ("box_x", "box_y", "box_width", "box_height")
OFFICIAL = ("train", "validation", "test", "")

# Small enough that a page of the gallery reads little more than its own rows, large enough that a
# million rows stay few groups.
ROW_GROUP = 20_000

Filters = Sequence[tuple[str, str, Any]]
Counts = dict[str, dict[str, int]]


def frame_of(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return a manifest made of columns of equal length.

    Missing columns are empty: no box, no official split, no problem, split 'unused'.
    """
    length = len(columns["path"])
    defaults: dict[str, Any] = {
        "split": "unused",
        "official": "",
        "problem": "",
        "width": 0,
        "height": 0,
        "size_bytes": 0,
    }
    full = {name: columns.get(name, [defaults.get(name, np.nan)] * length) for name in COLUMNS}
    frame = pd.DataFrame(full)
    kinds = {
        field.name: "str" if field.type == pa.string() else field.type.to_pandas_dtype()
        for field in SCHEMA
    }
    return frame.astype(kinds)[list(COLUMNS)]


def validate(frame: pd.DataFrame) -> None:
    """Raise UserError when `frame` is not a manifest: other columns, a path twice or outside the
    root, an unknown split, a row with a problem in use."""
    if tuple(frame.columns) != COLUMNS:
        raise UserError(
            f"A manifest has the columns {', '.join(COLUMNS)}; this one has "
            f"{', '.join(map(str, frame.columns))}."
        )
    path, label = frame["path"], frame["label"]
    usable = frame["problem"] == ""
    outside = path.str.startswith("/") | path.str.contains(r"(?:^|/)\.\.?(?:/|$)", regex=True)
    for wrong, text in (
        (frame[list(COLUMNS)].drop(columns=list(BOX)).isna().any(axis=1), "a value is missing"),
        ((path == "") | outside, "the path leads outside the dataset"),
        (path.duplicated(), "the path is in the manifest twice"),
        ((label == "") & (frame["split"] != "unused"), "a photo without a label is in use"),
        (
            ~frame["split"].isin(settings.SPLITS),
            f"the split is not one of {', '.join(settings.SPLITS)}",
        ),
        (
            ~frame["official"].isin(OFFICIAL),
            "the official split is not train, validation, test or empty",
        ),
        (~usable & (frame["split"] != "unused"), "a photo with a problem is in use"),
        (
            usable & ~frame["image_id"].str.fullmatch(r"[0-9a-f]{64}"),
            "the image_id is not a SHA-256",
        ),
        (usable & ((frame["width"] < 1) | (frame["height"] < 1)), "the photo has no size"),
    ):
        if wrong.any():
            raise UserError(f"Manifest row {path[wrong].iloc[0]!r}: {text}.")


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` to `path`, entirely or not at all. Raises UserError as `validate` does.

    Rows are sorted by label and path, so that a page of one class reads few row groups.
    """
    validate(frame)
    table = _table(frame.sort_values(["label", "path"], kind="stable"))
    with files.atomic(path) as file:
        pq.write_table(table, file, row_group_size=ROW_GROUP, compression="zstd")


def read(
    path: Path, columns: Sequence[str] | None = None, filters: Filters | None = None
) -> pd.DataFrame:
    """Return the rows that pass all `filters`, `(column, operator, value)` as in pyarrow; only
    `columns` are read.

    Raises NotFound when the file is missing or damaged.
    """
    try:
        table = pq.read_table(
            path,
            columns=list(columns) if columns else None,
            filters=list(filters) if filters else None,
        )
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error
    return table.to_pandas()


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write the manifest as CSV for `sm_scripts/train.py` (UTF-8, with a header; a missing value is
    an empty field)."""
    validate(frame)
    with files.atomic(path) as file:
        pa.csv.write_csv(_table(frame), file)


def counts(frame: pd.DataFrame) -> Counts:
    """Return `{label: {split: number of photos}}`, labels in order, with every split; unlabelled
    photos are left out."""
    table = (
        frame[frame["label"] != ""]
        .groupby(["label", "split"])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=list(settings.SPLITS), fill_value=0)
    )
    return {
        str(label): {str(split): int(n) for split, n in row.items()}
        for label, row in table.sort_index().to_dict("index").items()
    }


def classes(frame: pd.DataFrame) -> list[str]:
    """Return the labels with a photo in train, in order: the classes of a model trained on this
    manifest."""
    return sorted(frame.loc[frame["split"] == "train", "label"].unique())


def _table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(
        frame, schema=SCHEMA, preserve_index=False
    ).replace_schema_metadata()


def unreadable(path: Path, error: Exception) -> NotFound:
    return NotFound(
        f"The manifest {path} can't be read ({error}). Delete this dataset and import it again."
    )
