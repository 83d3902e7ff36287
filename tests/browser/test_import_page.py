"""The page on which photos are imported: its progress, its end, and failed imports."""

from __future__ import annotations

import os
import re
import time
from typing import Any

import pytest
from playwright.sync_api import expect

from core.datasets import store
from core.jobs import store as jobs
from core.jobs.run_folder import RunFolder
from core.jobs.store import State, Status
from tests.browser import steps
from tests.browser.conftest import App

pytestmark = pytest.mark.browser


def fail_import(name: str, reason: str) -> jobs.Job:
    """Leave a failed import behind, without running it."""
    job_id = jobs.new_id("import")
    spec = {"name": name, "source": "folder", "path": "/photos", "id": job_id}
    job, lock = jobs.create(job_id, "import", name, "local", spec)
    assert lock is not None
    os.close(lock)
    now = time.time()
    jobs.write_status(RunFolder.of(job_id), Status(State.FAILED, reason, now - 60, now))
    return job


def test_the_sample_opens_its_gallery_and_no_form_stands_below_its_progress(
    app: App, page: Any
) -> None:
    page.add_init_script(
        """new MutationObserver(() => {
            const text = document.body?.innerText ?? ""
            if (text.includes("Importing Sketchbook") && text.includes("Supported layouts"))
                window.formBelowProgress = true
            if (text.includes("Imported 600 photos into Sketchbook")) window.toastShown = true
        }).observe(document, { childList: true, subtree: true, characterData: true })"""
    )
    steps.visit(page, app.url, "datasets?view=import")
    steps.choose(page, "Sample")
    steps.press(page, "Import the sample")
    page.wait_for_url("**/datasets?job=*")
    page.evaluate("window.formBelowProgress = false")
    page.wait_for_url("**/datasets?dataset=*")
    steps.until_tiles(page, 48)
    assert page.evaluate("window.formBelowProgress") is False
    assert page.evaluate("window.toastShown") is True
    (dataset,) = store.datasets()
    assert isinstance(dataset, store.Dataset)
    assert dataset.drawn


def test_failed_imports_say_why_and_are_dismissed_where_imports_are_made(
    app: App, page: Any
) -> None:
    for number in range(3):
        fail_import(f"birds {number}", f"There is no folder at /photos/{number}.")
    steps.visit(page, app.url, "datasets")
    page.get_by_text("Failed imports (3)").click()
    steps.say(page, "There is no folder at /photos/1.")
    page.locator('[class*="st-key-ds_failed_dismiss_fm"] button').first.click()
    expect(page.get_by_text("Failed imports (2)")).to_be_visible()
    assert len(jobs.readable("import")) == 2
    steps.press(page, "Dismiss all")
    expect(page.get_by_text(re.compile(r"Failed imports"))).to_have_count(0)
    assert jobs.readable("import") == []
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Failed imports (2)")).to_be_visible()
