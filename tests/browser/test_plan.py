"""The preview of an import, corrected by hand and imported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from core.datasets import metadata, store
from core.datasets.importing import run as importing
from core.io import files
from tests.browser import steps
from tests.browser.conftest import App
from tests.datasets import made

pytestmark = pytest.mark.browser


def newest() -> store.Version:
    (dataset,) = [item for item in store.datasets() if isinstance(item, store.Dataset)]
    return store.latest(dataset.id)


def preview(app: App, page: Any, folder: Path) -> None:
    steps.visit(page, app.url, "datasets")
    steps.fill(page, "Folder", str(folder))
    steps.press(page, "Preview import")
    steps.say(page, "Preview of")
    steps.settle(page)


def test_a_mixed_up_folder_is_corrected_and_imported(app: App, page: Any) -> None:
    folder = app.home / "mixed"
    for part, size in (("train", 6), ("val", 3)):
        made.class_folders(folder / part, {"cardinal": size, "crow": size})
    made.class_folders(folder / "extra", {"new": 4})
    made.photo(folder / "loose.jpg", seed=99)
    (folder / "@eaDir").mkdir()
    (folder / "notes.txt").write_text("words")
    preview(app, page, folder)
    assert [steps.metric(page, name) for name in ("Photos", "Classes", "Ignored files")] == [
        "18",
        "2",
        "7",
    ]
    steps.pick(page, "Photos in the folder extra", re.compile("unlabelled"))
    steps.until_metric(page, "Unlabelled", "4")
    page.reload()
    steps.until_metric(page, "Unlabelled", "4")
    steps.import_as_previewed(page)
    steps.until_dataset(page, "18 photos")
    version = newest()
    assert version.unlabelled == 4
    assert version.split_counts() | {"test": 0} == {
        "train": version.split_counts()["train"],
        "validation": 6,
        "test": 0,
        "unused": 0,
    }
    plan = files.read_json(version.folder / importing.PLAN)
    assert plan["decisions"]["folders"]["extra"] == "unlabelled"
    steps.pick(page, "Class", re.compile("Without a label"))
    steps.until_tiles(page, 4)


def test_the_column_of_the_label_is_chosen_by_hand(app: App, page: Any) -> None:
    folder = app.home / "survey"
    rows = ["file,common_name,scientific_name,wing"]
    for number in range(12):
        made.photo(folder / "photos" / f"{number:02d}.jpg", seed=number)
        names = "crow,Corvus" if number % 2 else "owl,Strix"
        rows.append(f"{number:02d}.jpg,{names},{70 + number}")
    (folder / "survey.csv").write_text("\n".join(rows) + "\n")
    preview(app, page, folder)
    steps.pick(page, "Label column of survey.csv", re.compile("scientific_name"))
    steps.settle(page)
    steps.import_as_previewed(page)
    steps.until_dataset(page, "12 photos")
    version = newest()
    assert version.classes == ("Corvus", "Strix")
    assert set(metadata.columns_of(version.folder)) == {"common_name", "wing"}
    steps.pick(page, "Metadata", re.compile("wing"))
    steps.fill(page, "From", "79")
    steps.until_tiles(page, 3)


def test_a_preview_waits_and_can_be_discarded(app: App, page: Any) -> None:
    preview(app, page, made.class_folders(app.home / "waiting", {"cardinal": 3, "crow": 3}))
    steps.visit(page, app.url, "datasets?view=import")
    page.get_by_role("link", name=re.compile("waiting: 6 photos")).click()
    steps.say(page, "Preview of waiting")
    steps.visit(page, app.url, "datasets?view=import")
    steps.press(page, "Discard")
    steps.settle(page)
    expect(page.get_by_role("link", name=re.compile("waiting: 6 photos"))).to_have_count(0)
    assert (app.home / "waiting" / "crow").is_dir()


def test_an_unreadable_table_is_named(app: App, page: Any) -> None:
    folder = app.home / "broken"
    made.photo(folder / "photos" / "1.jpg")
    (folder / "labels.csv").write_bytes(b"file,label\n1.jpg,cr\0ow\n")
    steps.visit(page, app.url, "datasets")
    steps.fill(page, "Folder", str(folder))
    steps.press(page, "Preview import")
    steps.say(page, "line 2 is not text")
