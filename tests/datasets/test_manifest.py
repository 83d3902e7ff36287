"""Manifests: written entirely or not at all, read by column, paged."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.datasets import browse, manifest, photo_sizes
from core.errors import NotFound, UserError
from tests.datasets import made


@pytest.fixture
def frame() -> pd.DataFrame:
    frame = made.frame({"Crow": 40, 'a "b", c': 25, "Owl": 5})
    frame["split"] = ["train", "validation", "test", "train", "train"] * 14
    bad: dict[str, Any] = {
        "problem": "cut short",
        "split": "unused",
        "image_id": "",
        "width": 0,
        "height": 0,
    }
    for name, value in bad.items():
        frame[name] = frame[name].where(frame.index != 3, value)
    return frame.assign(box_x=np.where(frame.index == 0, 1.5, np.nan))


def test_what_is_written_is_read_again(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    manifest.write(frame.sample(frac=1, random_state=1), path)
    back = manifest.read(path)
    expected = frame.sort_values(["label", "path"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(back, expected, check_dtype=False)
    assert tuple(back.columns) == manifest.COLUMNS
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["manifest.parquet"]


def test_only_the_requested_columns_and_rows_are_read(frame: pd.DataFrame, tmp_path: Path) -> None:
    manifest.write(frame, tmp_path / "m")
    some = manifest.read(
        tmp_path / "m",
        ["path", "split"],
        [("label", "==", "Owl"), ("split", "in", ["train", "test"])],
    )
    assert list(some.columns) == ["path", "split"]
    assert len(some) == ((frame["label"] == "Owl") & frame["split"].isin(["train", "test"])).sum()


def test_csv_has_the_same_columns_for_the_plain_reader(frame: pd.DataFrame, tmp_path: Path) -> None:
    manifest.write_csv(frame, tmp_path / "manifest.csv")
    with (tmp_path / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == manifest.COLUMNS
    assert [row["label"] for row in rows] == list(frame["label"])
    assert (rows[0]["box_x"], rows[1]["box_x"], rows[3]["problem"], rows[1]["problem"]) == (
        "1.5",
        "",
        "cut short",
        "",
    )
    assert int(rows[1]["width"]) == 48


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("split", "dev", "split"),
        ("split", None, "missing"),
        ("official", "dev", "official"),
        ("path", "../x.jpg", "outside"),
        ("path", "/x.jpg", "outside"),
        ("path", "Crow/../../x.jpg", "outside"),
        ("path", "Crow/000001.jpg", "twice"),
        ("label", "", "label"),
        ("image_id", "abc", "image_id"),
        ("width", 0, "size"),
        ("problem", "broken", "in use"),
    ],
)
def test_an_invalid_manifest_is_never_written(
    column: str, value: Any, reason: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    frame.loc[0, column] = value
    for write in (manifest.write, manifest.write_csv):
        with pytest.raises(UserError, match=reason):
            write(frame, tmp_path / "m")
    with pytest.raises(UserError, match="columns"):
        manifest.write(frame.drop(columns="official"), tmp_path / "m")
    assert list(tmp_path.glob("m*")) == []


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and then nothing", bytes(5000)])
def test_a_damaged_manifest_is_not_found(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "m").write_bytes(content)
    with pytest.raises(NotFound, match="can't be read"):
        manifest.read(tmp_path / "m")
    for look in (browse.page, photo_sizes.histograms):
        with pytest.raises(NotFound, match="can't be read"):
            look(tmp_path / "m", browse.Query(sort="path"))
    with pytest.raises(NotFound, match="can't be read"):
        browse.has_boxes(tmp_path / "m")


def test_counts_and_classes(frame: pd.DataFrame) -> None:
    counts = manifest.counts(frame)
    assert list(counts) == sorted(counts)
    assert counts["Owl"] == {"train": 3, "validation": 1, "test": 1, "unused": 0}
    assert counts["Crow"]["unused"] == 1
    frame.loc[frame["label"] == "Owl", "split"] = "unused"
    assert manifest.classes(frame) == ["Crow", 'a "b", c']
