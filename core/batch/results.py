"""The results of a batch: written in shards while it runs, one `results.parquet` at the end; the
schema of both.

Rows are in the order of the job's list. Each shard is written atomically and has the rows after the
previous shard, so the finished rows are always the first n, and a resumed job starts at row n.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core import settings
from core.errors import NotFound
from core.io import cells, files
from core.jobs.run_folder import RunFolder

FORMAT = "1"
TOP_K = settings.TOP_K
ROW_GROUP = 20_000
SHARD = re.compile(r"part-(\d{9})-(\d{9})\.parquet")
# A killed job repeats the rows after its last shard: some seconds of work at first, later a
# fiftieth of its running time, so that there are few shards.
FLUSH_SECONDS, FLUSH_SHARE = 1.0, 0.02
# The prefix of an error that another request may resolve.
UNANSWERED = "no answer"

DESCRIPTIONS: dict[str, str] = {
    "row": "position in the batch's list of photos, from 0",
    "path": (
        "the photo's path, relative to the dataset, folder or archive; for an uploaded photo, its "
        "original name"
    ),
    "image_id": (
        "SHA-256 of the file's bytes, in hexadecimal; empty if the file could not be read"
    ),
    "label": (
        "the true class: the dataset's label, or the name of the folder if it is one of the "
        "model's classes; empty if unknown"
    ),
    "prediction": "the most probable class; empty for a photo that could not be used",
    "probability": "its calibrated probability, 0 to 1",
    **{
        f"{what}_{rank}": f"{words} of rank {rank} of {TOP_K}"
        for rank in range(2, TOP_K + 1)
        for what, words in (("prediction", "the class"), ("probability", "the probability"))
    },
    "unsure": "whether the probability is below the model's threshold",
    "unfamiliar": "whether the photo is unlike every training photo",
    "correct": "whether the prediction is the label; empty without a label",
    "in_training": (
        "whether the model was trained on this photo (same image_id); empty if that is unknown"
    ),
    "error": "why the photo could not be used; empty if it could",
}
FLAGS = ("unsure", "unfamiliar", "correct", "in_training")


def _type(name: str) -> pa.DataType:
    if name in FLAGS:
        return pa.bool_()
    if name == "row":
        return pa.int64()
    if name.startswith("probability"):
        return pa.float32()
    return pa.string()


SCHEMA = pa.schema(
    [
        pa.field(name, _type(name), metadata={"description": text})
        for name, text in DESCRIPTIONS.items()
    ],
    metadata={"fieldmark_results": FORMAT},
)
COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)

Row = Mapping[str, Any]


def results_file(folder: RunFolder) -> Path:
    return folder.output / "results.parquet"


def shards_folder(folder: RunFolder) -> Path:
    return folder.output / "results"


def shards(folder: RunFolder) -> list[Path]:
    """Return the shards of the first n rows, in order."""
    found = sorted(
        path for path in shards_folder(folder).glob("part-*.parquet") if SHARD.fullmatch(path.name)
    )
    kept, end = [], 0
    for path in found:
        first, last = _range(path)
        if first != end:
            break
        kept.append(path)
        end = last
    return kept


def parts(folder: RunFolder) -> list[Path]:
    """Return the files with the results: the finished table, or the shards so far."""
    finished = results_file(folder)
    if finished.exists():
        return [finished]
    return shards(folder)


def done(folder: RunFolder) -> int:
    """Return how many rows are finished and stored."""
    if results_file(folder).exists():
        return int(pq.read_metadata(results_file(folder)).num_rows)
    found = shards(folder)
    if not found:
        return 0
    return _range(found[-1])[1]


def errors(folder: RunFolder) -> int:
    """Return how many finished rows are photos that could not be used."""
    return sum(
        int(pc.sum(pc.not_equal(pq.read_table(path, columns=["error"])["error"], "")).as_py() or 0)
        for path in parts(folder)
    )


def open_rows(folder: RunFolder) -> list[int]:
    """Return the finished rows without an answer that another request may get."""
    return [row for path in parts(folder) for row in _open(path)["row"].to_pylist()]


def answered(folder: RunFolder) -> int:
    """Return how many photos have an answer or a permanent error."""
    return done(folder) - len(open_rows(folder))


def fill(folder: RunFolder, answer: Callable[[list[int]], Mapping[int, Row]]) -> None:
    """Replace open rows by those that `answer` returns for them, a shard at a time."""
    for path in shards(folder):
        if not (waiting := _open(path)["row"].to_pylist()):
            continue
        if found := answer(waiting):
            kept = pq.read_table(path, schema=SCHEMA).to_pylist()
            _write([{**found.get(row["row"], row), "row": row["row"]} for row in kept], path)


class Writer:
    """Appends rows, in order, to a job's shards."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        shards_folder(folder).mkdir(exist_ok=True)
        self.end = done(folder)
        self._rows: list[Row] = []
        self._started = self._flushed = time.monotonic()

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows as mappings over COLUMNS (missing values are null); sets `row`."""
        first = self.end + len(self._rows)
        self._rows += [{**row, "row": first + offset} for offset, row in enumerate(rows)]
        now = time.monotonic()
        if (
            now - self._flushed > max(FLUSH_SECONDS, FLUSH_SHARE * (now - self._started))
            or len(self._rows) >= ROW_GROUP
        ):
            self.flush()

    def flush(self) -> None:
        """Write the pending rows as one shard."""
        if self._rows:
            last = self.end + len(self._rows)
            _write(self._rows, shards_folder(self.folder) / f"part-{self.end:09}-{last:09}.parquet")
            self.end, self._rows = last, []
        self._flushed = time.monotonic()

    def finish(self) -> Path:
        """Join the shards, a row group at a time, into the finished table; return its path."""
        self.flush()
        target = results_file(self.folder)
        if not target.exists():
            with (
                files.atomic(target) as file,
                pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer,
            ):
                for table in _grouped(shards(self.folder)):
                    writer.write_table(table)
        shutil.rmtree(shards_folder(self.folder), ignore_errors=True)
        return target


def take_over(previous: RunFolder, folder: RunFolder) -> None:
    """Copy the finished rows of the job that this one resumes."""
    shards_folder(folder).mkdir(exist_ok=True)
    for path in parts(previous):
        first, last = _covered(path, previous)
        shutil.copy2(path, shards_folder(folder) / f"part-{first:09}-{last:09}.parquet")


def _covered(path: Path, folder: RunFolder) -> tuple[int, int]:
    """Return the range of rows in a shard, or in the finished table, of a job."""
    if SHARD.fullmatch(path.name):
        return _range(path)
    return 0, done(folder)


def to_csv(folder: RunFolder, *, exact: bool = False) -> Iterator[bytes]:
    """Yield the table as CSV (UTF-8, header), a row group at a time.

    Names that a spreadsheet would run as formulas are made safe (core/io/cells.py), unless
    `exact`.
    """
    from pyarrow import csv

    header = True
    for path in parts(folder):
        with opened(path) as file:
            for batch in file.iter_batches(ROW_GROUP):
                sink = pa.BufferOutputStream()
                if not exact:
                    batch = cells.safe_batch(batch)  # noqa: PLW2901
                csv.write_csv(batch, sink, csv.WriteOptions(include_header=header))
                header = False
                yield sink.getvalue().to_pybytes()


def opened(path: Path) -> pq.ParquetFile:
    """Open a Parquet file. Raises NotFound if it is missing or damaged."""
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise NotFound(
            f"The results at {path} can't be read ({error}). Run the batch again."
        ) from error


def _open(path: Path) -> pa.Table:
    table = pq.read_table(path, columns=["row", "error"])
    return table.filter(pc.starts_with(table["error"], UNANSWERED))


def _write(rows: Sequence[Row], path: Path) -> None:
    with files.atomic(path) as file:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), file, compression="zstd")


def _grouped(paths: Sequence[Path]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    for path in paths:
        waiting.append(pq.read_table(path, schema=SCHEMA))
        while sum(table.num_rows for table in waiting) >= ROW_GROUP:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, ROW_GROUP).combine_chunks()
            waiting = [joined.slice(ROW_GROUP)]
    rest = pa.concat_tables([SCHEMA.empty_table(), *waiting])
    if rest.num_rows or not paths:
        yield rest.combine_chunks()


def _range(shard: Path) -> tuple[int, int]:
    match = SHARD.fullmatch(shard.name)
    assert match
    return int(match[1]), int(match[2])
