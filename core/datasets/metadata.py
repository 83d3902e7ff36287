"""The metadata of photos beside the manifest: columns of their tables, folders above them and
camera data; typed, a row per photo."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.datasets import manifest
from core.io import files
from core.io.names import printable

FILE = "metadata.parquet"
MAX_COLUMNS = 64
KEYS = ("image_id", "path")
# What is read from the photos themselves; places are exported only when asked for.
FROM_PHOTOS = ("captured_at", "camera", "latitude", "longitude")
PLACES = frozenset({"latitude", "longitude", "lat", "lon", "lng", "long"})
GROUP = "group"
TRUE, FALSE = ("true", "yes"), ("false", "no")
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
_TIME = re.compile(
    r"\d{4}[-:/]\d{1,2}[-:/]\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?"
)


def frame_of(
    ids: Sequence[str], paths: Sequence[str], records: Sequence[Mapping[str, str]]
) -> pd.DataFrame:
    """Return a table of typed columns, one row per photo; empty if a record lacks a column.

    At most MAX_COLUMNS columns are kept, those with most values first; a column named like one of
    the manifest gets a number after its name.
    """
    names = _names(records)
    columns = {
        name: _typed([record.get(source, "") for record in records])
        for source, name in names.items()
    }
    return pd.DataFrame({"image_id": list(ids), "path": list(paths), **columns})


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write the table to `path`, entirely or not at all, in the order of its rows."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    with files.atomic(path) as file:
        pq.write_table(table, file, row_group_size=manifest.ROW_GROUP, compression="zstd")


def read(folder: Path, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
    """Return the metadata of the version in `folder`, or some of its columns; None if it has none.

    Raises NotFound when the file is damaged.
    """
    path = folder / FILE
    return manifest.read(path, columns) if path.is_file() else None


def columns_of(folder: Path) -> dict[str, str]:
    """Return the columns of a version's metadata with their kinds: number, time, flag or text."""
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise manifest.unreadable(path, error) from error
    return {field.name: _kind(field.type) for field in schema if field.name not in KEYS}


def of_photo(folder: Path, path: str) -> dict[str, object]:
    """Return the metadata of one photo: its columns that have a value."""
    file = folder / FILE
    if not file.is_file():
        return {}
    rows = manifest.read(file, filters=[("path", "==", path)])
    if rows.empty:
        return {}
    row = rows.iloc[0].drop(list(KEYS))
    return {str(name): value for name, value in row.items() if not pd.isna(value)}


def aligned(table: pd.DataFrame | None, paths: Iterable[str]) -> pd.DataFrame:
    """Return the rows for these paths, in their order; empty rows for paths without metadata."""
    wanted = pd.Index(list(paths))
    if table is None:
        return pd.DataFrame(index=wanted)
    return table.set_index("path").drop(columns="image_id").reindex(wanted)


def joined(one: pd.DataFrame | None, other: pd.DataFrame | None) -> pd.DataFrame | None:
    """The rows of both; of a photo in both, those of the second."""
    tables = [
        table for table in (one, other) if table is not None and len(table.columns) > len(KEYS)
    ]
    if not tables:
        return None
    both = pd.concat(tables, ignore_index=True)
    return both.drop_duplicates("path", keep="last").reset_index(drop=True)


def _names(records: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The names of the columns that are kept, by those that the records have."""
    counts: dict[str, int] = {}
    for record in records:
        for name, value in record.items():
            if value:
                counts[name] = counts.get(name, 0) + 1
    most = sorted(counts, key=lambda name: (name not in FROM_PHOTOS, -counts[name]))
    kept = set(most[:MAX_COLUMNS])
    names: dict[str, str] = {}
    for source in counts:
        if source in kept:
            names[source] = _free(printable(source.strip()) or "column", {*names.values()})
    return names


def _free(name: str, taken: set[str]) -> str:
    """Return the name, with a number if the manifest or another column has it."""
    others = {*manifest.COLUMNS, *KEYS, *taken}
    number, found = 1, name
    while found in others:
        number += 1
        found = f"{name}_{number}"
    return found


def _typed(values: Sequence[str]) -> pd.Series:
    """Return a column as the type of all its values: integers, numbers, flags, times or text."""
    filled = [value for value in values if value]
    for fits, make in (
        (_WHOLE.fullmatch, _whole),
        (_NUMBER.fullmatch, _numbers),
        (_is_flag, _flags),
        (_TIME.fullmatch, _times),
    ):
        if filled and all(map(fits, filled)):
            made = make(values)
            if made is not None:
                return made
    return pd.Series([value or None for value in values], dtype="str")


def _whole(values: Sequence[str]) -> pd.Series | None:
    return pd.Series([int(value) if value else None for value in values], dtype="Int64")


def _numbers(values: Sequence[str]) -> pd.Series | None:
    # A number with a leading zero is a code; it would lose that.
    if any(re.match(r"[+-]?0\d", value) for value in values):
        return None
    return pd.Series([float(value.replace(",", ".")) if value else None for value in values])


def _is_flag(value: str) -> bool:
    return value.casefold() in (*TRUE, *FALSE)


def _flags(values: Sequence[str]) -> pd.Series | None:
    return pd.Series(
        [value.casefold() in TRUE if value else None for value in values], dtype="boolean"
    )


def _times(values: Sequence[str]) -> pd.Series | None:
    """Return local times as written; a time zone behind them is ignored."""
    texts = [re.sub(r"(Z|[+-]\d\d:?\d\d)$", "", value) for value in values]
    texts = [
        re.sub(r"^(\d{4})[:/](\d{1,2})[:/]", r"\1-\2-", text).replace("T", " ") for text in texts
    ]
    made = pd.to_datetime(pd.Series(texts), format="mixed", errors="coerce")
    is_whole = made.notna() | (pd.Series(texts) == "")
    return made if bool(is_whole.all()) else None


def _kind(of: pa.DataType) -> str:
    if pa.types.is_boolean(of):
        return "flag"
    if pa.types.is_timestamp(of):
        return "time"
    if pa.types.is_integer(of) or pa.types.is_floating(of):
        return "number"
    return "text"
