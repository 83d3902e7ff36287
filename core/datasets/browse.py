"""Browse a manifest a page at a time: filtered, searched and sorted by column, without reading it
whole.

The positions that pass are cached for the latest queries. A manifest never changes, so another page
costs only its own rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.datasets import manifest, metadata_rows
from core.errors import UserError

Positions = npt.NDArray[np.int32]
Values = npt.NDArray[np.float64]

# The orders, each with the columns that it needs; the manifest itself is sorted by label and path.
SORTS: dict[str, tuple[str, ...]] = {
    "label": (),
    "path": ("path",),
    "split": ("split",),
    "width": ("width",),
    "height": ("height",),
    "pixels": ("width", "height"),
    "aspect": ("width", "height"),
    "size_bytes": ("size_bytes",),
    "box": ("width", "height", "box_width", "box_height"),
    "mixed": ("image_id",),
}
# Row groups whose photos are mixed with each other: a page of a large manifest reads no more.
MIXED_GROUPS = 3
RANGES = ("width", "height", "aspect")
# Prefix of an order by a metadata column.
METADATA = "metadata:"
KEPT_QUERIES = 8
KEPT_PAGES = 16
PAGE_ROWS = 1_000


@dataclass(frozen=True)
class Query:
    """The rows to show, and their order.

    `name` is a part of the path, in any case. `ranges` are (one of RANGES, from, to), ends
    included; a photo of unknown size is in no range. `problem`: only rows with (True) or without
    (False) one. `unlabelled`: only photos without a label. `metadata` are (column, from, to), as
    text: for numbers and times the ends, each of which may be empty; for a flag `true` or `false`,
    for text a part of it, both in `from`. `sort` may be METADATA and a column.
    """

    label: str = ""
    split: str = ""
    problem: bool | None = None
    name: str = ""
    ranges: tuple[tuple[str, float, float], ...] = ()
    unlabelled: bool = False
    metadata: tuple[tuple[str, str, str], ...] = ()
    sort: str = "label"
    descending: bool = False

    def __post_init__(self) -> None:
        if self.sort not in SORTS and not self.sort.startswith(METADATA):
            raise UserError(
                f"Photos can't be sorted by {self.sort!r}. Use {', '.join(SORTS)}.", field="sort"
            )
        if any(name not in RANGES for name, _, _ in self.ranges):
            raise UserError(f"Ranges can be set for {', '.join(RANGES)} only.", field="ranges")

    @property
    def is_everything(self) -> bool:
        """Whether all rows pass, in the order of the file."""
        return self == Query()


def page(path: Path, query: Query, offset: int = 0, limit: int = 60) -> tuple[pd.DataFrame, int]:
    """Return rows `offset` to `offset + limit` (at most PAGE_ROWS) of those that pass, and the
    number of all that pass.

    Raises NotFound when the file is missing or damaged."""
    try:
        stamp = stamp_of(path)
        return _page(path, stamp, query, offset, min(limit, PAGE_ROWS)).copy(), _count(
            path, stamp, query
        )
    except (OSError, pa.ArrowException) as error:
        raise manifest.unreadable(path, error) from error


def count(path: Path, query: Query) -> int:
    """Return the number of rows that pass. Raises NotFound when the file is missing or damaged."""
    try:
        return _count(path, stamp_of(path), query)
    except (OSError, pa.ArrowException) as error:
        raise manifest.unreadable(path, error) from error


def position(path: Path, query: Query, photo: str) -> int | None:
    """Return the place, from 0, of the photo with the path `photo` among the rows that pass, or
    None when it is not among them. Raises NotFound when the file is missing or damaged."""
    try:
        return _position(path, stamp_of(path), query, photo)
    except (OSError, pa.ArrowException) as error:
        raise manifest.unreadable(path, error) from error


def has_boxes(path: Path) -> bool:
    """Whether any row has a box, by the statistics of the file.

    Raises NotFound when the file is missing or damaged.
    """
    try:
        return _has_boxes(path, stamp_of(path))
    except (OSError, pa.ArrowException) as error:
        raise manifest.unreadable(path, error) from error


def stamp_of(path: Path) -> tuple[int, int]:
    """Return what tells a file from a later one of its name: modification time and size."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _count(path: Path, stamp: tuple[int, int], query: Query) -> int:
    unsorted = replace(query, sort="label", descending=False)
    if unsorted.is_everything:
        return _rows(path, stamp)
    return len(positions(path, stamp, query))


