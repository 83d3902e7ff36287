"""The workbench in the browser: a folder dropped, a wrong label found, corrected and trained on; links
that bring every view back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from core.datasets import store
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource
from core.datasets.sample import sketchbook
from core.jobs import store as jobs
from core.jobs.status.asked import training_spec
from core.jobs.store import State
from tests.browser import steps
from tests.browser.conftest import App
from tests.datasets import made

pytestmark = pytest.mark.browser

THREE = ("American Crow", "Cardinal", "Northern Flicker")
WRONG = "American Crow/wrong.jpg"


def drawn(folder: Path) -> Path:
    """Ten drawings of each of three species, and a cardinal among the crows."""
    for name in THREE:
        (folder / name).mkdir(parents=True)
        for number in range(10):
            sketchbook.drawing(name, number).save(folder / name / f"{number}.jpg")
    sketchbook.drawing("Cardinal", 99).save(folder / WRONG)
    return folder


def only_dataset() -> store.Dataset:
    (dataset,) = [item for item in store.datasets() if isinstance(item, store.Dataset)]
    return dataset


def drag(page: Any, place: dict[str, float], corners: list[tuple[float, float]]) -> None:
    """Draws with the mouse through corners given as shares of a place on the page."""
    points = [
        (place["x"] + place["width"] * x, place["y"] + place["height"] * y) for x, y in corners
    ]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def test_a_wrong_label_is_found_corrected_and_trained_on(
    app: App, page: Any, tmp_path: Path
) -> None:
    photos = drawn(tmp_path / "birds")
    steps.visit(page, app.url, "datasets?view=import")
    steps.choose(page, "Drop a folder")
    page.locator('.st-key-ds_dropped input[type="file"]').set_input_files(photos)
    steps.press(page, "Preview import")
    steps.import_as_previewed(page)
    steps.until_dataset(page, "31 photos")

    steps.choose(page, "Issues")
    steps.press(page, "Inspect this version")
    steps.say(page, "31 photos of v1 inspected")
    steps.until_tiles(page, 1)
    expect(steps.tiles(page)).to_contain_text("looks like Cardinal")
    lasso_around_everything(page)

    steps.choose(page, "Issues")
    steps.press(page, "Take all 1 suggestion")
    steps.say(page, "1 relabelled")
    steps.press(page, "Make the version")
    steps.say(page, "From v1 to v2: 1 relabelled")
    (corrected,) = store.manifest_of(
        store.latest(only_dataset().id), filters=[("path", "==", WRONG)]
    )["label"]
    assert corrected == "Cardinal"

    steps.press(page, "Train now")
    steps.say(page, "Running for")
    page.get_by_text("Completed").first.wait_for()
    (job,) = jobs.readable("training")
    assert (job.state, training_spec(job).version_id) == (State.COMPLETED, "v2")


def lasso_around_everything(page: Any) -> None:
    steps.choose(page, "Map")
    canvas = page.locator("canvas.points")
    canvas.wait_for()
    canvas.scroll_into_view_if_needed()
    drag(
        page,
        canvas.bounding_box(),
        [(0.01, 0.02), (0.99, 0.02), (0.99, 0.98), (0.01, 0.98), (0.01, 0.1)],
    )
    steps.say(page, "31 photos inside")
    steps.until_tiles(page, 31)
    page.wait_for_url("**lasso=**")
    lasso_by_keyboard(page, canvas)


def lasso_by_keyboard(page: Any, canvas: Any) -> None:
    """Around the left half, and past every edge."""
    steps.settle(page)
    for key, times in (("Left", 20), ("Up", 20), ("Right", 7), ("Down", 20), ("Left", 20)):
        for _ in range(times):
            canvas.press(f"Shift+Arrow{key}")
        canvas.press("Space")
    canvas.press("Enter")
    page.wait_for_url(lambda url: "0,0;" in unquote(url) and "0,1000" in unquote(url))
    steps.settle(page)
    page.get_by_text(re.compile(r"^\d+ photos? inside")).first.wait_for()


@pytest.fixture
def boxed(app: App, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    """Twenty-four photos of three species with boxes, in the CUB layout, and one that is smaller
    than the others."""
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(app.home))
    folder = made.cub(app.home / "CUB", 8)
    small = min((folder / "images").rglob("*.jpg"))
    made.photo(small, seed=5, size=(20, 30))
    return importing.run_import(ImportSource("folder", folder), "Boxed")


def test_every_view_of_the_gallery_is_a_link(app: App, page: Any, boxed: store.Version) -> None:
    steps.visit(
        page,
        app.url,
        f"datasets?dataset={boxed.dataset_id}&ds_find=crow&ds_sort=Width&ds_down=true&ds_boxes=true&ds_sizes=true",
    )
    steps.until_tiles(page, 8)
    expect(page.locator(".frame svg rect")).to_have_count(8)
    expect(steps.tiles(page).first).to_contain_text("48 x 36")
    steps.fill(page, "Name", "")
    steps.until_tiles(page, 24)
    chart = page.locator('[data-testid="stVegaLiteChart"]').first
    chart.scroll_into_view_if_needed()
    drag(page, chart.bounding_box(), [(0.13, 0.05), (0.4, 0.7)])
    page.wait_for_url(re.compile(r"width=.*height=|height=.*width="))
    steps.until_tiles(page, 1)
    page.goto(page.url)
    steps.until_tiles(page, 1)
    page.locator(".st-key-ds_any_size button").first.click()
    steps.until_tiles(page, 24)


def test_a_photo_has_a_page_that_can_be_linked_to(
    app: App, page: Any, boxed: store.Version
) -> None:
    path = store.manifest_of(boxed, filters=[("label", "==", "Cardinal")]).iloc[1]["path"]
    steps.visit(
        page,
        app.url,
        f"datasets?dataset={boxed.dataset_id}&version=v1&ds_class=Cardinal&ds_sort=File name",
    )
    steps.until_tiles(page, 8)
    steps.tiles(page).nth(1).click()
    steps.press(page, "Open its page")
    steps.say(page, "Predictions")
    page.wait_for_url(lambda url: "photo_page=" in url)
    page.goto(page.url)
    steps.say(page, path)
    page.locator("td", has_text="imported").first.wait_for(state="attached")
    steps.settle(page)
    steps.press(page, "Leave out")
    page.get_by_role("button", name=re.compile("Leave out 1 photo$")).click()
    steps.say(page, "1 left out")
    steps.visit(page, app.url, f"datasets?dataset={boxed.dataset_id}&version=v1&photo=nothing.jpg")
    steps.say(page, "Another version may have it")


def test_back_from_a_photo_the_filters_are_as_they_were(
    app: App, page: Any, boxed: store.Version
) -> None:
    steps.visit(
        page,
        app.url,
        f"datasets?dataset={boxed.dataset_id}&version=v1&ds_class=Cardinal&ds_find=cardinal_0",
    )
    steps.until_tiles(page, 8)
    steps.tiles(page).first.click()
    steps.press(page, "Open its page")
    steps.say(page, "Predictions")
    steps.settle(page)
    steps.press(page, "Back")
    steps.until_tiles(page, 8)
    expect(page.get_by_label("Name", exact=True)).to_have_value("cardinal_0")


def test_an_import_that_fails_beside_other_datasets_stays_said(
    app: App, page: Any, boxed: store.Version
) -> None:
    steps.visit(page, app.url, f"datasets?view=import&into={boxed.dataset_id}")
    (app.home / "nothing").mkdir()
    steps.fill(page, "Folder", str(app.home / "nothing"))
    steps.press(page, "Preview import")
    steps.say(page, "There are no photos in nothing")
    steps.settle(page)
    page.goto(page.url)
    steps.say(page, "There are no photos in nothing")
    assert len(store.versions(boxed.dataset_id)) == 1
