"""From photos to a served prediction, as a newcomer walks it: issue by issue this grows no longer,
the others have tests of their own."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.datasets import store
from core.jobs import store as jobs
from core.jobs.store import State
from core.models import store as models
from tests.browser import steps
from tests.browser.conftest import App

pytestmark = pytest.mark.browser


def only_model() -> models.Model:
    (model,) = models.listing()
    return model


def train_and_restart(app: App, page: Any) -> None:
    """Presses Train, kills the app with -9 while the job runs, and finds the job whole in a new
    app."""
    steps.press(page, "Train")
    steps.say(page, "Running for")
    (job,) = jobs.readable("training")
    app.kill()
    app.start()
    steps.visit(page, app.url, f"train?job={job.id}")
    page.get_by_text("Completed").first.wait_for()
    steps.settle(page)
    assert jobs.read(job.id).state is State.COMPLETED
    steps.until_charts(page, 2)


def ask_by_dropping(app: App, page: Any, photos: list[Path]) -> None:
    """Starts an endpoint, drops photos, and checks what the page says against what the model is
    known to say."""
    steps.visit(page, app.url, f"deploy?model={only_model().id}")
    steps.press(page, "Start the endpoint")
    page.get_by_text("Live", exact=True).first.wait_for()
    steps.settle(page)
    steps.drop(page, photos)
    answers = steps.answers(page)
    answers.nth(len(photos) - 1).wait_for()
    assert answers.count() == len(photos)


def ask_by_curl(page: Any, photo: Path) -> dict[str, Any]:
    """The line the page shows, run as it stands, with a real photo."""
    page.get_by_text("Use it from code").first.click()
    line = page.locator('[data-testid="stCode"]').filter(has_text="curl").first.inner_text().strip()
    assert "127.0.0.1" in line
    done = subprocess.run(
        ["bash", "-c", line.replace("@photo.jpg", shlex.quote(f"@{photo}"))],
        capture_output=True,
        check=True,
        timeout=300,
    )
    answer = dict(json.loads(done.stdout))
    assert "predictions" in answer, f"{line}\n{answer}"
    return answer


@pytest.mark.slow
def test_from_the_sample_to_a_prediction(app: App, page: Any) -> None:
    steps.visit(page, app.url)
    steps.press(page, "Use the sample sketchbook")
    page.locator(".st-key-ds_figures").wait_for()
    steps.settle(page)
    (dataset,) = [item for item in store.datasets() if isinstance(item, store.Dataset)]
    assert dataset.drawn
    steps.until_dataset(page, "600 photos")
    steps.until_tiles(page, 48)

    page.locator(".st-key-ds_train button").first.click()
    steps.say(page, "photos for training")
    train_and_restart(app, page)

    model = only_model()
    test = model.metrics("test")
    steps.visit(page, app.url, f"models?model={model.id}")
    assert steps.metric(page, "Correct") == f"{test['correct']}/{test['n']}"
    page.locator(".matrix .cell").first.wait_for()
    with page.expect_download() as download:
        page.locator(".st-key-mo_download a").click()
    assert Path(download.value.path()).read_bytes() == model.folder.artifact.read_bytes()

    photos = [dataset.root / path for path in model.predictions().of_split("test").path[:3]]
    ask_by_dropping(app, page, photos)
    answer = ask_by_curl(page, photos[0])
    assert answer["predictions"][0]["label"] in model.classes
    endpoint_survives_a_restart(app, page)


def endpoint_survives_a_restart(app: App, page: Any) -> None:
    app.stop()
    app.start()
    steps.visit(page, app.url, "deploy")
    steps.say(page, "auto-stop: never")
    card = page.locator('[class*="st-key-dp_card_"]').first
    assert "Live" in card.inner_text()
    assert re.search(r"started (just now|\d+ (s|min))", card.inner_text())
    card.get_by_role("link").first.click()
    steps.say(page, "About this endpoint")
    steps.stop_and_delete(page)
    steps.say(page, "No endpoints are running")


@pytest.mark.slow
def test_from_real_photos_to_a_prediction(app: App, page: Any, birds: Path) -> None:
    steps.visit(page, app.url, "datasets")
    steps.fill(page, "Folder", str(birds))
    steps.press(page, "Preview import")
    steps.import_as_previewed(page)
    page.locator(".st-key-ds_figures").wait_for()
    steps.settle(page)
    steps.until_dataset(page, "715 photos", "12 classes", "355 test")

    page.locator(".st-key-ds_train button").first.click()
    steps.say(page, "photos for training")
    train_and_restart(app, page)

    test = only_model().metrics("test")
    assert test["n"] == 355
    assert test["correct"] / test["n"] >= 0.88
    steps.visit(page, app.url, f"models?model={only_model().id}")
    assert steps.metric(page, "Correct") == f"{test['correct']}/355"

    predictions = only_model().predictions().of_split("test")
    root = store.dataset(only_model().dataset_id).root
    # Sure answers of different species: a borderline one may tip over between the arithmetic of training and of serving.
    sure = [int(np.argmax(predictions.probabilities[:, index])) for index in range(0, 12, 3)]
    ask_by_dropping(app, page, [root / predictions.path[row] for row in sure])
    said = steps.answers(page).locator(".first").all_inner_texts()
    assert sorted(said) == sorted(predictions.classes[predictions.predicted[row]] for row in sure)