@lru_cache(maxsize=KEPT_PAGES)
def _position(path: Path, stamp: tuple[int, int], query: Query, photo: str) -> int | None:
    row = _row(path, photo)
    if row is None or query.is_everything:
        return row
    places = np.flatnonzero(positions(path, stamp, query) == row)
    if len(places):
        return int(places[0])
    return None


def _row(path: Path, photo: str) -> int | None:
    """Return the row of a photo; row groups whose paths lie elsewhere are not read."""
    start, column = 0, manifest.COLUMNS.index("path")
    with pq.ParquetFile(path) as file:
        for group in range(file.metadata.num_row_groups):
            about = file.metadata.row_group(group)
            if _may_hold(about.column(column).statistics, photo):
                paths = file.read_row_group(group, columns=["path"])["path"]
                row = pc.index(paths, photo).as_py()
                if row >= 0:
                    return start + int(row)
            start += about.num_rows
    return None


@lru_cache(maxsize=KEPT_PAGES)
def _rows(path: Path, _stamp: tuple[int, int]) -> int:
    return int(pq.read_metadata(path).num_rows)


@lru_cache(maxsize=KEPT_PAGES)
def _page(
    path: Path, stamp: tuple[int, int], query: Query, offset: int, limit: int
) -> pd.DataFrame:
    if query.is_everything:
        total = _rows(path, stamp)
        chosen = np.arange(min(offset, total), min(offset + limit, total), dtype=np.int32)
    else:
        chosen = positions(path, stamp, query)[offset : offset + limit]
    return _rows_at(path, stamp, chosen)


@lru_cache(maxsize=KEPT_QUERIES)
def positions(path: Path, _stamp: tuple[int, int], query: Query) -> Positions:
    """Return the positions in the file of the rows that pass, in the query's order."""
    with pq.ParquetFile(path) as file:
        chosen = _matching(file, query)
        for condition in query.metadata:
            chosen = chosen[metadata_rows.passing(path.parent, condition)[chosen]]
        if query.sort.startswith(METADATA):
            values = metadata_rows.ranks(path.parent, query.sort.removeprefix(METADATA))
            order = np.argsort(
                -values[chosen] if query.descending else values[chosen], kind="stable"
            )
            return chosen[order]
        if query.sort == "label":
            return chosen[::-1] if query.descending else chosen
        if query.sort == "mixed":
            mixed = _mixed(file, chosen)
            return mixed[::-1] if query.descending else mixed
        table = file.read(columns=list(SORTS[query.sort]))
    key = _key(table, query.sort)
    if isinstance(key, np.ndarray):
        order = np.argsort(-key[chosen] if query.descending else key[chosen], kind="stable")
        return chosen[order]
    ordered = pc.array_sort_indices(
        key.take(pa.array(chosen)), order="descending" if query.descending else "ascending"
    )
    return chosen[ordered.to_numpy()]


def _mixed(file: pq.ParquetFile, chosen: Positions) -> Positions:
    """Return the places in an order that mixes classes and is always the same.

    The image_id is a hash, so it mixes; a photo keeps its neighbours from version to version. In a
    large manifest whole row groups are drawn, MIXED_GROUPS at a time, and mixed with each other.
    """
    sizes = [
        file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)
    ]
    if len(sizes) <= MIXED_GROUPS:
        ids = file.read(columns=["image_id"])["image_id"].combine_chunks().take(pa.array(chosen))
        without = pc.sum(pc.equal(ids, "")).as_py() or 0  # files that could not be read: last
        return chosen[np.roll(pc.array_sort_indices(ids).to_numpy(), -without)]
    draw = np.random.default_rng(0)
    drawn = draw.permutation(len(sizes)) // MIXED_GROUPS
    hands = drawn[np.searchsorted(np.cumsum(sizes), chosen, side="right")]
    mixed = [draw.permutation(chosen[hands == hand]) for hand in range(drawn.max() + 1)]
    return np.concatenate(mixed)


def _matching(file: pq.ParquetFile, query: Query) -> Positions:
    """Return the positions of the rows that pass, in the order of the file; row groups without any
    are not read."""
    columns = _needed(query)
    if not columns:
        return np.arange(file.metadata.num_rows, dtype=np.int32)
    found, start = [np.empty(0, dtype=np.int32)], 0
    for group in range(file.metadata.num_row_groups):
        about = file.metadata.row_group(group)
        if _can_match(about, query):
            mask = _mask(file.read_row_group(group, columns=columns), query)
            found.append((start + np.flatnonzero(mask)).astype(np.int32))
        start += about.num_rows
    return np.concatenate(found)


