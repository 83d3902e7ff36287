"""Pages of a manifest: every filter and order gives the same rows as pandas on the whole table."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.datasets import browse, manifest, photo_sizes
from core.datasets.browse import Query
from core.errors import UserError
from tests.datasets import made

Passes = Callable[[pd.DataFrame], pd.Series]


@pytest.fixture
def frame() -> pd.DataFrame:
    frame = made.frame({"Crow": 40, 'a "b", c': 25, "Owl": 5})
    draw = np.random.default_rng(3)
    frame["split"] = ["train", "validation", "test", "train", "train"] * 14
    frame["width"], frame["height"] = draw.integers(20, 500, 70), draw.integers(20, 500, 70)
    frame["size_bytes"] = draw.permutation(70)
    frame.loc[::2, list(manifest.BOX)] = 10.0
    frame.loc[5, ["split", "problem", "width", "height"]] = ["unused", "words", 0, 0]
    return frame


def pages(path: Path, query: Query, size: int = 9) -> pd.DataFrame:
    """All pages of a query, put together."""
    total = browse.page(path, query)[1]
    found = [browse.page(path, query, offset, size) for offset in range(0, total + 1, size)]
    assert {number for _, number in found} == {total}
    return pd.concat([rows for rows, _ in found], ignore_index=True)


CASES: list[tuple[Query, Passes]] = [
    (Query(), lambda f: f["path"] != ""),
    (Query(label="Crow"), lambda f: f["label"] == "Crow"),
    (Query(split="test"), lambda f: f["split"] == "test"),
    (Query(label="Owl", split="train"), lambda f: (f["label"] == "Owl") & (f["split"] == "train")),
    (Query(problem=True), lambda f: f["problem"] != ""),
    (Query(problem=False), lambda f: f["problem"] == ""),
    (Query(label="none"), lambda f: f["label"] == "none"),
    (Query(name="CROW/00000"), lambda f: f["path"].str.startswith("Crow/00000")),
    (Query(name='"B",'), lambda f: f["label"] == 'a "b", c'),
    (Query(name=".*"), lambda f: f["path"] == ""),
    (Query(ranges=(("width", 100, 300), ("height", 50, 400))), lambda f: f["width"].between(100, 300) & f["height"].between(50, 400)),
    (Query(ranges=(("aspect", 0.5, 1),)), lambda f: (f["width"] / f["height"].clip(lower=1)).between(0.5, 1) & (f["width"] > 0)),
    (Query(split="train", name="1", ranges=(("width", 0, 250),)),
     lambda f: (f["split"] == "train") & f["path"].str.contains("1") & f["width"].between(1, 250)),
]  # fmt: skip


@pytest.mark.parametrize("group", [7, 1000])
@pytest.mark.parametrize(("query", "passes"), CASES)
def test_pages_are_slices_of_the_rows_that_pass(
    query: Query,
    passes: Passes,
    group: int,
    frame: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifest, "ROW_GROUP", group)
    manifest.write(frame, tmp_path / "m")
    whole = manifest.read(tmp_path / "m")
    expected = whole[passes(whole)].reset_index(drop=True)
    pd.testing.assert_frame_equal(pages(tmp_path / "m", query), expected, check_dtype=False)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", [name for name in browse.SORTS if name != "mixed"])
def test_sorted_by_any_column(
    sort: str,
    descending: bool,
    frame: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifest, "ROW_GROUP", 11)
    manifest.write(frame, tmp_path / "m")
    found = pages(tmp_path / "m", Query(split="train", sort=sort, descending=descending))
    key = {
        "pixels": found["width"] * found["height"],
        "aspect": found["width"] / found["height"],
        "box": (
            found["box_width"] * found["box_height"] / (found["width"] * found["height"])
        ).fillna(-1),
    }.get(sort, found.get(sort))
    assert key is not None
    assert key.is_monotonic_decreasing if descending else key.is_monotonic_increasing
    assert sorted(found["path"]) == sorted(frame.loc[frame["split"] == "train", "path"])


@pytest.mark.parametrize("group", [11, 1000])
def test_mixed_photos_of_every_class_come_early_and_broken_files_last(
    group: int, frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame.loc[5, "image_id"] = ""
    monkeypatch.setattr(manifest, "ROW_GROUP", group)
    manifest.write(frame, tmp_path / "m")
    found = pages(tmp_path / "m", Query(sort="mixed"))
    assert sorted(found["path"]) == sorted(frame["path"])
    assert found["label"].head(20).nunique() > 1
    assert pages(tmp_path / "m", Query(sort="mixed"), size=13)["path"].equals(found["path"])
    if group == 1000:
        assert found["image_id"].iloc[-1] == ""


def test_a_page_of_a_large_manifest_reads_few_row_groups(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "ROW_GROUP", 3)
    manifest.write(frame, tmp_path / "m")
    whole = manifest.read(tmp_path / "m")["path"].tolist()
    first, _ = browse.page(tmp_path / "m", Query(sort="mixed"), 0, 9)
    groups = {whole.index(path) // 3 for path in first["path"]}
    assert 1 < len(groups) <= browse.MIXED_GROUPS


@pytest.mark.parametrize("sort", ["label", "mixed", "width"])
@pytest.mark.parametrize("split", ["", "train"])
def test_the_position_of_a_photo_is_its_place_in_the_pages(
    sort: str, split: str, frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "ROW_GROUP", 7)
    manifest.write(frame, tmp_path / "m")
    query = Query(split=split, sort=sort)
    found = pages(tmp_path / "m", query)["path"].tolist()
    assert [browse.position(tmp_path / "m", query, path) for path in found] == list(
        range(len(found))
    )
    assert browse.position(tmp_path / "m", query, "nothing.jpg") is None
    (other,) = set(frame.loc[frame["split"] == "test", "path"].head(1))
    assert (browse.position(tmp_path / "m", query, other) is None) == bool(split)


def test_unknown_orders_and_ranges_are_refused() -> None:
    with pytest.raises(UserError, match="can't be sorted"):
        Query(sort="__class__")
    with pytest.raises(UserError, match="Ranges"):
        Query(ranges=(("path", 0, 1),))


def test_a_manifest_replaced_is_read_again(frame: pd.DataFrame, tmp_path: Path) -> None:
    manifest.write(frame, tmp_path / "m")
    assert browse.page(tmp_path / "m", Query(split="test"))[1] == int(
        (frame["split"] == "test").sum()
    )
    manifest.write(frame[frame["split"] != "test"], tmp_path / "m")
    assert browse.page(tmp_path / "m", Query(split="test"))[1] == 0


def test_sizes_count_every_photo_whose_size_is_known_once(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    manifest.write(frame, tmp_path / "m")
    cells, bars = photo_sizes.histograms(tmp_path / "m", Query())
    assert cells["photos"].sum() == bars["photos"].sum() == len(frame) - 1
    one = cells.sort_values("photos").iloc[-1]
    inside = Query(
        ranges=(
            ("width", one["width"], one["width_to"] - 0.5),
            ("height", one["height"], one["height_to"] - 0.5),
        )
    )
    assert browse.page(tmp_path / "m", inside)[1] == one["photos"]
    some, _ = photo_sizes.histograms(tmp_path / "m", Query(label="Owl", ranges=(("width", 0, 1),)))
    assert some["photos"].sum() == 5
    assert photo_sizes.histograms(tmp_path / "m", Query(label="none"))[0].empty


def test_photos_of_one_size(tmp_path: Path) -> None:
    manifest.write(made.frame({"Crow": 3, "Owl": 3}), tmp_path / "m")
    cells, bars = photo_sizes.histograms(tmp_path / "m", Query())
    assert (len(cells), len(bars)) == (1, 1)
    assert math.isclose(bars["aspect"].iloc[0], 48 / 36)


def test_boxes_are_known_without_reading_rows(frame: pd.DataFrame, tmp_path: Path) -> None:
    manifest.write(frame, tmp_path / "with")
    manifest.write(made.frame({"Crow": 3, "Owl": 3}), tmp_path / "without")
    assert browse.has_boxes(tmp_path / "with")
    assert not browse.has_boxes(tmp_path / "without")
