"""Read tables in Parquet files, such as those on the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.datasets.planning.tables.json_tables import cell_text
from core.datasets.planning.tables.table import NotATable, Row, Table

BATCH = 10_000


def open_table(path: Path, name: str) -> Table:
    """Open the scalar columns of a Parquet file. Raises NotATable, also if the file contains the
    photos themselves."""
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise NotATable("it is not a readable Parquet file") from error
    columns = tuple(field.name for field in schema if not pa.types.is_nested(field.type))
    if any(pa.types.is_struct(field.type) for field in schema):
        raise NotATable(
            "it contains the photos themselves; save them as files, with their labels in a table"
        )

    def rows() -> Iterator[Row]:
        try:
            for number, record in enumerate(_records(path, columns), 1):
                yield Row(number, {key: cell_text(value) for key, value in record.items()})
        except (OSError, pa.ArrowException, OverflowError, ValueError) as error:
            raise NotATable("it is a damaged Parquet file") from error

    return Table(name, "Parquet table", columns, rows)


def _records(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH, columns=list(columns)):
            yield from batch.to_pylist()
