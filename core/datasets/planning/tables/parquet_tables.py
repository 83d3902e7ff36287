"""Tables in Parquet files, as the Hugging Face hub has them beside photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.datasets.planning.tables.json_tables import text
from core.datasets.planning.tables.table import NotATable, Row, Table

BATCH = 10_000


def opened(path: Path, name: str) -> Table:
    """The table of scalar columns. Raises NotATable, also for a file that holds the photos
    themselves."""
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise NotATable("it is no Parquet file that can be read") from error
    columns = tuple(field.name for field in schema if not pa.types.is_nested(field.type))
    if any(pa.types.is_struct(field.type) for field in schema):
        raise NotATable(
            "it holds the photos themselves; save them as files, with their labels in a table"
        )

    def rows() -> Iterator[Row]:
        try:
            for number, record in enumerate(_records(path, columns), 1):
                yield Row(number, {key: text(value) for key, value in record.items()})
        except (OSError, pa.ArrowException, OverflowError, ValueError) as error:
            raise NotATable("its Parquet is damaged") from error

    return Table(name, "Parquet table", columns, rows)


def _records(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH, columns=list(columns)):
            yield from batch.to_pylist()
