"""Take the pictures of the README again, of the drawings.

    make screenshots

A home is filled as a person would fill it, and each page is photographed once it stands still.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import fieldmark as fm
from core import settings
from tests.browser import steps
from tests.browser.conftest import App
from tests.conftest import kill_processes_of
from tests.patience import PATIENCE_MS
from tests.ui.browsing import ARGUMENTS, CHROMIUM

TARGET = settings.PROJECT / "ui" / "assets" / "screenshots"
# Name and theme of a picture, its address, and what is done there.
Shot = tuple[str, str, str, Callable[[Any], None]]


def shots(dataset: fm.Dataset, model: fm.Model, endpoint: fm.Endpoint) -> list[Shot]:
    """Return what the README shows."""
    return [
        ("overview", "light", "", steps.settle),
        ("datasets", "light", f"datasets?dataset={dataset.id}", _until_tiles),
        ("train", "light", f"train?job={model.id}", steps.settle),
        ("train", "dark", f"train?job={model.id}", steps.settle),
        ("models", "light", f"models?model={model.id}", steps.settle),
        ("deploy", "dark", f"deploy?endpoint={endpoint.id}", steps.try_test_photos),
    ]


def _until_tiles(page: Any) -> None:
    steps.tiles(page).first.wait_for()


def take(app: App, wanted: list[Shot]) -> None:
    """Take the pictures of a running app."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, theme, address, act in wanted:
            context = browser.new_context(
                viewport={"width": 1280, "height": 1000}, color_scheme=theme
            )
            context.set_default_timeout(PATIENCE_MS)
            context.add_init_script("window.toasts = []")
            page = context.new_page()
            steps.visit(page, app.url, address)
            act(page)
            # Charts and pictures that a finished page still draws.
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(1500)
            page.screenshot(path=str(TARGET / f"{name}-{theme}.png"))
            context.close()
        browser.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        os.environ[settings.ENV_HOME] = str(home)
        dataset = fm.sample()
        model = fm.train(dataset, name="Sketchbook, fast")
        fm.tune(dataset, trials=6, name="Sketchbook, tuned")
        endpoint = model.deploy(hours=8)
        app = App(home, Path(folder) / "app.log")
        app.start()
        try:
            take(app, shots(dataset, model, endpoint))
        finally:
            app.stop()
            kill_processes_of(home)
    print(f"The pictures are in {TARGET}.")


if __name__ == "__main__":
    main()
