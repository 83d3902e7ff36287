"""Two things of one name: what a person chose is what is shown, trained on, served, compared and
deleted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from core import settings
from core.backends import LOCAL
from core.datasets import store
from core.datasets.editing import drafts, edits
from core.datasets.importing import run as importing
from core.datasets.importing.run import ImportSource
from core.io import files
from core.jobs import labels
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.models import store as models
from tests.backends.watching import until
from tests.browser import steps
from tests.browser.conftest import App
from tests.datasets import made

pytestmark = pytest.mark.browser

LARGE = {"cardinal": 12, "crow": 12, "flicker": 12}
SMALL = {"cardinal": 10, "crow": 10}


def dataset_of(folder: Path, sizes: dict[str, int], name: str = "Birds") -> store.Version:
    """A dataset called so, whatever others are called: as an older Fieldmark left them."""
    version = importing.run_import(ImportSource("folder", made.class_folders(folder, sizes)), name)
    path = settings.datasets_dir() / version.dataset_id / "dataset.json"
    files.write_json(path, files.read_json(path) | {"name": name})
    return version


@pytest.fixture
def two(app: App, monkeypatch: pytest.MonkeyPatch) -> tuple[store.Version, store.Version]:
    """Two datasets of one name: 36 photos of 3 classes, and the newer one of 20 photos of 2."""
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(app.home))
    return dataset_of(app.home / "large", LARGE), dataset_of(app.home / "small", SMALL)


def namesake(model: models.Model, ending: str) -> models.Model:
    """Another model of the same name, with another job's id."""
    folder = RunFolder.of(f"{model.id[:-6]}{ending}")
    shutil.copytree(model.folder.path, folder.path)
    files.write_json(folder.spec, files.read_json(folder.spec) | {"id": folder.path.name})
    return models.read(folder.path.name)


def dataset_ids() -> set[str]:
    return {item.id for item in store.datasets()}


