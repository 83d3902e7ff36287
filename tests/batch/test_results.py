"""The results on disk: shards that are whole or not there, one table at the end, a schema that stays."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.batch import results
from core.errors import NotFound
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder

# Other programs read these tables: a column may be added at the end, and none may change.
COLUMNS = {
    "row": "int64",
    "path": "string",
    "image_id": "string",
    "label": "string",
    "prediction": "string",
    "probability": "float",
    "prediction_2": "string",
    "probability_2": "float",
    "prediction_3": "string",
    "probability_3": "float",
    "prediction_4": "string",
    "probability_4": "float",
    "prediction_5": "string",
    "probability_5": "float",
    "unsure": "bool",
    "unfamiliar": "bool",
    "correct": "bool",
    "in_training": "bool",
    "error": "string",
}


def row(number: int, **more: Any) -> dict[str, Any]:
    base = {
        "path": f"a/{number}.jpg",
        "image_id": f"{number:064x}",
        "label": "",
        "prediction": "cat",
        "probability": 0.75,
        "error": "",
    }
    return {**base, "unsure": False, "unfamiliar": False, **more}


def rows(start: int, end: int) -> list[dict[str, Any]]:
    return [row(number) for number in range(start, end)]


def write(folder: RunFolder, *ends: int) -> results.Writer:
    """Shards that end at these rows."""
    writer = results.Writer(folder)
    for end in ends:
        writer.add(rows(writer.end, end))
        writer.flush()
    return writer


def test_the_schema_is_the_documented_one() -> None:
    assert {field.name: str(field.type) for field in results.SCHEMA} == COLUMNS
    assert set(results.DESCRIPTIONS) == set(COLUMNS)
    assert all(field.metadata[b"description"] for field in results.SCHEMA)


def test_rows_are_numbered_and_joined_in_order(folder: RunFolder) -> None:
    write(folder, 3, 10, 11).finish()
    table = pq.read_table(results.results_file(folder))
    assert table["row"].to_pylist() == list(range(11))
    assert table["path"].to_pylist() == [f"a/{number}.jpg" for number in range(11)]
    assert table.schema.equals(results.SCHEMA)
    assert not results.shards_folder(folder).exists()
    assert results.done(folder) == 11


def test_a_long_table_is_joined_in_row_groups(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "ROW_GROUP", 10)
    write(folder, 4, 9, 23, 25).finish()
    with pq.ParquetFile(results.results_file(folder)) as file:
        assert [
            file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)
        ] == [10, 10, 5]
        assert file.read()["row"].to_pylist() == list(range(25))


def test_a_half_written_shard_does_not_exist(folder: RunFolder) -> None:
    write(folder, 5)
    (results.shards_folder(folder) / ".part-000000005-000000009.parquet.abc.tmp").write_bytes(
        b"PAR1 half"
    )
    assert results.done(folder) == 5
    assert results.Writer(folder).end == 5


def test_shards_after_a_gap_do_not_count(folder: RunFolder) -> None:
    write(folder, 5, 8, 12)
    (results.shards_folder(folder) / "part-000000005-000000008.parquet").unlink()
    assert results.done(folder) == 5


def test_a_writer_goes_on_after_the_rows_that_are_there(folder: RunFolder) -> None:
    write(folder, 7)
    write(folder, 9).finish()
    assert pq.read_table(results.results_file(folder))["row"].to_pylist() == list(range(9))


def test_killed_between_the_table_and_the_removal_of_its_shards(folder: RunFolder) -> None:
    write(folder, 4)
    shard = results.shards(folder)[0].read_bytes()
    results.Writer(folder).finish()
    results.shards_folder(folder).mkdir()
    (results.shards_folder(folder) / "part-000000000-000000004.parquet").write_bytes(shard)
    assert results.parts(folder) == [results.results_file(folder)]
    assert results.done(folder) == 4


@pytest.mark.parametrize("finished", [False, True])
def test_rows_of_the_job_before_are_taken_over(folder: RunFolder, finished: bool) -> None:
    job, lock = jobs.create(jobs.new_id("transform"), "transform", "Again", "local", {})
    assert lock is not None
    os.close(lock)
    writer = write(folder, 2, 6)
    if finished:
        writer.finish()
    results.take_over(folder, job.folder)
    assert results.done(job.folder) == 6
    write(job.folder, 8).finish()
    assert pq.read_table(results.results_file(job.folder))["row"].to_pylist() == list(range(8))
    assert results.done(folder) == 6


def test_few_shards_are_written_however_fast_rows_come(folder: RunFolder) -> None:
    writer = results.Writer(folder)
    for start in range(0, 800, 8):
        writer.add(rows(start, start + 8))
    assert len(results.shards(folder)) <= 2
    writer.flush()
    assert results.done(folder) == 800


def test_csv_holds_the_same_table(folder: RunFolder) -> None:
    writer = results.Writer(folder)
    writer.add(
        [
            row(0, path='a "b", c\n.jpg', label="cat", correct=True),
            row(1, error="broken", prediction="", probability=None),
        ]
    )
    writer.finish()
    (folder.path / "table.csv").write_bytes(b"".join(results.to_csv(folder)))
    frame = pd.read_csv(folder.path / "table.csv", keep_default_na=False)
    assert list(frame.columns) == list(COLUMNS)
    assert list(frame["path"]) == ['a "b", c\n.jpg', "a/1.jpg"]
    assert list(frame["probability"]) == ["0.75", ""]
    assert list(frame["correct"]) == ["true", ""]


def test_csv_of_shards_has_one_header(folder: RunFolder) -> None:
    write(folder, 2, 5)
    lines = b"".join(results.to_csv(folder)).decode().strip().split("\n")
    assert len(lines) == 6


def test_errors_are_counted_over_all_shards(folder: RunFolder) -> None:
    assert results.errors(folder) == 0
    writer = results.Writer(folder)
    for number in range(4):
        writer.add([row(number, error="broken" if number % 2 else "")])
        writer.flush()
    assert results.errors(folder) == 2


def test_a_damaged_table_says_so(folder: RunFolder) -> None:
    results.results_file(folder).write_bytes(b"no parquet")
    with pytest.raises(NotFound, match="can't be read"):
        results.opened(results.results_file(folder))


def test_no_photo_at_all_makes_an_empty_table(folder: RunFolder) -> None:
    results.Writer(folder).finish()
    assert pq.read_table(results.results_file(folder)).equals(
        pa.Table.from_pylist([], schema=results.SCHEMA)
    )


def test_rows_without_an_answer_are_open_until_they_have_one(folder: RunFolder) -> None:
    writer = results.Writer(folder)
    for end in (3, 6):
        writer.add(
            [
                row(number, error=results.UNANSWERED if number % 2 else "")
                for number in range(writer.end, end)
            ]
        )
        writer.flush()
    assert results.open_rows(folder) == [1, 3, 5]
    assert (results.done(folder), results.answered(folder)) == (6, 3)
    results.fill(
        folder,
        lambda wanted: {number: row(number, prediction="dog") for number in wanted if number != 5},
    )
    assert results.open_rows(folder) == [5]
    table = pq.read_table(results.Writer(folder).finish()).to_pylist()
    assert [entry["row"] for entry in table] == list(range(6))
    assert [entry["prediction"] for entry in table] == ["cat", "dog", "cat", "dog", "cat", "cat"]
