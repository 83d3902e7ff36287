"""Tuning in the browser: start it, watch it move, brush, click to a trial, deploy the best; trials stay off the other pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from core import backends
from core.datasets import store
from core.datasets.importing import run as importing
from core.datasets.importing.run import ImportSource
from core.jobs import store as jobs
from core.jobs.specs import TuningSpec
from core.jobs.store import State
from core.models import store as models
from core.tuning import leaderboard
from core.tuning import space as spaces
from core.tuning.space import Range
from tests.browser import steps
from tests.browser.conftest import App
from tests.browser.test_train import SIZES, wait_for
from tests.datasets import made
from tests.patience import PATIENCE

pytestmark = pytest.mark.browser

SPACE = {
    "weight_decay": Range("float", 1e-3, 10, log=True),
    "label_smoothing": Range("float", 0, 0.2),
}
POINTS = '[class*="st-key-tu_chart_history"] path[aria-roledescription="point"]'


@pytest.fixture
def version(app: App, monkeypatch: pytest.MonkeyPatch) -> store.Version:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(app.home))
    return importing.run_import(
        ImportSource("folder", made.class_folders(app.home / "photos", SIZES)), "Small birds"
    )


def tuned(version: store.Version, **more: Any) -> jobs.Job:
    """A tuning job of small trials, ended."""
    asked = {"fixed": {"arch": "lite0@64"}, "max_trials": 6, **more}
    job = backends.LOCAL.tune(
        TuningSpec(
            "Small ones", version.dataset_id, version.id, space=spaces.as_dict(SPACE), **asked
        )
    )
    wait_for(job)
    return job


def until_address(page: Any, words: str) -> None:
    page.wait_for_function("words => window.location.href.includes(words)", arg=words)


def test_from_the_form_to_an_endpoint_of_the_best_trial(
    app: App, page: Any, version: store.Version
) -> None:
    steps.visit(page, app.url, "tune")
    steps.fill(page, "Trials", "8")
    page.get_by_role("button", name=re.compile("Start tuning$")).dblclick()
    expect(
        page.locator('[data-testid="stMetricValue"]').get_by_text(re.compile("[1-8] of 8"))
    ).to_be_visible()
    steps.say(page, "Finished: all 8 trials ran")
    steps.until_metric(page, "Trials", "8 of 8")
    (job,) = jobs.readable("tuning")
    assert job.state is State.COMPLETED
    best = leaderboard.read(job.id).best()
    assert best is not None
    steps.say(page, f"Best: trial {best.number}")
    steps.press(page, "Deploy")
    steps.press(page, "Start the endpoint")
    page.get_by_text("Live", exact=True).first.wait_for()
    (endpoint,) = backends.endpoints()
    assert endpoint.model_id == best.id
    backends.of(endpoint).delete(endpoint)


def test_a_click_leads_to_a_trial_and_a_brush_to_all_charts(
    app: App, page: Any, version: store.Version
) -> None:
    job = tuned(version)
    board = leaderboard.read(job.id)
    steps.visit(page, app.url, f"tune?job={job.id}")
    table = page.locator('[data-testid="stDataFrame"]').first.bounding_box()
    page.mouse.click(table["x"] + 17, table["y"] + 50)
    until_address(page, f"trial={board.ranked()[0].number}")
    steps.say(page, f"Trial {board.ranked()[0].number}")

    steps.choose(page, "History")
    page.locator(POINTS).nth(2).click(force=True)
    until_address(page, "trial=3")

    steps.choose(page, "Parameters")
    axis = page.locator(".zone").first
    axis.hover()
    box = axis.bounding_box()
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(middle, box["y"] + box["height"] * 0.5, steps=4)
    page.mouse.up()
    inside = [
        trial for trial in board.trials if float(trial.params.get("label_smoothing", "-1")) > 0.1
    ]
    steps.say(page, f"{len(inside)} of 6 trials match the filters")
    expect(page.locator(".line.out")).to_have_count(5 - len(inside))
    page.mouse.click(middle, box["y"] + box["height"] - 4)
    expect(page.get_by_text("match the filters")).to_have_count(0)
    page.locator(".line").first.dispatch_event("click")
    steps.say(page, "Trial")


def test_a_running_job_is_stopped_and_goes_on(app: App, page: Any, version: store.Version) -> None:
    slow = {"arch": "lite0@64", "head": "mlp", "epochs": "10000", "early_stopping_patience": "0"}
    spec = TuningSpec(
        "Slow ones",
        version.dataset_id,
        version.id,
        slow,
        spaces.as_dict({"dropout": Range("float", 0, 0.5)}),
        max_trials=3,
    )
    job = backends.LOCAL.tune(spec)
    steps.visit(page, app.url, f"tune?job={job.id}")
    expect(page.get_by_text("Running").first).to_be_visible()
    steps.press(page, "Stop")
    steps.say(page, "The finished trials are kept")
    assert jobs.read(job.id).state is State.STOPPED
    steps.press(page, "Add trials")
    steps.fill(page, "More trials", "1")
    page.get_by_role("button", name=re.compile("Start$")).click()
    expect(page).not_to_have_url(re.compile(job.id), timeout=1000 * PATIENCE)
    steps.say(page, "Running")
    (after,) = [other for other in jobs.readable("tuning") if other.id != job.id]
    assert after.spec["continues"] == job.id
    backends.LOCAL.stop(after)


def test_trials_stay_off_the_other_pages(app: App, page: Any, version: store.Version) -> None:
    tuned(version, max_trials=3)
    steps.visit(page, app.url, "train")
    expect(page.get_by_text("Small ones #")).to_have_count(0)
    page.get_by_text("Show 3 trials of tuning jobs").click()
    expect(page.get_by_text("Small ones #")).to_have_count(3)
    assert len(models.listing()) == 1, "only the best one stands among the models"
    steps.visit(page, app.url, "")
    expect(page.get_by_text("Small ones", exact=True)).to_have_count(1)
