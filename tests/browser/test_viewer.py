"""The photo viewer and the keyboard in the gallery: places and focus are kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from core.datasets import store
from core.datasets.browse import Query
from core.datasets.editing import drafts, edits
from core.datasets.importing import run as importing
from core.datasets.importing.origins import ImportSource
from tests.browser import steps
from tests.browser.conftest import App
from tests.datasets import made

pytestmark = pytest.mark.browser

CLASSES = {"cardinal": 24, "crow": 24, "flicker": 24}
FOCUSED = """() => {
  let node = document.activeElement
  while (node && node.shadowRoot && node.shadowRoot.activeElement) node = node.shadowRoot.activeElement
  return node ? node.dataset.id || node.tagName : ""
}"""


@pytest.fixture
def version(app: App, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    """Seventy-two photos of three classes: two pages of the gallery."""
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(app.home))
    folder = made.class_folders(app.home / "photos", CLASSES)
    return importing.run_import(ImportSource("folder", folder), "Birds")


def mixed(version: store.Version) -> list[str]:
    """All paths in the gallery's own order."""
    rows, _ = store.page(version, Query(sort="mixed"), limit=100)
    return [str(path) for path in rows["path"]]


def position(page: Any) -> Any:
    return page.locator(".viewer .position")


def until_focused(page: Any, path: str) -> None:
    page.wait_for_function(f"({FOCUSED})() === {path!r}")


def test_arrows_go_through_all_pages_and_the_focus_comes_back(
    app: App, page: Any, version: store.Version
) -> None:
    order = mixed(version)
    steps.visit(page, app.url, f"datasets?dataset={version.dataset_id}")
    steps.until_tiles(page, 48)
    steps.tiles(page).nth(47).click()
    expect(position(page)).to_have_text("48 of 72")
    page.keyboard.press("ArrowRight")
    expect(position(page)).to_have_text("49 of 72")
    page.wait_for_url(lambda url: Path(order[48]).name in url)
    page.reload()
    expect(position(page)).to_have_text("49 of 72")
    steps.settle(page)
    page.keyboard.press("Escape")
    steps.until_tiles(page, 24)
    expect(position(page)).to_have_count(0)
    page.wait_for_url(lambda url: "photo=" not in url)


def test_the_focus_goes_back_to_the_photo_that_was_seen_last(
    app: App, page: Any, version: store.Version
) -> None:
    order = mixed(version)
    steps.visit(page, app.url, f"datasets?dataset={version.dataset_id}")
    steps.until_tiles(page, 48)
    steps.tiles(page).nth(2).focus()
    page.keyboard.press("ArrowRight")
    until_focused(page, order[3])
    page.keyboard.press("Enter")
    expect(position(page)).to_have_text("4 of 72")
    page.keyboard.press("ArrowLeft")
    expect(position(page)).to_have_text("3 of 72")
    page.wait_for_url(lambda url: Path(order[2]).name in url)
    steps.settle(page)
    page.keyboard.press("Escape")
    until_focused(page, order[2])


def test_keys_relabel_leave_out_and_undo(app: App, page: Any, version: store.Version) -> None:
    path = mixed(version)[0]
    label = store.manifest_of(version, filters=[("path", "==", path)]).iloc[0]["label"]
    other = next(name for name in sorted(CLASSES) if name != label)
    digit = str(sorted(CLASSES).index(other) + 1)
    steps.visit(page, app.url, f"datasets?dataset={version.dataset_id}")
    steps.until_tiles(page, 48)
    steps.tiles(page).first.click()
    expect(position(page)).to_have_text("1 of 72")
    page.keyboard.press(digit)
    steps.say(page, f"Draft: now {other}")
    page.keyboard.press("x")
    steps.say(page, "left out")
    steps.settle(page)
    assert [step.action for step in drafts.steps(version)] == [edits.RELABEL, edits.LEAVE_OUT]
    page.keyboard.press("z")
    expect(page.get_by_text(re.compile("Draft: now .*left out"))).to_have_count(0)
    steps.settle(page)
    assert edits.labels_of(drafts.steps(version)) == {path: other}


def test_zoom_by_keys_and_double_click(app: App, page: Any, version: store.Version) -> None:
    path = mixed(version)[5]
    steps.visit(page, app.url, f"datasets?dataset={version.dataset_id}&photo={path}")
    stage = page.locator(".viewer .stage")
    expect(position(page)).to_have_text("6 of 72")
    page.keyboard.press("+")
    expect(stage).to_have_class(re.compile("zoomed"))
    page.keyboard.press("0")
    expect(stage).not_to_have_class(re.compile("zoomed"))
    stage.dblclick(position={"x": 60, "y": 60})
    expect(stage).to_have_class(re.compile("zoomed"))
    loaded = "(image) => image.complete && image.naturalWidth > 0 && image.className === 'whole'"
    page.locator(".viewer .layer img.whole").wait_for()
    assert page.locator(".viewer .layer img").evaluate(loaded)


def test_keys_select_photos_and_keep_the_focus(app: App, page: Any, version: store.Version) -> None:
    order = mixed(version)
    steps.visit(page, app.url, f"datasets?dataset={version.dataset_id}&ds_select=true")
    steps.until_tiles(page, 48)
    steps.tiles(page).first.focus()
    page.keyboard.press("Space")
    steps.say(page, "1 photo selected")
    steps.settle(page)
    until_focused(page, order[0])
    page.keyboard.press("Shift+ArrowRight")
    steps.say(page, "2 photos selected")
    steps.settle(page)
    until_focused(page, order[1])


def test_a_row_of_the_classes_opens_their_photos(
    app: App, page: Any, version: store.Version
) -> None:
    steps.visit(page, app.url, f"datasets?dataset={version.dataset_id}&ds_view=Classes")
    bar = page.locator(".js-plotly-plot .bars .point path").first
    bar.wait_for()
    bar.click(force=True)
    steps.until_tiles(page, 24)
    page.wait_for_url(re.compile("ds_class="))
    page.reload()
    steps.until_tiles(page, 24)


def test_two_datasets_are_cards_and_a_card_opens_its_dataset(
    app: App, page: Any, version: store.Version
) -> None:
    folder = made.class_folders(app.home / "more", {"owl": 6, "wren": 6})
    importing.run_import(ImportSource("folder", folder), "Night")
    steps.visit(page, app.url, "datasets")
    expect(page.locator("button.mosaic")).to_have_count(2)
    expect(page.locator("button.mosaic img")).to_have_count(8)
    page.get_by_role("button", name="Open Birds").click()
    steps.until_dataset(page, "72 photos", "3 classes")


def test_a_folder_that_was_moved_is_said_on_the_page_and_at_train(
    app: App, page: Any, version: store.Version
) -> None:
    (app.home / "photos").rename(app.home / "elsewhere")
    for path in ("datasets", "train"):
        steps.visit(page, app.url, f"{path}?dataset={version.dataset_id}")
        steps.say(page, "was moved or deleted")
