"""Serving on SageMaker in a real browser: from the Deploy form to an answer beside the local one, a batch, and nothing left running."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import backends, settings
from core.backends import LOCAL, SAGEMAKER, EndpointState
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec
from core.models.store import Model
from tests import shapes
from tests.backends.watching import settled
from tests.browser import steps
from tests.browser.conftest import App
from tests.patience import PATIENCE
from tests.sagemaker import serving
from tests.sagemaker.asking import Emulator

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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


def test_deploy_ask_beside_the_local_one_and_delete(
    app: App, aws: Emulator, small_model: Model, page: Any, tmp_path: Path
) -> None:
    here = settled(LOCAL, LOCAL.deploy(EndpointSpec("Here", small_model.id)))
    before = aws.done("CreateEndpoint")
    steps.visit(page, app.url, f"deploy?model={small_model.id}")
    steps.choose(page, "Amazon SageMaker")
    steps.say(page, "Free while idle")
    steps.say(page, "stopped security patches for this image on 2026-06-30")
    page.get_by_role("button", name=re.compile("Start the endpoint$")).dblclick()
    page.get_by_text("auto-stop: in").first.wait_for()
    steps.settle(page)
    (there,) = SAGEMAKER.endpoints()
    assert there.state is EndpointState.IN_SERVICE
    assert aws.done("CreateEndpoint") == before + 1, "two clicks are one endpoint"
    photos = []
    for name in shapes.CLASSES:
        path = tmp_path / f"{name}.png"
        shapes.photo(name, 7).save(path)
        photos.append(path)
    steps.visit(page, app.url, f"deploy?endpoint={there.id}&beside={here.id}")
    steps.say(page, "Photos above 4.0 MB are shrunk before sending.")
    steps.drop(page, photos)
    steps.say(page, f"Same class for {len(photos)}/{len(photos)}")
    steps.choose(page, "Use it from code")
    steps.say(page, "invoke_endpoint")
    steps.visit(page, app.url, "aws?aws_view=Running")
    steps.say(page, there.id)
    steps.visit(page, app.url, f"deploy?endpoint={there.id}")
    steps.stop_and_delete(page)
    page.get_by_role("heading", name="Deploy", exact=True).wait_for()
    serving.until(
        lambda: not aws.client("sagemaker").list_endpoints(NameContains=there.id)["Endpoints"],
        "the removal",
    )
    assert not aws.client("sagemaker").list_models(NameContains=there.id)["Models"]
    assert [endpoint.id for endpoint in backends.endpoints()] == [here.id]
    LOCAL.delete(here)


def test_a_batch_from_the_form_to_its_photos(
    app: App, aws: Emulator, small_model: Model, page: Any
) -> None:
    before = aws.done("CreateTransformJob")
    steps.visit(page, app.url, f"batch?model={small_model.id}")
    steps.choose(page, "Amazon SageMaker")
    steps.say(page, "USD at most")
    page.get_by_role("button", name=re.compile("Run$")).last.dblclick()
    steps.say(page, "Completed", PATIENCE)
    steps.settle(page)
    (job,) = jobs.readable("transform")
    assert aws.done("CreateTransformJob") == before + 1, "two clicks are one job"
    assert steps.metric(page, "Photos") == str(job.status.progress["total"])
    assert steps.metric(page, "Errors") == "0"
    steps.until_tiles(page, job.status.progress["total"])
    assert not aws.client("sagemaker").list_models(NameContains=job.id)["Models"]
