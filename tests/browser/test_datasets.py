"""Datasets in the browser: archives dropped on the page, bad files among good ones, species, splits
and the gallery's filters."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.datasets import store
from core.jobs import store as jobs
from tests.browser import steps
from tests.browser.conftest import App
from tests.datasets import made

pytestmark = pytest.mark.browser

SIZES = {"cardinal": 12, "crow": 12, "flicker": 12}


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return archive


def only_dataset() -> store.Dataset:
    (dataset,) = [item for item in store.datasets() if isinstance(item, store.Dataset)]
    return dataset


def import_folder(app: App, page: Any, folder: Path) -> None:
    steps.visit(page, app.url, "datasets")
    steps.fill(page, "Folder", str(folder))
    steps.press(page, "Preview import")
    steps.import_as_previewed(page)
    page.locator(".st-key-ds_figures").wait_for()
    steps.settle(page)


def test_an_archive_with_bad_files_among_good_ones(app: App, page: Any, tmp_path: Path) -> None:
    folder = made.class_folders(tmp_path / "birds", SIZES)
    (folder / "crow" / "words.jpg").write_text("these are words")
    (folder / "crow" / "half.jpg").write_bytes((folder / "crow" / "000.jpg").read_bytes()[:400])
    (folder / "crow" / "Thumbs.db").write_text("x")
    steps.visit(page, app.url, "datasets")
    steps.choose(page, "Drop an archive")
    page.locator('.st-key-ds_archive input[type="file"]').set_input_files(
        zipped(folder, tmp_path / "birds.zip")
    )
    steps.press(page, "Preview import")
    steps.import_as_previewed(page)
    steps.settle(page)
    steps.until_dataset(page, "36 photos")
    steps.choose(page, "Report")
    assert steps.metric(page, "Can't be used") == "2"
    assert steps.metric(page, "Ignored files") == "1"
    assert only_dataset().root.is_relative_to(app.home)
    assert not list((app.home / "uploads").iterdir())


def test_an_archive_that_leads_out_of_itself_is_refused_in_words(
    app: App, page: Any, tmp_path: Path
) -> None:
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../evil.txt", "x")
    steps.visit(page, app.url, "datasets")
    steps.choose(page, "Drop an archive")
    page.locator('.st-key-ds_archive input[type="file"]').set_input_files(archive)
    steps.press(page, "Preview import")
    steps.say(page, "evil.txt")
    assert not store.datasets()


def test_names_in_an_undeclared_encoding_are_read_as_a_person_says(
    app: App, page: Any, tmp_path: Path
) -> None:
    folder = made.class_folders(tmp_path / "birds", {"AAAAAA": 10, "BBBB": 10})
    archive = zipped(folder, tmp_path / "birds.zip")
    data = archive.read_bytes()
    for ours, theirs in ((b"AAAAAA", "ворона"), (b"BBBB", "сова")):
        data = data.replace(ours, theirs.encode("cp866"))
    archive.write_bytes(data)
    steps.visit(page, app.url, "datasets?view=import")
    steps.choose(page, "Drop an archive")
    page.locator('.st-key-ds_archive input[type="file"]').set_input_files(archive)
    steps.press(page, "Preview import")
    steps.say(page, "does not declare the encoding of its names")
    if folder := os.environ.get("FIELDMARK_SHOTS"):
        page.screenshot(path=f"{folder}/encoding-asked.png", full_page=True)
    steps.visit(page, app.url, "datasets?view=import")
    steps.choose(page, "Drop an archive")
    page.locator('.st-key-ds_archive input[type="file"]').set_input_files(archive)
    steps.pick(page, "Encoding of file names", re.compile("Cyrillic, DOS"))
    if folder := os.environ.get("FIELDMARK_SHOTS"):
        page.screenshot(path=f"{folder}/encoding-chosen.png", full_page=True)
    steps.press(page, "Preview import")
    steps.import_as_previewed(page)
    steps.until_dataset(page, "20 photos")
    assert store.latest(only_dataset().id).classes == ("ворона", "сова")


@pytest.mark.parametrize(
    ("path", "words"), [("", "Enter the path"), ("/etc", "/etc"), ("{home}/nowhere", "nowhere")]
)
def test_a_folder_that_cannot_be_imported_says_why(
    app: App, page: Any, path: str, words: str
) -> None:
    steps.visit(page, app.url, "datasets")
    steps.fill(page, "Folder", path.format(home=app.home))
    steps.press(page, "Preview import")
    steps.say(page, words)
    steps.settle(page)
    assert not store.datasets()


def test_a_double_click_on_import_makes_one_dataset(app: App, page: Any) -> None:
    folder = made.class_folders(app.home / "photos", SIZES)
    steps.visit(page, app.url, "datasets")
    steps.fill(page, "Folder", str(folder))
    page.get_by_role("button", name="Preview import").dblclick()
    steps.say(page, "Preview of photos")
    steps.settle(page)
    assert len(jobs.listing("plan")) == 1
    page.get_by_role("button", name="Import 36 photos").dblclick()
    page.locator(".st-key-ds_figures").wait_for()
    steps.settle(page)
    assert len(jobs.listing("import")) == 1
    assert len(store.datasets()) == 1


def test_species_and_split_make_a_new_version_and_leave_the_old_one(app: App, page: Any) -> None:
    folder = made.class_folders(app.home / "photos", SIZES)
    import_folder(app, page, folder)
    steps.choose(page, "New version")
    page.get_by_role("button", name="Remove crow").or_(
        page.locator('[aria-label^="crow"] svg, [data-baseweb="tag"]:has-text("crow") svg')
    ).first.click()
    steps.settle(page)
    steps.press(page, "Make the version")
    steps.until_dataset(page, "2 classes")
    versions = [
        version
        for version in store.versions(only_dataset().id)
        if isinstance(version, store.Version)
    ]
    assert [version.classes for version in versions] == [
        ("cardinal", "flicker"),
        ("cardinal", "crow", "flicker"),
    ]
    assert sorted(path.name for path in (folder / "crow").iterdir()) == [
        f"{number:03d}.jpg" for number in range(12)
    ]


def test_the_gallery_filters_and_its_link_brings_the_view_back(app: App, page: Any) -> None:
    import_folder(app, page, made.class_folders(app.home / "photos", SIZES))
    steps.until_tiles(page, 36)
    steps.pick(page, "Split", re.compile("^Test$"))
    steps.until_tiles(page, 6)
    page.wait_for_url("**ds_split=Test**")
    page.goto(page.url)
    steps.until_tiles(page, 6)
    steps.settle(page)
    loaded = "(tiles) => tiles.every((tile) => tile.querySelector('img').naturalWidth > 0)"
    page.wait_for_timeout(500)
    assert steps.tiles(page).evaluate_all(loaded)
    steps.tiles(page).first.click()
    steps.say(page, "Image id")
