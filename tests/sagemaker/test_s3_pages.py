"""A dataset in S3 in a real browser: from the form to its photos, a model, and its copies given
back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from core.datasets import remote, store
from core.models import store as models
from tests import shapes
from tests.browser import steps
from tests.browser.conftest import App
from tests.sagemaker.asking import Emulator
from tests.sagemaker.watching import PATIENCE

pytestmark = pytest.mark.browser
BUCKET = "photos-of-a-page"


@pytest.fixture
def app(aws: Emulator, home: Path, tmp_path: Path) -> Iterator[App]:
    """An app over an empty home, and three classes of shapes in somebody's bucket."""
    client = aws.client("s3")
    client.create_bucket(Bucket=BUCKET)
    for path in sorted(shapes.draw(tmp_path / "shapes").rglob("*.png")):
        client.put_object(
            Bucket=BUCKET, Key=f"shapes/{path.parent.name}/{path.name}", Body=path.read_bytes()
        )
    home.mkdir(exist_ok=True)
    made = App(home, tmp_path / "app.log", roots=str(tmp_path))
    made.start()
    yield made
    made.stop()


def test_from_a_place_in_s3_to_a_model(app: App, page: Any) -> None:
    steps.visit(page, app.url, "datasets?view=import")
    steps.choose(page, "Amazon S3")
    steps.fill(page, "S3 prefix", "photos/shapes")
    steps.press(page, "Preview import")
    steps.say(page, "is not an S3 location")
    steps.fill(page, "S3 prefix", f"s3://{BUCKET}/nothing")
    steps.press(page, "Preview import")
    steps.say(page, "is empty. Check the bucket")
    assert store.datasets() == []
    steps.fill(page, "S3 prefix", f"s3://{BUCKET}/shapes")
    steps.press(page, "Preview import")
    steps.import_as_previewed(page, PATIENCE)
    page.locator(".st-key-ds_figures").wait_for(timeout=1000 * PATIENCE)
    steps.settle(page)
    steps.until_dataset(page, "36 photos")
    page.locator('.st-key-ds_figures [data-testid="stTooltipHoverTarget"]').hover()
    steps.say(page, f"Photos in s3://{BUCKET}/shapes/")
    steps.until_tiles(page, 36)
    (dataset,) = store.datasets()
    assert isinstance(dataset, store.Dataset)
    assert dataset.name == "shapes"
    assert remote.kept(dataset.root)[0] == 36, "the photos that were shown"
    if folder := os.environ.get("FIELDMARK_SHOTS"):
        page.screenshot(path=f"{folder}/s3-gallery.png")
    steps.visit(page, app.url, f"datasets?dataset={dataset.id}")
    page.get_by_role("button", name="More").click()
    steps.say(page, "Local copies of photos in S3: 36")
    steps.press(page, "Remove the copies of shapes")
    steps.settle(page)
    expect(page.get_by_text("Local copies of photos in S3: 0").first).to_be_attached()
    assert remote.kept(dataset.root) == (0, 0)
    steps.visit(page, app.url, f"train?dataset={dataset.id}")
    steps.press(page, "Train")
    steps.say(page, "Completed", PATIENCE)
    assert (
        models.listing()[-1].metrics("test")["n"] == store.latest(dataset.id).split_counts()["test"]
    )
    assert remote.kept(dataset.root)[0] == 36, "what was trained on was fetched again"
