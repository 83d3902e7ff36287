"""Batch in the browser: photos dropped on the page, watched to the table, filtered by the address, set aside, decided about."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from core import backends
from core.batch import results
from core.datasets import store
from core.datasets.editing import review
from core.jobs import store as jobs
from core.jobs.specs import TransformSpec
from core.jobs.store import State
from core.models import store as models
from tests import shapes
from tests.backends.watching import until, worker_of
from tests.browser import steps
from tests.browser.conftest import App

pytestmark = pytest.mark.browser

MANY = 1500


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    return shapes.draw(tmp_path / "photos", per_class=5)


def until_completed(page: Any) -> None:
    steps.say(page, "Completed")
    steps.settle(page)


def test_from_dropped_photos_to_a_new_dataset_version(
    app: App, page: Any, small_model: models.Model, tmp_path: Path
) -> None:
    new = [tmp_path / f"{name}.png" for name in shapes.CLASSES]
    for number, path in enumerate(new):
        shapes.photo(path.stem, 900 + number).save(path)
    steps.visit(page, app.url, "batch")
    steps.choose(page, "Photos")
    page.locator('.st-key-ba_photos_False input[type="file"]').set_input_files(new)
    steps.say(page, "3 photos")
    page.get_by_role("button", name="Run").last.dblclick()
    until_completed(page)
    assert len(jobs.listing("transform")) == 1
    assert steps.metric(page, "Photos") == "3"
    steps.tiles(page).nth(2).wait_for()
    assert steps.tiles(page).count() == 3
    page.wait_for_function(
        "[...document.querySelectorAll('button.photo img')].every((image) => image.naturalWidth > 0)"
    )
    steps.choose(page, "Table")
    row_of_table = page.locator('[data-testid="stDataFrame"]').first
    row_of_table.wait_for()
    steps.choose(page, "Photos")
    steps.tiles(page).first.click()
    page.locator(".st-key-ba_photo_aside button").first.click()
    steps.say(page, "In the review queue.")
    (entry,) = review.entries()
    steps.visit(page, app.url, "batch?view=review")
    page.locator(".card").first.get_by_role("button", name=re.compile("^1")).click()
    steps.say(page, "Decided (1)")
    steps.press(page, "Create a version")
    steps.say(page, "1 new photo added to its train split")
    page.locator(".st-key-rv_own label").first.click()
    steps.settle(page)
    steps.press(page, f"Create the next version of {store.dataset(small_model.dataset_id).name}")
    steps.say(page, "was created")
    newest = store.latest(small_model.dataset_id)
    assert newest.parent == small_model.version_id
    assert entry.id in set(store.manifest_of(newest)["image_id"])
    steps.press(page, "Train on it")
    steps.say(page, "photos for training")
    assert newest.id in page.url


def test_a_view_is_an_address(app: App, page: Any, small_model: models.Model, photos: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"no photo")
    job = backends.LOCAL.transform(
        TransformSpec("Shapes", small_model.id, "folder", path=str(photos), shown=str(photos))
    )
    steps.visit(page, app.url, f"batch?job={job.id}")
    until_completed(page)
    steps.choose(page, "Errors")
    steps.say(page, "1 photo could not be used")
    assert "ba_show=Errors" in page.url
    page.reload()
    steps.say(page, "1 photo could not be used")
    steps.visit(page, app.url, f"batch?job={job.id}&ba_view=Accuracy")
    page.locator(".matrix .cell").first.wait_for()
    steps.say(page, "Top-1")
    with page.expect_download() as download:
        steps.choose(page, "About")
        page.get_by_role("link", name="CSV for spreadsheets").click()
    lines = Path(download.value.path()).read_text().strip().splitlines()
    assert len(lines) == 17
    assert lines[0].startswith('"row","path","image_id"')


def test_a_running_batch_is_watched_stopped_and_resumed(
    app: App, page: Any, small_model: models.Model, photos: Path, tmp_path: Path
) -> None:
    few = sorted(photos.rglob("*.png"))
    (tmp_path / "many").mkdir()
    for number in range(MANY):
        os.link(few[number % len(few)], tmp_path / "many" / f"{number:05}.png")
    job = backends.LOCAL.transform(
        TransformSpec("Many", small_model.id, "folder", path=str(tmp_path / "many"))
    )
    until(lambda: results.done(job.folder), "the first photos")
    # It would be done before a busy machine has drawn the page.
    worker_of(job).suspend()
    steps.visit(page, app.url, f"batch?job={job.id}")
    steps.say(page, f"of {MANY:,} photos")
    steps.press(page, "Stop")
    until(job.folder.stop_request.exists, "the stop to arrive")
    worker_of(job).resume()
    steps.say(page, "Resume continues with the rest")
    steps.settle(page)
    assert 0 < int(steps.metric(page, "Photos").replace(",", "")) < MANY
    steps.press(page, "Resume")
    until_completed(page)
    assert steps.metric(page, "Photos") == f"{MANY:,}"
    states = [item.state for item in jobs.readable("transform")]
    assert sorted(states) == [State.COMPLETED, State.STOPPED]


def waiting(model: models.Model, folder: Path, photos: int) -> list[str]:
    """So many photos in the review queue, in the order of its cards; their ids."""
    folder.mkdir()
    for number in range(photos):
        path = folder / f"{number:02}.png"
        shapes.photo("circle", 700 + number).save(path)
        shares = (0.4 + number / 100, 0.3, 0.2)
        answer = [
            {"label": label, "probability": share}
            for label, share in zip(model.classes, shares, strict=True)
        ]
        review.add(path, shown=path.name, answer=answer, model_id=model.id)
    return [entry.id for entry in sorted(review.entries(), key=lambda entry: entry.probability)]


def test_a_review_by_keyboard_loses_no_decision_and_no_place(
    app: App, page: Any, small_model: models.Model, tmp_path: Path
) -> None:
    ids = waiting(small_model, tmp_path / "queue", 15)
    steps.visit(page, app.url, "batch?view=review")
    cards = page.locator(".card")
    expect(cards).to_have_count(12)
    cards.nth(3).focus()
    place = cards.nth(3).bounding_box()
    page.keyboard.type("12x3")
    steps.say(page, "Decided (4)")
    expect(cards).to_have_count(11)
    # A card moves while it is animated, and by the line that says how many are decided.
    assert cards.nth(3).bounding_box()["y"] == pytest.approx(place["y"], abs=80)
    said = [review.read(ids[place]).proposed for place in range(3, 7)]
    first, second, third = small_model.classes
    assert said == [first, second, review.LEAVE_OUT, third]
    expect(cards.nth(3)).to_be_focused()
    page.keyboard.press("u")
    page.keyboard.press("u")
    steps.say(page, "Decided (2)")
    assert [review.read(ids[place]).decided for place in range(3, 7)] == [True, True, False, False]
    expect(cards).to_have_count(12)


def test_another_class_is_chosen_or_named_in_a_dialog(
    app: App, page: Any, small_model: models.Model, tmp_path: Path
) -> None:
    (entry_id,) = waiting(small_model, tmp_path / "queue", 1)
    steps.visit(page, app.url, "batch?view=review")
    page.locator(".card").first.press("o")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").click()
    page.get_by_role("option", name="New class").click()
    dialog.get_by_label("Name of the new class").fill("Boboli")
    dialog.get_by_label("Name of the new class").press("Enter")
    steps.say(page, "All photos are decided")
    assert review.read(entry_id).proposed == "Boboli"
    steps.press(page, "Create a version")
    steps.say(page, "1 new class")
