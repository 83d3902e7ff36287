"""What a split keeps together: columns, bursts, days; folds by group and splits by time."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core import settings
from core.datasets import groups, metadata, splits, store
from core.datasets.importing import run as importing
from core.datasets.importing.run import ImportSource
from core.errors import UserError
from tests import shapes
from tests.patience import PATIENCE

ROUTER = settings.PROJECT / "ui" / "shell" / "router.py"
RATIOS = {"train": 0.6, "validation": 0.2, "test": 0.2}
PER_CLASS = 40


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    """Shapes with a table: the animal in the photo (ten of each class), the day, and a column with
    as many values as photos."""
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    folder = shapes.draw(tmp_path / "shapes", PER_CLASS)
    draw = random.Random(2)
    rows = []
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        animal = f"{path.parent.name} {draw.randrange(10)}"
        taken = f"2026-05-{1 + number % 20:02} 06:{draw.randrange(60):02}:{draw.randrange(60):02}"
        rows.append(
            [path.relative_to(folder).as_posix(), path.parent.name, animal, taken, f"p{number}"]
        )
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "animal", "captured_at", "note"], *rows])
    return importing.run_import(ImportSource("folder", folder), "Shapes")


def test_only_what_groups_photos_is_offered(version: store.Version) -> None:
    offered = groups.options(version)
    assert {"animal", groups.DAY, groups.BURST} <= set(offered)
    assert "note" not in offered
    with pytest.raises(UserError, match="cannot be grouped by 'note'"):
        groups.units(version, "note")


def test_what_few_photos_have_is_not_offered(version: store.Version) -> None:
    table = store.metadata_of(version)
    assert table is not None
    table.loc[table.index >= 20, ["animal", "captured_at"]] = None
    metadata.write(table, version.folder / metadata.FILE)
    assert groups.options(version) == {}


@pytest.mark.parametrize("by", ["animal", groups.DAY, groups.BURST])
def test_no_group_is_in_two_splits(version: store.Version, by: str) -> None:
    units = groups.units(version, by)
    how = {"kind": "by group", "ratios": RATIOS, "seed": 7, "skip_small": True}
    frame = splits.apply(store.manifest_of(version), how, units)
    spread = groups.spread(frame, units)
    assert spread.shared == 0
    assert set(spread.table.index) == {"train", "validation", "test"}
    assert spread.table["photos"].sum() == (frame["split"] != "unused").sum()
    random_split = splits.apply(
        store.manifest_of(version), {"kind": "stratified", "ratios": RATIOS, "seed": 7}
    )
    if by != groups.BURST:
        assert groups.spread(random_split, units).shared > 0


def test_folds_keep_groups_together_and_hold_every_photo_once(version: store.Version) -> None:
    units = groups.units(version, "animal")
    frame = store.manifest_of(version)
    held: list[str] = []
    for fold in (1, 2, 3):
        how = {"kind": "k-fold", "folds": 3, "fold": fold, "seed": 7}
        made = splits.apply(frame, how, units)
        assert groups.spread(made[made["split"] != "test"], units).shared == 0
        held += made.loc[made["split"] == "validation", "path"].tolist()
    expected = frame.loc[frame["split"].isin(["train", "validation"]), "path"]
    assert sorted(held) == sorted(expected)


def test_a_split_by_time_tests_on_the_newest(version: store.Version) -> None:
    times = groups.times(version)
    made = splits.apply(
        store.manifest_of(version), {"kind": "by time", "ratios": RATIOS}, None, times
    )
    when = made["image_id"].map(times)
    newest, oldest = when.groupby(made["split"]).max(), when.groupby(made["split"]).min()
    assert newest["train"] < oldest["validation"] <= newest["validation"] < oldest["test"]
    assert (made["split"] == "test").mean() == pytest.approx(0.2, abs=0.03)
    with pytest.raises(UserError, match="no times"):
        splits.apply(store.manifest_of(version), {"kind": "by time", "ratios": RATIOS})


def test_bursts_end_with_a_pause_and_belong_to_one_camera() -> None:
    start = pd.Timestamp("2026-05-01 06:00:00")
    seconds = [0, 10, 35, 80, 5, None]
    table = pd.DataFrame(
        {
            "captured_at": [
                None if s is None else start + pd.Timedelta(seconds=s) for s in seconds
            ],
            "camera": ["a", "a", "a", "a", "b", "a"],
        }
    )
    found = groups.bursts(table)
    assert found.iloc[:3].nunique() == 1
    assert found.iloc[:5].nunique() == 3
    assert pd.isna(found.iloc[5])


def test_a_class_in_one_group_is_named() -> None:
    frame = pd.DataFrame(
        {
            "image_id": ["a", "b", "c", "d"],
            "label": ["x", "x", "y", "y"],
            "split": ["train", "train", "train", "test"],
        }
    )
    spread = groups.spread(frame, {"a": "a", "b": "a", "c": "c", "d": "c"})
    assert (spread.alone, spread.groups, spread.shared) == (("x", "y"), 2, 1)


def test_the_form_says_what_each_split_gets_and_makes_the_version(version: store.Version) -> None:
    app = AppTest.from_file(str(ROUTER), default_timeout=PATIENCE)
    app.query_params["dataset"] = version.dataset_id
    app.query_params["ds_view"] = "New version"
    app.switch_page(str(settings.PROJECT / "pages" / "datasets.py")).run()
    app.radio(key=f"ds_split_kind_{version.dataset_id}").set_value("by group").run()
    box = app.selectbox(key="ds_together_by group")
    box.set_value("animal").run()
    said = "\n".join(item.value for item in app.caption)
    assert "are in more than one split" in said
    assert "The new split: train" in said
    app.button(key="ds_make_version").click().run()
    assert not app.exception
    made = store.latest(version.dataset_id)
    assert (made.split["kind"], made.split["by"]) == ("by group", "animal")
    assert groups.spread(store.manifest_of(made), groups.units(made, "animal")).shared == 0
    assert metadata.columns_of(made.folder)
