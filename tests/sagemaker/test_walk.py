"""All of SageMaker on the emulator, with real photos, as a person walks it: from an account to
nothing left running."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from core import backends
from core.aws import account as accounts
from core.datasets import store
from core.jobs import locks
from core.jobs import store as jobs
from core.jobs.store import State
from core.models import store as models
from core.training import metrics
from core.tuning import leaderboard
from tests.browser import steps
from tests.browser.conftest import App
from tests.patience import PATIENCE
from tests.sagemaker import asking, serving
from tests.sagemaker.asking import Emulator

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SPECIES = ("American Crow", "Cardinal", "European Goldfinch", "Indigo Bunting")
# A head with a hidden layer takes many small steps: some seconds in which its curves are seen to move.
LONG = {"Epochs": "1200", "Batch size": "16", "Early stopping patience": "0", "Head": "mlp"}
CREATES = {
    "CreateTrainingJob": 2,
    "CreateHyperParameterTuningJob": 1,
    "CreateTransformJob": 1,
    "CreateModel": 2,
    "CreateEndpointConfig": 1,
    "CreateEndpoint": 1,
}


@pytest.fixture
def app(
    aws: Emulator, home: Path, birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[App]:
    """An app over an empty home that may import the birds and finds the emulator, but in which no
    account is set up."""
    made = App(home, tmp_path / "app.log", roots=str(birds))
    made.start()
    yield made
    made.stop()


def set_up(app: App, page: Any, bucket: str) -> None:
    steps.visit(page, app.url, "aws?aws_view=Account")
    steps.say(page, "This is an emulator, not AWS")
    for label, value in (("Region", asking.REGION), ("Role", asking.ROLE), ("Bucket", bucket)):
        page.get_by_label(label, exact=True).fill(value)
    steps.press(page, "Save")
    steps.say(page, f"bucket {bucket}/")
    assert accounts.load().is_set_up


def choose_species(app: App, page: Any, birds: Path) -> store.Version:
    """Import all of the photos, and makes a version of a few species."""
    steps.visit(page, app.url, "datasets")
    steps.fill(page, "Folder", str(birds))
    steps.press(page, "Preview import")
    steps.import_as_previewed(page)
    page.locator(".st-key-ds_figures").wait_for()
    steps.settle(page)
    steps.choose(page, "New version")
    classes = page.locator('[class*="st-key-ds_labels_"]')
    classes.get_by_label("Clear all").click()
    steps.settle(page)
    for name in SPECIES:
        classes.locator("input").fill(name)
        classes.locator("input").press("Enter")
        steps.settle(page)
    # Its open list hides the rest of the page from machines.
    page.keyboard.press("Escape")
    steps.press(page, "Make the version")
    steps.until_dataset(page, f"{len(SPECIES)} classes")
    newest = store.versions(next(iter(store.datasets())).id)[0]
    assert isinstance(newest, store.Version)
    assert newest.classes == SPECIES
    return newest


def small(page: Any) -> None:
    """Choose the smallest network, at 64 pixels, and SageMaker."""
    steps.choose(page, "Custom")
    steps.pick(page, "Architecture", re.compile("Another one"))
    steps.fill(page, "Its name, or several: lite0@320+lite2@300", "lite0@64")
    steps.choose(page, "Amazon SageMaker")
    steps.say(page, "USD at most")


def train(app: App, page: Any, version: store.Version) -> models.Model:
    """Train from the form, and sees the curves move."""
    steps.visit(page, app.url, f"train?dataset={version.dataset_id}&version={version.id}")
    small(page)
    page.get_by_text("All hyperparameters").click()
    for label, value in LONG.items():
        page.get_by_label(label, exact=True).scroll_into_view_if_needed()
        # A list that opens while the page still moves closes at once.
        page.wait_for_timeout(300)
        steps.fill(page, label, value)
        steps.settle(page)
    page.get_by_role("button", name="Train").last.dblclick()
    steps.say(page, "ml.m5.xlarge, us-east-1", PATIENCE)
    steps.say(page, "Epoch ", PATIENCE)
    curve = page.locator('[data-testid="stPlotlyChart"] path.js-line').first
    expect(curve).not_to_have_attribute("d", str(curve.get_attribute("d")))
    steps.say(page, "Completed", PATIENCE)
    steps.say(page, "billed")
    steps.settle(page)
    (job,) = jobs.readable("training")
    assert job.backend == "sagemaker"
    assert job.spec["hyperparameters"] == {
        "arch": "lite0@64",
        **{label.lower().replace(" ", "_"): value for label, value in LONG.items()},
    }
    assert len(metrics.epochs(metrics.MetricLog(job.folder.log).refresh())) == 1200
    return models.read(job.id)


def tune(app: App, page: Any, version: store.Version) -> models.Model:
    """Four trials from the form to the leaderboard; the best one's model."""
    steps.visit(page, app.url, f"tune?dataset={version.dataset_id}&version={version.id}")
    steps.fill(page, "Trials", "4")
    steps.fill(page, "Parallel trials", "2")
    small(page)
    steps.say(page, "4 trials x 60 minutes")
    page.get_by_role("button", name=re.compile("Start tuning$")).dblclick()
    expect(
        page.locator('[data-testid="stMetricValue"]').get_by_text(re.compile("[1-4] of 4"))
    ).to_be_visible()
    steps.say(page, "Finished: ", PATIENCE)
    steps.settle(page)
    assert steps.metric(page, "Trials") == "4 of 4"
    page.get_by_text("Best first: by the objective").wait_for()
    (job,) = jobs.readable("tuning")
    board = leaderboard.read(job.id)
    assert [trial.state for trial in board.trials] == [State.COMPLETED] * 4
    best = board.best()
    assert best is not None
    steps.say(page, f"Best: trial {best.number}")
    steps.press(page, "Deploy")
    return models.read(best.id)