def test_of_two_datasets_of_one_name_the_addressed_one_is_deleted(
    app: App, page: Any, two: tuple[store.Version, store.Version]
) -> None:
    large, small = (version.dataset_id for version in two)
    steps.visit(page, app.url, f"datasets?dataset={large}")
    steps.until_dataset(page, "36 photos")
    steps.choose(page, "Classes")
    steps.until_dataset(page, "36 photos")
    assert f"dataset={large}" in page.url
    steps.press(page, "More")
    page.get_by_text("Delete Birds (v1, 36 photos)").click()
    steps.press(page, "Delete Birds")
    steps.until_dataset(page, "20 photos")
    assert dataset_ids() == {small}
    # Nothing is ticked for the one that is left.
    steps.press(page, "More")
    expect(page.get_by_text("Delete Birds (v1, 20 photos)")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Delete Birds$"))).to_be_disabled()


def test_of_two_datasets_of_one_name_either_can_be_chosen(
    app: App, page: Any, two: tuple[store.Version, store.Version]
) -> None:
    large, small = (version.dataset_id for version in two)
    steps.visit(page, app.url, f"datasets?dataset={small}")
    steps.until_dataset(page, "20 photos")
    for wanted, photos in ((large, "36"), (small, "20"), (large, "36")):
        steps.pick(page, "Dataset", re.compile(re.escape(wanted[-6:])))
        steps.until_dataset(page, f"{photos} photos")
        page.wait_for_url(re.compile(f"dataset={wanted}"))


def test_training_is_on_the_addressed_dataset_after_a_control_was_touched(
    app: App, page: Any, two: tuple[store.Version, store.Version]
) -> None:
    large, _ = two
    steps.visit(page, app.url, f"train?dataset={large.dataset_id}")
    steps.say(page, "3 classes;")
    steps.choose(page, "Balanced")
    steps.choose(page, "Custom")
    steps.say(page, "3 classes;")
    steps.press(page, "Train")
    until(lambda: jobs.readable("training"), "the job")
    (job,) = jobs.readable("training")
    assert job.spec["dataset_id"] == large.dataset_id
    LOCAL.stop(job)


def test_of_two_models_of_one_name_the_chosen_one_is_served(
    app: App, page: Any, small_model: models.Model
) -> None:
    other = namesake(small_model, "abc123")
    for wanted in (other, small_model):
        steps.visit(page, app.url, f"deploy?model={wanted.id}")
        steps.fill(page, "Name", f"serves {wanted.id[-6:]}")
        steps.press(page, "Start the endpoint")
        page.wait_for_url(re.compile("endpoint="))
    served = {endpoint.name: endpoint.model_id for endpoint in LOCAL.endpoints()}
    assert served == {f"serves {model.id[-6:]}": model.id for model in (other, small_model)}


def test_two_jobs_of_one_name_stay_two_when_they_are_compared(
    app: App, page: Any, small_model: models.Model
) -> None:
    other = namesake(small_model, "abc123")
    steps.visit(page, app.url, f"train?view=compare&jobs={small_model.id},{other.id}")
    chosen = steps.chips(page, "tr_compare")
    expect(chosen).to_have_count(2)
    steps.choose(page, "seconds")
    expect(chosen).to_have_count(2)
    asked = re.search(r"jobs=([^&]+)", page.url)
    assert asked
    assert set(asked[1].replace("%2C", ",").split(",")) == {small_model.id, other.id}
    assert len(set(chosen.all_inner_texts())) == 2


def test_a_renamed_thing_stays_chosen_and_a_deleted_one_is_not_replaced(
    app: App, page: Any, small_model: models.Model
) -> None:
    other = namesake(small_model, "abc123")
    steps.visit(page, app.url, f"deploy?model={other.id}")
    labels.set_label(other.id, name="Renamed")
    steps.fill(page, "Name", "first")
    box = page.get_by_role("combobox", name="Model")
    expect(box).to_have_value(re.compile("^Renamed"))
    steps.fill(page, "Name", "second")
    expect(box).to_have_value(re.compile("^Renamed"))
    jobs.delete(other.id)
    steps.press(page, "Start the endpoint")
    page.get_by_text(re.compile(r"There is no model .+ any more\. Choose a model\.")).wait_for()
    assert not LOCAL.endpoints()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("datasets?dataset=gone-123456", "There is no dataset gone-123456 any more."),
        ("datasets?dataset={id}&version=v9", "There is no version v9 any more."),
        ("train?dataset=gone-123456", "There is no dataset gone-123456 any more."),
        ("tune?dataset=gone-123456", "There is no dataset gone-123456 any more."),
    ],
)
def test_an_unknown_id_in_the_address_says_so_and_shows_nothing_else(
    app: App, page: Any, two: tuple[store.Version, store.Version], path: str, words: str
) -> None:
    steps.visit(page, app.url, path.format(id=two[0].dataset_id))
    steps.say(page, words)
    assert not page.locator(".st-key-ds_figures").count()
    assert not page.get_by_text("photos for training").count()


def test_part_of_a_class_name_is_no_new_class(
    app: App, page: Any, two: tuple[store.Version, store.Version]
) -> None:
    version = two[0]
    path = store.manifest_of(version, filters=[("label", "==", "crow")]).iloc[0]["path"]
    steps.visit(
        page, app.url, f"datasets?dataset={version.dataset_id}&version=v1&photo_page={path}"
    )
    steps.press(page, "Relabel")
    box = page.get_by_role("combobox", name=re.compile("New label$"))
    box.press_sequentially("cardi")
    page.keyboard.press("Enter")
    expect(box).to_have_value("cardinal")
    steps.settle(page)
    steps.pick(page, "New label", re.compile("New class"))
    steps.fill(page, "Name of the new class", "Boboli")
    steps.press(page, "Relabel 1 photo as the new class Boboli")
    steps.say(page, "1 new class")
    assert edits.labels_of(drafts.steps(version)) == {path: "Boboli"}


def test_a_tab_that_is_clicked_twice_stays_lit(
    app: App, page: Any, small_model: models.Model
) -> None:
    steps.visit(page, app.url, f"models?model={small_model.id}")
    for _ in range(2):
        steps.choose(page, "Calibration")
        assert "mo_view=Calibration" in page.url
