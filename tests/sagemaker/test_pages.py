"""The Train and Tune pages with SageMaker behind them, in a real browser: from the form to the model, and with the network gone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import settings
from core.aws import account as accounts
from core.backends import SAGEMAKER
from core.backends.sagemaker.inventory import kept as running
from core.backends.sagemaker.inventory.kept import Resource, Running
from core.jobs import store as jobs
from core.jobs.store import State
from core.models import store as models
from core.models.store import Model
from tests.browser import steps
from tests.browser.conftest import App
from tests.sagemaker.asking import Emulator
from tests.sagemaker.watching import LONG, PATIENCE, ended, said, spec

pytestmark = pytest.mark.browser
CREATE = "CreateTrainingJob"


@pytest.fixture
def app(
    aws: Emulator, small_model: Model, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[App]:
    """An app over the small model's home, set up for the emulator."""
    monkeypatch.setenv(settings.ENV_PREPARE, "0")
    made = App(home, tmp_path / "app.log", roots=str(tmp_path))
    made.start()
    yield made
    made.stop()


def test_from_the_form_to_the_model(app: App, aws: Emulator, small_model: Model, page: Any) -> None:
    before = aws.done(CREATE)
    steps.visit(page, app.url, f"train?clone={small_model.id}")
    steps.choose(page, "Amazon SageMaker")
    steps.say(page, "USD at most")
    page.get_by_role("button", name="Train").last.dblclick()
    steps.say(page, "ml.m5.xlarge, us-east-1", PATIENCE)
    (job,) = [found for found in jobs.readable("training") if found.backend == "sagemaker"]
    assert ended(job).state is State.COMPLETED, jobs.read(job.id).status.reason
    steps.until_charts(page, 2)
    steps.say(page, "Completed")
    steps.say(page, "billed")
    page.get_by_text("Show as code").click()
    steps.say(page, "create_training_job")
    steps.choose(page, "SageMaker SDK v3")
    steps.say(page, "ModelTrainer")
    steps.press(page, "Open the model")
    steps.say(page, "Test")
    assert models.read(job.id).metrics("test")["n"] == 6
    assert aws.done(CREATE) - before == 1, "two clicks are one job"


def test_what_cannot_run_there_is_said_beside_the_form(
    app: App, aws: Emulator, small_model: Model, page: Any
) -> None:
    before = jobs.listing()
    steps.visit(page, app.url, "tune")
    steps.choose(page, "Amazon SageMaker")
    steps.say(page, "30 trials x 60 minutes")
    page.get_by_text("Limits and options").click()
    steps.fill(page, "Trials without improvement", "1")
    steps.press(page, "Start tuning")
    steps.say(page, "at least 3 trials")
    assert jobs.listing() == before


def test_what_the_account_cannot_run_is_said_beside_the_form(
    app: App, aws: Emulator, small_model: Model, page: Any
) -> None:
    before = jobs.listing()
    steps.visit(page, app.url, f"train?clone={small_model.id}")
    steps.choose(page, "Amazon SageMaker")
    steps.say(page, "USD at most")
    with aws.settings(quotas={"ml.m5.xlarge for training job usage": 0}):
        page.get_by_role("button", name="Train").last.dblclick()
        steps.say(page, "Quotas: ml.m5.xlarge for training job usage: 0.", PATIENCE)
    assert jobs.listing() == before
    steps.press(page, "Train")
    steps.say(page, "takes up to two minutes to stop", PATIENCE)
    (job,) = [found for found in jobs.readable("training") if found.backend == "sagemaker"]
    SAGEMAKER.stop(job)
    assert ended(job).state.is_finished


def test_the_strip_keeps_up_on_a_page_that_nobody_touches(
    app: App, aws: Emulator, page: Any
) -> None:
    steps.visit(page, app.url, "batch")
    strip = page.locator('[data-testid="stSidebar"]')
    # The first look at the account has ended: it replaces what was kept before.
    strip.get_by_text("Nothing is billed, updated").wait_for()
    now, account, name = time.time(), accounts.load(), jobs.new_id("training")
    costly = Resource(
        "endpoint",
        jobs.new_id("endpoint"),
        "a",
        "InService",
        now - 60,
        True,
        "Birds",
        "1 x ml.m5.large",
        0.115,
    )
    running.keep(Running(account.region, now, (costly,), (), running.key_of(account)))
    strip.get_by_text("0.115 USD per hour").wait_for()
    _, lock = jobs.create(name, "training", "Here", "local", {})
    assert lock is not None
    strip.get_by_text("1 job running").wait_for()
    os.close(lock)


def test_fault_49_pages_draw_with_the_network_gone_and_say_how_old_they_are(
    app: App, aws: Emulator, small_model: Model, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = SAGEMAKER.train(spec(small_model, LONG))
    said(job, "[metrics] epoch=2 ")
    worker = SAGEMAKER.refresh(job).status.pid
    assert worker
    os.kill(worker, signal.SIGKILL)
    app.stop()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    app.start()
    steps.visit(page, app.url, "train")
    for path, words in (
        ("train", "Training jobs"),
        (f"train?job={job.id}", "Last update from SageMaker:"),
        ("tune", "Tuning jobs"),
        ("deploy", "Deploy"),
    ):
        page.goto(f"{app.url}/{path}")
        steps.say(page, words)
        steps.settle(page)
    page.goto(f"{app.url}/train?job={job.id}")
    steps.say(page, "Last update from SageMaker:", PATIENCE)
    steps.say(page, "Check the network connection", PATIENCE)
    assert jobs.read(job.id).state is State.IN_PROGRESS
