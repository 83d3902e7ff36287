"""Training in the browser: bad values beside their fields, a double click, a stop, a resume, two jobs compared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from core import backends
from core.datasets import store
from core.datasets.importing import run as importing
from core.datasets.importing.run import ImportSource
from core.jobs import store as jobs
from core.jobs.specs import TrainingSpec
from core.jobs.store import State
from core.training import metrics
from tests.backends.watching import until
from tests.browser import steps
from tests.browser.conftest import App
from tests.datasets import made
from tests.patience import PATIENCE

pytestmark = pytest.mark.browser

SIZES = {"cardinal": 12, "crow": 12, "flicker": 12}
SMALL = {"arch": "lite0@64"}


@pytest.fixture
def version(app: App, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(app.home))
    return importing.run_import(
        ImportSource("folder", made.class_folders(app.home / "photos", SIZES)), "Small birds"
    )


def ended(page: Any, words: str, seconds: float = PATIENCE) -> None:
    page.get_by_text(words).first.wait_for(timeout=seconds * 1000)
    steps.settle(page)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("Learning rate", "0", "above 0"),
        ("Learning rate", "nan", "number"),
        ("Epochs", "many", "whole number"),
    ],
)
def test_fault_20_a_bad_value_is_said_beside_its_field_and_nothing_starts(
    app: App, page: Any, version: store.Version, field: str, value: str, words: str
) -> None:
    steps.visit(page, app.url, "train")
    page.get_by_text("All hyperparameters").click()
    steps.fill(page, field, value)
    column = (
        page.locator('[data-testid="stColumn"]')
        .filter(has=page.get_by_label(field, exact=True))
        .last
    )
    column.get_by_text(words).first.wait_for()
    steps.press(page, "Train")
    steps.settle(page)
    assert not jobs.listing("training")


def test_fault_24_a_double_click_on_train_makes_one_job(
    app: App, page: Any, version: store.Version
) -> None:
    steps.visit(page, app.url, "train")
    page.get_by_role("button", name="Train").last.dblclick()
    ended(page, "Completed")
    assert len(jobs.listing("training")) == 1


def test_a_running_job_is_watched_stopped_and_resumed(
    app: App, page: Any, version: store.Version
) -> None:
    long = {**SMALL, "mode": "finetune", "epochs": "5000", "early_stopping_patience": "0"}
    job = backends.LOCAL.train(TrainingSpec("Long one", version.dataset_id, version.id, long))
    steps.visit(page, app.url, f"train?job={job.id}")
    page.locator('[data-testid="stPlotlyChart"]').nth(1).wait_for()
    moving = (
        page.locator('[data-testid="stFragment"], [data-testid="stMain"]')
        .get_by_text(re.compile(r"^Epoch \d"))
        .first
    )
    before = moving.inner_text()
    expect(moving).not_to_have_text(before, timeout=1000 * PATIENCE)
    steps.press(page, "Stop")
    steps.say(page, "Stopped: Long one")
    ended(page, "Stopped")
    expect(page).to_have_title(re.compile("^Stopped: Long one"))
    assert jobs.read(job.id).state is State.STOPPED
    reached = epochs(job)

    steps.press(page, "Resume")
    steps.say(page, "Running for")
    (again,) = [other for other in jobs.readable("training") if other.id != job.id]
    page.locator('[data-testid="stPlotlyChart"]').nth(1).wait_for()
    assert min(epochs(again)) > 0, (
        "with epoch 0 it would have begun anew; on a busy machine it was stopped within epoch 1"
    )
    assert min(epochs(again)) >= max(reached) - 1
    steps.press(page, "Stop")
    ended(page, "Stopped")


def epochs(job: jobs.Job) -> list[int]:
    return [
        int(row["epoch"]) for row in metrics.epochs(metrics.MetricLog(job.folder.log).refresh())
    ]


def test_two_jobs_are_compared(app: App, page: Any, version: store.Version) -> None:
    for name, values in (("Linear", SMALL), ("Two layers", {**SMALL, "head": "mlp"})):
        backends.LOCAL.train(TrainingSpec(name, version.dataset_id, version.id, values))
    for job in jobs.readable("training"):
        wait_for(job)
    steps.visit(page, app.url, "train?view=compare")
    steps.say(page, "Settings that differ")
    steps.until_charts(page, 2)
    page.locator('[data-testid="stDataFrame"]').nth(1).wait_for()


def wait_for(job: jobs.Job) -> None:
    until(lambda: backends.LOCAL.refresh(job).state.is_finished, f"the end of {job.id}")
    assert backends.LOCAL.refresh(job).state is State.COMPLETED


def test_fault_29_a_failed_job_says_why(
    app: App, page: Any, version: store.Version, tmp_path: Path
) -> None:
    job = backends.LOCAL.train(
        TrainingSpec("Downloads", version.dataset_id, version.id, {"arch": "resnet18"})
    )
    steps.visit(page, app.url, f"train?job={job.id}")
    ended(page, "Failed")
    alert = page.locator('[data-testid="stAlert"]').first.inner_text()
    assert "resnet18" in alert
    assert "lite0" in alert


def test_a_click_on_a_row_opens_its_job_and_a_box_selects(
    app: App, page: Any, version: store.Version
) -> None:
    job = backends.LOCAL.train(TrainingSpec("Linear", version.dataset_id, version.id, SMALL))
    wait_for(job)
    steps.visit(page, app.url, "train")
    table = page.locator('[data-testid="stDataFrame"]').first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    page.mouse.click(box["x"] + 17, box["y"] + 50)
    expect(page.locator(".st-key-tr_selected_tag button").first).to_be_enabled()
    page.mouse.click(box["x"] + 240, box["y"] + 50)
    page.wait_for_function("id => window.location.href.includes(`job=${id}`)", arg=job.id)
    steps.say(page, "Completed")
    page.go_back()
    steps.say(page, "Training jobs")
