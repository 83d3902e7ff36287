"""The Deploy page in a real browser: photos, two endpoints side by side, a load test, the monitor, a stop and its undo, and an endpoint that dies."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from core import settings
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
    page.get_by_text("After 1 hour", exact=True).click()
    steps.press(page, "Start the endpoint")
    page.get_by_text("auto-stop: in").first.wait_for()
    steps.settle(page)
    (endpoint,) = LOCAL.endpoints()
    assert endpoint.details.deadline == pytest.approx(endpoint.created + 3600)
    steps.say(page, "0 requests")
    steps.press(page, "About this endpoint")
    steps.say(page, "Served as")
    steps.say(page, "largest probability change")
    LOCAL.delete(endpoint)


def test_test_photos_are_marked_and_one_is_flagged(app: App, page: Any, served: Endpoint) -> None:
    opened(app, page, served)
    steps.try_test_photos(page)
    shown = steps.answers(page).count()
    marked = page.locator("button.card .badge.right, button.card .badge.wrong").count()
    assert marked == shown > 0
    steps.say(page, "right on")
    steps.answers(page).first.click()
    page.get_by_text("Wrong answer? Choose the right class").first.wait_for()
    steps.press(page, "Add to the review queue")
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


def test_dropped_photos_are_answered_above_the_fold_and_counted_at_once(
    app: App, page: Any, served: Endpoint, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    shapes.photo("circle", 7).save(first)
    second.write_bytes(first.read_bytes())
    opened(app, page, served)
    zone = page.locator('[data-testid="stFileUploaderDropzone"]')
    tall = zone.bounding_box()["height"]
    assert tall >= 200
    steps.drop(page, [first, second])
    expect(steps.answers(page)).to_have_count(2)
    steps.settle(page)
    assert set(steps.answers(page).locator(".name").all_inner_texts()) == {
        "first.png",
        "second.png",
    }
    steps.say(page, "· 1 request ·")
    assert zone.bounding_box()["height"] < tall / 2
    card = steps.answers(page).first.bounding_box()
    assert card["y"] + card["height"] < page.viewport_size["height"]
    steps.press(page, "Clear")
    expect(steps.answers(page)).to_have_count(0)


def test_a_photo_that_is_too_large_to_send_is_shrunk_and_says_so(
    app: App, page: Any, served: Endpoint, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    noise = np.random.default_rng(0).integers(0, 255, (1800, 1800, 3), dtype=np.uint8)
    Image.fromarray(noise).save(large)
    assert large.stat().st_size > settings.MAX_INVOCATION_BYTES
    opened(app, page, served)
    steps.drop(page, [large])
    steps.answers(page).first.get_by_text("Shrunk from").wait_for()


def test_a_photo_is_pasted_anywhere_on_the_page(
    app: App, page: Any, served: Endpoint, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    shapes.photo("circle", 7).save(photo)
    opened(app, page, served)
    steps.settle(page)
    steps.paste(page, photo)
    expect(steps.answers(page)).to_have_count(1)
    steps.settle(page)
    assert steps.answers(page).locator(".first").all_inner_texts() == ["circle"]


def test_a_stopped_endpoint_is_started_again(app: App, page: Any, served: Endpoint) -> None:
    opened(app, page, served)
    steps.stop_and_delete(page)
    steps.say(page, "Stopped First")
    steps.settle(page)
    assert LOCAL.endpoints() == []
    steps.press(page, "Start again")
    page.get_by_text("Live", exact=True).first.wait_for()
    (endpoint,) = LOCAL.endpoints()
    assert (endpoint.name, endpoint.model_id) == ("First", served.model_id)
    assert jobs.read(endpoint.id).spec["capture_share"] == 1


def test_the_monitor_that_is_off_leads_to_the_form_that_turns_it_on(
    app: App, page: Any, small_model: Model
) -> None:
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec("Plain", small_model.id)))
    opened(app, page, endpoint, dp_view="Monitor")
    steps.say(page, "Monitoring is off")
    steps.press(page, "Redeploy with monitoring")
    steps.say(page, "Keep photos for the monitor")
    steps.settle(page)
    steps.press(page, "Start the endpoint")
    expect(page).to_have_url(re.compile("endpoint=fm-endpoint-"))
    (fresh,) = [found for found in LOCAL.endpoints() if found.id != endpoint.id]
    assert jobs.read(fresh.id).spec["capture_share"] == 1
    for found in LOCAL.endpoints():
        LOCAL.delete(found)


def test_a_link_from_the_list_names_the_endpoint_in_the_address(
    app: App, page: Any, served: Endpoint
) -> None:
    steps.visit(page, app.url, "deploy")
    page.locator('[class*="st-key-dp_card_"] a').first.click()
    steps.say(page, "About this endpoint")
    expect(page).to_have_url(re.compile(f"endpoint={served.id}"))
    page.reload()
    steps.say(page, "About this endpoint")


def test_two_endpoints_side_by_side(app: App, page: Any, served: Endpoint) -> None:
    other = settled(LOCAL, LOCAL.deploy(EndpointSpec("Second", served.model_id, precision="exact")))
    opened(app, page, served, beside=other.id)
    steps.try_test_photos(page)
    assert steps.answers(page).first.locator(".endpoint").all_inner_texts() == ["First", "Second"]
    steps.say(page, "Same class for")


def test_a_load_test_and_what_the_monitor_makes_of_it(
    app: App, page: Any, served: Endpoint
) -> None:
    opened(app, page, served, dp_view="Load+test")
    steps.press(page, "Start the load test")
    page.get_by_text("Completed").first.wait_for()
    steps.settle(page)
    assert steps.metric(page, "Failed") == "0"
    assert steps.metric(page, "p50").endswith("ms")
    folder = jobs.read(served.id).folder
    until(lambda: len(capture.read(folder)) >= 200, "the kept photos")
    opened(app, page, served, dp_view="Monitor")
    steps.say(page, "photos stored from 100 % of all requests")
    steps.say(page, "Classes drift")
    expect(page.locator('[data-testid="stVegaLiteChart"]')).to_have_count(2)
    steps.tiles(page).first.wait_for()


def test_an_endpoint_that_is_killed_says_so_and_is_started_again(
    app: App, page: Any, served: Endpoint
) -> None:
    opened(app, page, served)
    os.kill(jobs.read(served.id).status.pid or 0, signal.SIGKILL)
    page.get_by_text("exited unexpectedly").first.wait_for()
    steps.settle(page)
    steps.press(page, "Start again")
    page.get_by_text("Live", exact=True).first.wait_for()
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
    steps.say(page, "Stopped automatically (1)")
    steps.visit(page, app.url, f"deploy?endpoint={endpoint.id}")
    steps.say(page, "It reached its auto-stop time")
    steps.press(page, "Delete Short")
    until(lambda: not folder.path.exists(), "nothing is left")
