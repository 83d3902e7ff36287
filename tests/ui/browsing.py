"""A browser for the tests: the system's Chromium through Playwright. One for all of them, for there can't be two in one process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.patience import PATIENCE_MS

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# A toast goes after some seconds, and on a busy machine a test may look later.
KEEP_TOASTS = """
window.toasts = []
new MutationObserver(() => {
  for (const toast of document.querySelectorAll('[data-testid="stToast"]'))
    if (!window.toasts.includes(toast.innerText)) window.toasts.push(toast.innerText)
}).observe(document, { childList: true, subtree: true, characterData: true })
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine; `make test` installs one where it may")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh tab. Whatever a page script raised fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(KEEP_TOASTS)
    tab = context.new_page()
    yield tab
    broken = tab.locator('[data-testid="stException"]').all_inner_texts()
    context.close()
    assert not broken, broken