def _needed(query: Query) -> list[str]:
    asked: dict[str, object] = {
        "label": query.label,
        "split": query.split,
        "path": query.name,
        "problem": query.problem is not None,
    }
    if query.unlabelled:
        asked["label"] = True
    columns = [name for name, wanted in asked.items() if wanted]
    return columns + (["width", "height"] if query.ranges else [])


def _mask(table: pa.Table, query: Query) -> npt.NDArray[np.bool_]:
    masks = [np.ones(len(table), dtype=bool)]
    for name, value in (("label", query.label), ("split", query.split)):
        if value:
            masks.append(pc.equal(table[name], value).to_numpy())
    if query.unlabelled:
        masks.append(pc.equal(table["label"], "").to_numpy())
    if query.problem is not None:
        masks.append((pc.not_equal if query.problem else pc.equal)(table["problem"], "").to_numpy())
    if query.name:
        masks.append(pc.match_substring(table["path"], query.name, ignore_case=True).to_numpy())
    if query.ranges:
        values = measures(table)
        masks += [
            (values[name] >= low) & (values[name] <= high) & (values["width"] > 0)
            for name, low, high in query.ranges
        ]
    return np.logical_and.reduce(masks)


def _can_match(about: pq.RowGroupMetaData, query: Query) -> bool:
    for name, value in (("label", query.label), ("split", query.split)):
        statistics = about.column(manifest.COLUMNS.index(name)).statistics
        if value and not _may_hold(statistics, value):
            return False
    return True


def _may_hold(statistics: Any, value: str) -> bool:
    """Whether a row group's column with these statistics can hold the value."""
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= value <= statistics.max)


def measures(table: pa.Table) -> dict[str, Values]:
    """Return width and height in pixels and the aspect ratio; 0 if they are unknown."""
    width, height = (table[name].to_numpy().astype(np.float64) for name in ("width", "height"))
    return {"width": width, "height": height, "aspect": width / np.maximum(height, 1)}


def _key(table: pa.Table, sort: str) -> Any:
    """Return the sort key of each row: numbers, or pyarrow's strings."""
    if sort in ("path", "split"):
        return table[sort].combine_chunks()
    if sort in ("pixels", "aspect", "box"):
        values = measures(table)
        pixels = values["width"] * values["height"]
        if sort == "box":
            share = (
                table["box_width"].to_numpy()
                * table["box_height"].to_numpy()
                / np.maximum(pixels, 1)
            )
            return np.nan_to_num(share, nan=-1.0)
        return pixels if sort == "pixels" else values["aspect"]
    return table[sort].to_numpy().astype(np.float64)


def _rows_at(path: Path, stamp: tuple[int, int], positions: Positions) -> pd.DataFrame:
    """Return these rows, in this order; only their row groups are read."""
    metadata = pq.read_metadata(path)
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    starts = np.cumsum([0, *sizes])
    owners = np.searchsorted(starts, positions, side="right") - 1
    parts, places = [manifest.SCHEMA.empty_table()], [np.empty(0, dtype=np.int64)]
    for group in np.unique(owners):
        here = np.flatnonzero(owners == group)
        rows = _row_group(path, stamp, int(group))
        parts.append(rows.take(positions[here] - starts[group]))
        places.append(here)
    frame: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return frame.iloc[np.argsort(np.concatenate(places), kind="stable")].reset_index(drop=True)


@lru_cache(maxsize=MIXED_GROUPS)
def _row_group(path: Path, _stamp: tuple[int, int], group: int) -> pa.Table:
    """Return a row group; the latest are cached, because the next page reads the same ones."""
    with pq.ParquetFile(path) as file:
        return file.read_row_group(group)


@lru_cache(maxsize=KEPT_QUERIES)
def _has_boxes(path: Path, _stamp: tuple[int, int]) -> bool:
    with pq.ParquetFile(path) as file:
        place = manifest.COLUMNS.index("box_x")
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        # Without statistics a file may have boxes: the page then offers to draw them.
        return any(
            (stats := about.column(place).statistics) is None or stats.null_count < about.num_rows
            for about in groups
        )