def ask(page: Any, model: models.Model) -> str:
    """On the form that the leaderboard led to: a serverless endpoint, and one photo dropped on it.
    The endpoint's id."""
    steps.choose(page, "Amazon SageMaker")
    steps.say(page, "Free while idle")
    page.get_by_role("button", name=re.compile("Start the endpoint$")).dblclick()
    steps.say(page, "auto-stop: in", PATIENCE)
    steps.settle(page)
    (endpoint,) = backends.endpoints()
    assert endpoint.model_id == model.id
    test = model.predictions().of_split("test")
    surest = int(np.argmax(test.probabilities.max(axis=1)))
    steps.drop(page, [store.dataset(model.dataset_id).root / test.path[surest]])
    steps.answers(page).first.wait_for()
    assert steps.answers(page).locator(".first").all_inner_texts() == [
        test.classes[test.predicted[surest]]
    ]
    return endpoint.id


def batch(app: App, page: Any, model: models.Model) -> None:
    steps.visit(page, app.url, f"batch?model={model.id}")
    steps.choose(page, "Amazon SageMaker")
    steps.say(page, "USD at most")
    page.get_by_role("button", name=re.compile("Run$")).last.dblclick()
    steps.say(page, "Completed", PATIENCE)
    steps.settle(page)
    test = model.metrics("test")
    assert steps.metric(page, "Photos") == str(test["n"])
    assert steps.metric(page, "Errors") == "0"
    shown = page.locator('[data-testid="stMetric"]').filter(has_text="Accuracy").first.inner_text()
    correct = re.search(rf"(\d+)/{test['n']}", shown)
    assert correct, shown
    # Training may be in bf16 and serving is in fp32: a photo on the border between two species may tip over.
    assert abs(int(correct.group(1)) - test["correct"]) <= 2


def delete(app: App, page: Any, endpoint_id: str) -> None:
    steps.visit(page, app.url, f"deploy?endpoint={endpoint_id}")
    steps.stop_and_delete(page)
    page.get_by_role("heading", name="Deploy", exact=True).wait_for()
    serving.until(lambda: not backends.endpoints(), "the removal of the endpoint")
    steps.visit(page, app.url, "aws?aws_view=Running")
    steps.press(page, "Refresh")
    steps.say(page, "No resources of Fieldmark are running")


def left(aws: Emulator, since: datetime) -> list[Any]:
    """Return what stands or runs on the emulator and was made since then."""
    client, running = aws.client("sagemaker"), {"StatusEquals": "InProgress"}
    answers = [
        client.list_endpoints(CreationTimeAfter=since)["Endpoints"],
        client.list_endpoint_configs(CreationTimeAfter=since)["EndpointConfigs"],
        client.list_models(CreationTimeAfter=since)["Models"],
        client.list_training_jobs(CreationTimeAfter=since, **running)["TrainingJobSummaries"],
        client.list_hyper_parameter_tuning_jobs(CreationTimeAfter=since, **running)[
            "HyperParameterTuningJobSummaries"
        ],
        client.list_transform_jobs(CreationTimeAfter=since, **running)["TransformJobSummaries"],
    ]
    return [entry for entries in answers for entry in entries]


def test_from_an_account_to_nothing_left_running(
    app: App, aws: Emulator, page: Any, birds: Path
) -> None:
    since, before = datetime.now(UTC), {name: aws.done(name) for name in CREATES}
    bucket = accounts.load().bucket
    accounts.save(accounts.Account())
    set_up(app, page, bucket)
    version = choose_species(app, page, birds)
    learned = train(app, page, version)
    assert learned.classes == SPECIES
    best = tune(app, page, version)
    endpoint = ask(page, best)
    batch(app, page, best)
    delete(app, page, endpoint)
    assert left(aws, since) == []
    assert not [
        job.id
        for job in jobs.readable()
        if not job.state.is_finished or locks.is_locked(job.folder.lock)
    ]
    assert {name: aws.done(name) - count for name, count in before.items()} == CREATES, (
        "two clicks are one of each"
    )
