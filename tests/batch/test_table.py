"""Reading results: filters, orders, pages and counts, and that a hundred thousand rows are still quick."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.batch import results, table
from core.batch.table import Choice, Table
from core.evaluation import confusion, scores
from core.jobs.run_folder import RunFolder

CLASSES = ("cat", "dog", "owl")
ROWS: list[dict[str, Any]] = [
    {"label": "cat", "prediction": "cat", "probability": 0.9, "correct": True, "in_training": True},
    {
        "label": "cat",
        "prediction": "dog",
        "probability": 0.6,
        "correct": False,
        "unsure": True,
        "in_training": False,
    },
    {
        "label": "dog",
        "prediction": "dog",
        "probability": 0.4,
        "correct": True,
        "unsure": True,
        "in_training": False,
    },
    {
        "label": "",
        "prediction": "owl",
        "probability": 0.8,
        "unfamiliar": True,
        "in_training": False,
    },
    {"label": "newt", "prediction": "cat", "probability": 0.5, "in_training": False},
    {"label": "dog", "prediction": "", "error": "the file is empty"},
]


@pytest.fixture
def found(folder: RunFolder) -> Table:
    """The rows above, in two shards."""
    writer = results.Writer(folder)
    for part in (ROWS[:4], ROWS[4:]):
        base = {"image_id": "", "unsure": False, "unfamiliar": False, "error": ""}
        writer.add([{**base, "path": f"{CLASSES[0]}/x.jpg", **row} for row in part])
        writer.flush()
    return table.read(folder, CLASSES)


@pytest.mark.parametrize(
    ("choice", "rows"),
    [
        (Choice(), [0, 1, 2, 3, 4, 5]),
        (Choice("wrong"), [1]),
        (Choice("right"), [0, 2]),
        (Choice("unsure"), [1, 2]),
        (Choice("unfamiliar"), [3]),
        (Choice("errors"), [5]),
        (Choice("unlabelled"), [3, 4]),
        (Choice(prediction="dog"), [1, 2]),
        (Choice(label="dog"), [2, 5]),
        (Choice(label="newt"), [4]),
        (Choice(prediction="nobody"), []),
        (Choice(low=0.5, high=0.8), [1, 3, 4]),
        (Choice("errors", low=0.5), [5]),
        (Choice(order="least confident"), [2, 4, 1, 3, 0, 5]),
        (Choice(order="most confident"), [0, 3, 1, 4, 2, 5]),
        (Choice("right", order="least confident"), [2, 0]),
    ],
)
def test_choices(found: Table, choice: Choice, rows: list[int]) -> None:
    assert list(found.select(choice)) == rows


def test_a_page_has_the_rows_asked_for_in_their_order_from_any_shard(found: Table) -> None:
    frame = found.page([4, 0, 5, 3])
    assert list(frame["row"]) == [4, 0, 5, 3]
    assert list(frame["prediction"]) == ["cat", "cat", "", "owl"]
    assert list(frame.columns) == list(results.COLUMNS)
    assert found.page([]).empty


def test_only_known_classes_are_scored_and_training_photos_can_be_left_out(found: Table) -> None:
    assert str(scores.top1(found.answers)).startswith("2/3")
    assert str(scores.top1(found.unseen)).startswith("1/2")
    assert list(found.answers.row) == [0, 1, 2]


def test_the_confusion_matrix_leads_back_to_the_rows(found: Table) -> None:
    counts = confusion.counts(found.answers)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert list(found.answers.row[confusion.cell(found.answers, "cat", "dog")]) == [1]
    (pair,) = confusion.most_confused(found.answers)
    assert (pair.first, pair.second, pair.total) == ("cat", "dog", 1)


def test_answers_are_counted_by_class(found: Table) -> None:
    assert found.counts().to_dict("list") == {
        "class": ["cat", "dog", "owl"],
        "sure": [2, 0, 1],
        "unsure": [0, 2, 0],
    }


def test_nothing_finished_yet_is_an_empty_table(folder: RunFolder) -> None:
    empty = table.read(folder, CLASSES)
    assert len(empty) == 0
    assert empty.counts().empty
    assert not len(empty.answers)
    assert not len(empty.select(Choice("wrong")))


def test_a_hundred_thousand_rows_are_read_filtered_and_paged_in_a_moment(folder: RunFolder) -> None:
    count = 100_000
    write_many(folder, count)
    start = time.process_time()
    found = table.read(folder, CLASSES)
    read = time.process_time() - start
    start = time.process_time()
    rows = found.select(Choice("wrong", order="least confident"))
    frame = found.page(rows[5000:5050])
    paged = time.process_time() - start
    assert len(frame) == 50
    assert (frame["probability"].diff().dropna() >= 0).all()
    assert read < 5.0, f"{read:.2f} s to read the columns"
    assert paged < 5.0, f"{paged:.2f} s to filter, sort and page"
    kept = sum(value.nbytes for value in vars(found).values() if isinstance(value, np.ndarray))
    assert kept < 40 * count, "a few bytes a row"


def write_many(folder: RunFolder, count: int) -> None:
    """A finished table of random answers."""
    random = np.random.default_rng(3)
    names = np.array(CLASSES)
    label, prediction = names[random.integers(0, 3, count)], names[random.integers(0, 3, count)]
    columns: dict[str, Any] = {name: [None] * count for name in results.COLUMNS}
    columns |= {
        "row": np.arange(count),
        "path": [f"{name}/{number:06}.jpg" for number, name in enumerate(label)],
        "image_id": [f"{number:064x}" for number in range(count)],
        "label": label,
        "prediction": prediction,
        "probability": random.random(count, dtype=np.float32),
        "unsure": random.random(count) < 0.1,
        "unfamiliar": np.zeros(count, bool),
        "correct": label == prediction,
        "in_training": np.zeros(count, bool),
        "error": [""] * count,
    }
    pq.write_table(
        pa.table(columns, schema=results.SCHEMA),
        results.results_file(folder),
        row_group_size=results.ROW_GROUP,
    )
