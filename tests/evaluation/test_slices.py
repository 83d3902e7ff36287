"""Slices: the parts of columns, the test, and that a planted bad slice is named and clean data is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.evaluation import slices
from core.evaluation.predictions import Predictions


def predictions(right: np.ndarray, classes: int = 4, seed: int = 0) -> Predictions:
    """Photos of which those in `right` [n] are right, the others another class."""
    draw = np.random.default_rng(seed)
    n = len(right)
    label = draw.integers(0, classes, n)
    predicted = np.where(right, label, (label + 1) % classes)
    probabilities = np.full((n, classes), 0.1 / (classes - 1))
    probabilities[np.arange(n), predicted] = 0.9
    names = np.array([f"{number}.jpg" for number in range(n)])
    return Predictions(
        names, names, np.full(n, "test"), label, probabilities, tuple("abcdefgh"[:classes])
    )


def test_the_test_is_scipy_s() -> None:
    n, correct = np.array([10, 10, 30, 5]), np.array([3, 8, 30, 0])
    ours = slices.fisher_below(correct, n, 80, 100)
    assert ours == pytest.approx(stats.hypergeom.cdf(correct, 100, 80, n))
    p = np.random.default_rng(1).random(50)
    assert slices.false_rates(p) == pytest.approx(stats.false_discovery_control(p))
    assert len(slices.false_rates(np.zeros(0))) == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b", "a", None], ["a", "b", "a", ""]),
        ([True, False, True, False], ["yes", "no", "yes", "no"]),
        ([1.0, 2.0, 1.0, np.nan], ["1", "2", "1", ""]),
        (["same"] * 4, [""] * 4),
        (list(range(8)), ["0 to 1.75"] * 2 + ["1.75 to 3.5"] * 2 + ["3.5 to 5.25"] * 2
         + ["5.25 to 7"] * 2),
        ([f"photo {number}" for number in range(60)], [""] * 60),
        (pd.to_datetime(["2024-05-01", "2024-05-30", "2024-06-01", None]),
         ["2024-05", "2024-05", "2024-06", ""]),
    ],
)  # fmt: skip
def test_the_parts_of_a_column(values: object, expected: list[str]) -> None:
    assert slices.parts(pd.Series(values)).tolist() == expected


def attributes(n: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "site": draw.choice(list("ABCDEF"), n),
            "brightness": draw.random(n),
            "camera": draw.choice(["one", "two"], n),
            "id": [f"photo {number}" for number in range(n)],
        }
    )


def test_a_planted_bad_slice_is_named_first() -> None:
    columns = attributes(600, 3)
    chance = np.where(columns["site"] == "C", 0.6, 0.92)
    given = predictions(np.random.default_rng(4).random(600) < chance)
    table = slices.table(given, columns)
    assert table["found"].iloc[0]
    assert table["slice"].iloc[0] == "site: C"
    assert all("site: C" in name for name in table.loc[table["found"], "slice"])
    rows = slices.members(columns, table["columns"].iloc[0], table["values"].iloc[0])
    assert (columns["site"].iloc[rows] == "C").all()
    assert len(rows) == table["n"].iloc[0]
    assert given.correct[rows].sum() == table["correct"].iloc[0]
    assert not any(name.startswith("id") for name in table["slice"])


def test_a_slice_of_two_columns_is_named() -> None:
    columns = attributes(1200, 5)
    bad = (columns["site"] == "B") & (columns["camera"] == "two")
    given = predictions(np.random.default_rng(6).random(1200) < np.where(bad, 0.4, 0.95))
    assert slices.table(given, columns)["slice"].iloc[0] == "site: B and camera: two"


@pytest.mark.parametrize("columns", [1, 2])
def test_clean_data_has_no_more_false_findings_than_is_said(columns: int) -> None:
    named = []
    for seed in range(200):
        given = predictions(np.random.default_rng(seed).random(500) < 0.9)
        table = slices.table(given, attributes(500, 100 + seed))
        named.append(table.loc[table["columns"].map(len) == columns, "found"].any())
    # All are false here, so the expected share of runs with one is at most the rate; three standard
    # errors above it.
    most = slices.MAX_FALSE_SHARE
    assert np.mean(named) <= most + 3 * np.sqrt(most * (1 - most) / len(named))


def test_photos_without_a_label_and_small_slices_do_not_count() -> None:
    columns = pd.DataFrame({"site": ["A"] * 5 + ["B"] * 30})
    given = predictions(np.ones(35, dtype=bool))
    given.label[5:10] = -1
    (row,) = slices.table(given, columns).itertuples()
    assert (row.slice, row.n) == ("site: B", 25)
    assert slices.table(given, pd.DataFrame(index=range(35))).empty
    with pytest.raises(ValueError, match="rows of attributes"):
        slices.table(given, columns.iloc[:3])
