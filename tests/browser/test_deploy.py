"""The Deploy page in a real browser: test photos, two endpoints side by side, a load test, the monitor, and an endpoint that dies."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from core.backends import LOCAL, Endpoint, EndpointState
from core.datasets.editing import review
from core.endpoints import capture
from core.jobs import locks
from core.jobs import store as jobs
from core.jobs.specs import EndpointSpec
from core.models.store import Model
from tests import shapes
from tests.backends.watching import settled, until
from tests.browser import steps
from tests.browser.conftest import App

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def served(small_model: Model, app: App) -> Iterator[Endpoint]:
    """An endpoint that keeps every photo, in the app's home."""
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec("First", small_model.id, capture_share=1)))
    assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason
    yield endpoint
    for found in LOCAL.endpoints():
        LOCAL.delete(found)


def opened(app: App, page: Any, endpoint: Endpoint, **parameters: str) -> None:
    words = "".join(f"&{name}={value}" for name, value in parameters.items())
    steps.visit(page, app.url, f"deploy?endpoint={endpoint.id}{words}")


def test_from_the_form_to_an_endpoint_with_a_deadline(
    app: App, page: Any, small_model: Model
) -> None:
    steps.visit(page, app.url, f"deploy?model={small_model.id}")
    page.locator(".st-key-dp_ends_local input").click()
    page.get_by_text("after an hour", exact=True).click()
    steps.press(page, "Start the endpoint")
    page.get_by_text("deletes itself in").first.wait_for()
    steps.settle(page)
    (endpoint,) = LOCAL.endpoints()
    assert endpoint.details.deadline == pytest.approx(endpoint.created + 3600)
    assert steps.metric(page, "Requests") == "0"
    steps.say(page, "Compared with plain fp32 on")
    LOCAL.delete(endpoint)


def test_test_photos_are_marked_and_one_is_flagged(app: App, page: Any, served: Endpoint) -> None:
    opened(app, page, served, dp_source="Test+photos")
    page.get_by_role("button", name=re.compile("^Try all")).click()
    steps.answers(page).first.wait_for()
    steps.settle(page)
    shown = steps.answers(page).count()
    marked = page.locator("button.card .badge.right, button.card .badge.wrong").count()
    assert marked == shown > 0
    steps.say(page, "right on")
    steps.answers(page).first.click()
    page.get_by_text("The answer is wrong? Say what it is.").wait_for()
    steps.press(page, "Set aside for review")
    until(lambda: review.count() == 1, "the photo in the review queue")
    (entry,) = review.entries()
    assert (entry.origin, entry.model_id) == (served.id, served.model_id)


def test_what_is_no_photo_is_said_beside_the_answers(
    app: App, page: Any, served: Endpoint, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    shapes.photo("circle", 7).save(good)
    bad.write_bytes(b"no photo at all")
    opened(app, page, served)
    steps.drop(page, [good, bad])
    steps.answers(page).first.wait_for()
    steps.settle(page)
    assert steps.answers(page).locator(".first").all_inner_texts() == ["circle"]
    assert "bad" in page.locator('[data-testid="stAlert"]').first.inner_text()


def test_two_endpoints_side_by_side(app: App, page: Any, served: Endpoint) -> None:
    other = settled(LOCAL, LOCAL.deploy(EndpointSpec("Second", served.model_id, precision="exact")))
    opened(app, page, served, dp_source="Test+photos", beside=other.id)
    page.get_by_role("button", name=re.compile("^Try all")).click()
    steps.answers(page).first.wait_for()
    steps.settle(page)
    assert steps.answers(page).first.locator(".who").all_inner_texts() == ["First", "Second"]
    steps.say(page, "They agree on")


def test_a_load_test_and_what_the_monitor_makes_of_it(
    app: App, page: Any, served: Endpoint
) -> None:
    opened(app, page, served, dp_view="Load+test")
    steps.press(page, "Start")
    page.get_by_text("Completed").first.wait_for()
    steps.settle(page)
    assert steps.metric(page, "Failed") == "0"
    assert steps.metric(page, "p50").endswith("ms")
    folder = jobs.read(served.id).folder
    until(lambda: len(capture.read(folder)) >= 200, "the kept photos")
    opened(app, page, served, dp_view="Monitor")
    steps.say(page, "photos kept, of 100%")
    steps.say(page, "Classes drift")
    expect(page.locator('[data-testid="stVegaLiteChart"]')).to_have_count(2)
    steps.tiles(page).first.wait_for()


def test_an_endpoint_that_is_killed_says_so_and_is_started_again(
    app: App, page: Any, served: Endpoint
) -> None:
    opened(app, page, served)
    os.kill(jobs.read(served.id).status.pid or 0, signal.SIGKILL)
    page.get_by_text("died without a word").first.wait_for()
    steps.settle(page)
    steps.press(page, "Start it again")
    page.get_by_text("InService").first.wait_for()
    (endpoint,) = LOCAL.endpoints()
    assert endpoint.id != served.id
    assert endpoint.state is EndpointState.IN_SERVICE


def test_one_that_has_deleted_itself_leaves_what_it_kept(
    app: App, page: Any, small_model: Model
) -> None:
    endpoint = LOCAL.deploy(EndpointSpec("Short", small_model.id, seconds=8, capture_share=1))
    folder = jobs.read(endpoint.id).folder
    until(lambda: not locks.is_locked(folder.lock), "its end")
    steps.visit(page, app.url, "deploy")
    steps.say(page, "1 endpoint that deleted itself")
    steps.visit(page, app.url, f"deploy?endpoint={endpoint.id}")
    steps.say(page, "It deleted itself")
    steps.press(page, "Forget Short")
    until(lambda: not folder.path.exists(), "nothing is left")
