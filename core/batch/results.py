"""The results of a transform job: written in shards as they come, one `results.parquet` at the end;
the schema of both.

Rows are in the order of the job's list. Each shard is written whole or not at all and holds the
rows that follow the shard before it, so what is finished is always the first n rows, and a job that
goes on starts at row n.
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
# A killed job repeats what its last shard lacks: seconds at first, later a fiftieth of its running
# time, so that shards stay few.
FLUSH_SECONDS, FLUSH_SHARE = 1.0, 0.02
# How the error of a row begins whose photo may well get an answer when it is asked about again.
UNANSWERED = "no answer"

DESCRIPTIONS: dict[str, str] = {
    "row": "position in the job's list of images, from 0",
    "path": (
        "the image's path, relative to the dataset, folder or archive; of an uploaded photo, the "
        "name it had"
    ),
    "image_id": (
        "SHA-256 of the file's bytes, in hexadecimal; empty where the file could not be read"
    ),
    "label": (
        "the true class: the dataset's, or the name of the folder where it is one of the model's "
        "classes; empty where not known"
    ),
    "prediction": "the most probable class; empty for an image that could not be used",
    "probability": "its calibrated probability, 0 to 1",
    **{
        f"{what}_{place}": f"{words}, for place {place} of {TOP_K}"
        for place in range(2, TOP_K + 1)
        for what, words in (("prediction", "the class"), ("probability", "the probability"))
    },
    "unsure": "whether the probability lies below the model's threshold",
    "unfamiliar": "whether the image is unlike everything seen in training",
    "correct": "whether the prediction is the label; empty where the label is not known",
    "in_training": (
        "whether the model learned from this very image (same image_id); empty where that can't "
        "be told any more"
    ),
    "error": "why the image could not be used; empty where it could",
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
    """The shards of the first n rows, in order."""
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
    """The files that hold the results now: the finished table, or the shards so far."""
    finished = results_file(folder)
    if finished.exists():
        return [finished]
    return shards(folder)


def done(folder: RunFolder) -> int:
    """How many rows are finished and stored."""
    if results_file(folder).exists():
        return int(pq.read_metadata(results_file(folder)).num_rows)
    found = shards(folder)
    if not found:
        return 0
    return _range(found[-1])[1]


def errors(folder: RunFolder) -> int:
    """How many of the finished rows are images that could not be used."""
    return sum(
        int(pc.sum(pc.not_equal(pq.read_table(path, columns=["error"])["error"], "")).as_py() or 0)
        for path in parts(folder)
    )


def open_rows(folder: RunFolder) -> list[int]:
    """The finished rows whose photos may be asked about again."""
    return [row for path in parts(folder) for row in _open(path)["row"].to_pylist()]


def answered(folder: RunFolder) -> int:
    """How many photos have an answer, or an error that stays."""
    return done(folder) - len(open_rows(folder))


def fill(folder: RunFolder, answer: Callable[[list[int]], Mapping[int, Row]]) -> None:
    """Puts the rows that `answer` has now in the place of open ones, a shard at a time."""
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
        """Rows as mappings over COLUMNS (what is missing is null); `row` is set here."""
        first = self.end + len(self._rows)
        self._rows += [{**row, "row": first + offset} for offset, row in enumerate(rows)]
        now = time.monotonic()
        if (
            now - self._flushed > max(FLUSH_SECONDS, FLUSH_SHARE * (now - self._started))
            or len(self._rows) >= ROW_GROUP
        ):
            self.flush()

    def flush(self) -> None:
        """Writes what waits as one shard."""
        if self._rows:
            last = self.end + len(self._rows)
            _write(self._rows, shards_folder(self.folder) / f"part-{self.end:09}-{last:09}.parquet")
            self.end, self._rows = last, []
        self._flushed = time.monotonic()

    def finish(self) -> Path:
        """Joins the shards, a row group at a time, into the finished table."""
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
    """Copies the finished rows of the job that this one resumes."""
    shards_folder(folder).mkdir(exist_ok=True)
    for path in parts(previous):
        first, last = _covered(path, previous)
        shutil.copy2(path, shards_folder(folder) / f"part-{first:09}-{last:09}.parquet")


def _covered(path: Path, folder: RunFolder) -> tuple[int, int]:
    """The rows that a shard, or the finished table, of a job holds."""
    if SHARD.fullmatch(path.name):
        return _range(path)
    return 0, done(folder)


def to_csv(folder: RunFolder, *, exact: bool = False) -> Iterator[bytes]:
    """The table as CSV (UTF-8, header), a row group at a time.

    It is for a spreadsheet, which would run some names as formulas (core/io/cells.py), unless
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
    """Raises NotFound where the file is missing or damaged."""
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise NotFound(
            f"The results at {path} can't be read ({error}). Run the job again."
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
