"""The photos of a batch: one row per photo, listed once and stored, so that a resumed batch has the
same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import NotFound
from core.io import files

SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("path", pa.string()),
        ("image_id", pa.string()),
        ("label", pa.string()),
    ]
)
ROW_GROUP = 20_000


class Item(NamedTuple):
    """One photo.

    `file` is its path below the job's root, `path` the path that is shown to people (the two differ
    for uploads). `image_id` and `label` are '' while they are unknown.
    """

    file: str
    path: str
    image_id: str = ""
    label: str = ""


def write(items: Iterable[Item], target: Path) -> int:
    """Write the list atomically and in bounded memory; return its number of rows."""
    written = 0
    with files.atomic(target) as file, pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        waiting: list[Item] = []
        for item in items:
            waiting.append(item)
            if len(waiting) == ROW_GROUP:
                writer.write_table(_table(waiting))
                written, waiting = written + len(waiting), []
        if waiting:
            writer.write_table(_table(waiting))
    return written + len(waiting)


def count(source: Path) -> int:
    """Return the number of rows of a list. Raises NotFound if it cannot be read."""
    with _opened(source) as file:
        return int(file.metadata.num_rows)


def batches(source: Path, size: int, start: int = 0) -> Iterator[list[Item]]:
    """Yield the rows from `start` on, `size` at a time, in order.

    Raises NotFound if the list cannot be read.
    """
    with _opened(source) as file:
        first = 0
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if first + rows > start:
                table = file.read_row_group(group).slice(max(0, start - first))
                for part in table.to_batches(max_chunksize=size):
                    yield [Item(*row.values()) for row in part.to_pylist()]
            first += rows


def files_of(source: Path, rows: Iterable[int]) -> list[str]:
    """Return the files of these rows, in the given order."""
    return [str(found["file"]) for found in _taken(source, list(rows), ["file"])]


def at(source: Path, rows: Iterable[int]) -> list[Item]:
    """Return these rows, in the given order."""
    return [Item(**found) for found in _taken(source, list(rows), SCHEMA.names)]


def _taken(source: Path, wanted: list[int], columns: list[str]) -> list[Mapping[str, Any]]:
    with _opened(source) as file:
        found: dict[int, Mapping[str, Any]] = {}
        first = 0
        for group in range(file.metadata.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            inside = sorted({row for row in wanted if first <= row < first + size})
            if inside:
                table = file.read_row_group(group, columns=columns)
                taken = table.take(pa.array([row - first for row in inside])).to_pylist()
                found.update(zip(inside, taken, strict=True))
            first += size
    return [found[row] for row in wanted]


def _table(items: list[Item]) -> pa.Table:
    return pa.table(list(map(list, zip(*items, strict=True))), schema=SCHEMA)


def _opened(source: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(source)
    except (OSError, pa.ArrowException) as error:
        raise NotFound(
            f"The list of photos {source} can't be read ({error}). Start the batch again."
        ) from error
