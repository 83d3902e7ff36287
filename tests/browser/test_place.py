"""Place is kept: Back goes back one view, an address holds nothing of another view, a reload shows the same page, and tabs have titles."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from core.datasets import store
from core.datasets.importing import run as importing
from core.datasets.importing.run import ImportSource
from core.jobs import store as jobs
from tests.browser import steps
from tests.browser.conftest import App
from tests.datasets import made
from tests.ui.test_pages import ended_job

pytestmark = pytest.mark.browser

# More than one page of photos.
SIZES = {"cardinal": 30, "crow": 30, "flicker": 30}


@pytest.fixture
def birds(app: App, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(app.home))
    source = ImportSource("folder", made.class_folders(app.home / "birds", SIZES))
    return importing.run_import(source, "Birds")


def place(page: Any) -> tuple[str, dict[str, str]]:
    """The page and the parameters of the address."""
    parts = urlsplit(page.url)
    return parts.path.strip("/"), {name: value[0] for name, value in parse_qs(parts.query).items()}


def until_view(page: Any, view: str) -> None:
    """Waits until the address and the tab name this view of the dataset."""
    expect(page).to_have_title(re.compile(rf"^Birds v1 - {view} - Datasets - Fieldmark$"))
    steps.settle(page)
    assert place(page)[1].get("ds_view", "Photos") == view


def open_page(page: Any, name: str) -> None:
    page.locator('[data-testid="stSidebarNav"]').get_by_text(name, exact=True).click()
    expect(page).to_have_title(re.compile(rf"{name} - Fieldmark$"))
    steps.settle(page)


def test_back_goes_back_one_view(app: App, page: Any, birds: store.Version) -> None:
    steps.visit(page, app.url)
    open_page(page, "Datasets")
    until_view(page, "Photos")
    for view in ("Classes", "Report"):
        steps.choose(page, view)
        until_view(page, view)
    open_page(page, "Train")
    assert place(page) == ("train", {})
    for view in ("Report", "Classes", "Photos"):
        page.go_back()
        until_view(page, view)
    page.go_back()
    expect(page).to_have_title("Overview - Fieldmark")
    assert place(page) == ("", {})
    page.go_forward()
    until_view(page, "Photos")


def test_a_button_to_another_page_is_one_step(app: App, page: Any, birds: store.Version) -> None:
    steps.visit(page, app.url, f"datasets?dataset={birds.dataset_id}")
    until_view(page, "Photos")
    page.locator(".st-key-ds_train button").click()
    expect(page).to_have_title("Train - Fieldmark")
    steps.settle(page)
    assert place(page)[1]["dataset"] == birds.dataset_id
    page.go_back()
    until_view(page, "Photos")
    assert place(page)[0] == "datasets"


def test_a_link_to_the_page_that_is_open_changes_the_address(app: App, page: Any) -> None:
    job_id = ended_job(1)
    steps.visit(page, app.url, f"train?job={job_id}")
    page.get_by_role("link", name="All training jobs").click()
    expect(page).to_have_title("Train - Fieldmark")
    assert place(page) == ("train", {})
    page.go_back()
    expect(page).to_have_title("run 1 - Completed - Train - Fieldmark")
    steps.settle(page)
    open_page(page, "Train")
    assert place(page) == ("train", {})


def test_filters_and_pages_are_steps_and_stay_in_their_view(
    app: App, page: Any, birds: store.Version
) -> None:
    steps.visit(page, app.url, f"datasets?dataset={birds.dataset_id}&ds_page=2")
    until_view(page, "Photos")
    assert place(page)[1]["ds_page"] == "2"
    steps.choose(page, "Classes")
    until_view(page, "Classes")
    assert "ds_page" not in place(page)[1]
    page.go_back()
    until_view(page, "Photos")
    assert place(page)[1]["ds_page"] == "2"


def test_nothing_of_one_view_stays_in_the_address_of_another(
    app: App, page: Any, birds: store.Version
) -> None:
    path = f"datasets?dataset={birds.dataset_id}&ds_view=Map&lasso=1,2;300,4;500,600&width=1,9"
    steps.visit(page, app.url, path)
    until_view(page, "Map")
    steps.choose(page, "Classes")
    until_view(page, "Classes")
    assert set(place(page)[1]) <= {"dataset", "version", "ds_view"}
    page.go_back()
    until_view(page, "Map")
    assert place(page)[1]["lasso"] == "1,2;300,4;500,600"


def test_a_reload_shows_the_same_view(app: App, page: Any, birds: store.Version) -> None:
    steps.visit(page, app.url, f"datasets?dataset={birds.dataset_id}")
    steps.choose(page, "Classes")
    until_view(page, "Classes")
    page.reload()
    until_view(page, "Classes")


def test_the_title_of_the_tab_says_how_a_job_ended(app: App, page: Any) -> None:
    job_id = ended_job(1)
    steps.visit(page, app.url, f"train?job={job_id}")
    expect(page).to_have_title("run 1 - Completed - Train - Fieldmark")


@pytest.mark.parametrize(
    ("path", "what", "heading"),
    [
        ("train?job=fm-training-20260101t000000-aaaaaa", "training job", "Train"),
        ("train?job=nope", "training job", "Train"),
        ("tune?job=nope", "tuning job", "Tune"),
        ("models?model=nope", "model", "Models"),
        ("batch?job=nope", "batch", "Batch"),
        ("deploy?endpoint=nope", "endpoint", "Deploy"),
        ("datasets?job=nope", "job", "Datasets"),
    ],
)
def test_an_unknown_id_leads_to_the_list_with_a_note(
    app: App, page: Any, path: str, what: str, heading: str
) -> None:
    steps.visit(page, app.url, path)
    thing = path.partition("=")[2]
    steps.say(page, f"There is no {what} {thing} any more. It may have been deleted.")
    expect(page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()


def test_undo_brings_a_deleted_job_back(app: App, page: Any) -> None:
    job_id = ended_job(1)
    steps.visit(page, app.url, f"train?job={job_id}")
    page.locator(f".st-key-job_delete_{job_id} button").first.click()
    page.locator(f".st-key-job_training_delete_sure_{job_id} label").first.click()
    page.locator(f".st-key-job_training_delete_{job_id} button").click()
    steps.say(page, "Deleted run 1")
    assert jobs.listing() == []
    page.get_by_role("button", name="Undo").click()
    steps.say(page, "Restored run 1")
    assert jobs.read(job_id).name == "run 1"


def test_a_deleted_job_is_restored_from_the_overview(app: App, page: Any) -> None:
    job_id = ended_job(1)
    group = jobs.move_to_bin(job_id)
    steps.visit(page, app.url)
    page.get_by_text(re.compile(r"^Deleted \(1, ")).click()
    page.locator(f".st-key-bin_restore_{group} button").click()
    steps.say(page, "Restored run 1")
    assert jobs.read(job_id).name == "run 1"


def test_saving_a_note_says_so_and_closes_the_form(app: App, page: Any) -> None:
    job_id = ended_job(1)
    steps.visit(page, app.url, f"train?job={job_id}")
    steps.press(page, "Edit")
    note = page.get_by_label("Note", exact=True)
    note.fill("Crows are hard.")
    steps.press(page, "Save")
    steps.say(page, "Saved")
    expect(note).to_be_hidden()
    assert jobs.read(job_id).note == "Crows are hard."
