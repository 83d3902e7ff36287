"""What a person does on the pages, in a person's words; the selectors are here and nowhere else."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, expect

from tests.patience import PATIENCE

DROP = """
([zone, files]) => {
  const transfer = new DataTransfer()
  for (const [name, type, data] of files) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0))
    transfer.items.add(new File([bytes], name, { type }))
  }
  for (const kind of ["dragenter", "dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }))
  }
}
"""

PASTE = """
(data) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0))
  const transfer = new DataTransfer()
  transfer.items.add(new File([bytes], "image.png", { type: "image/png" }))
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }))
}
"""


def settle(page: Any) -> None:
    """Waits until the page script has run to its end."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')


def visit(page: Any, url: str, path: str = "") -> None:
    page.goto(f"{url}/{path}")
    page.wait_for_selector('[data-testid="stHeading"], [data-testid="stMarkdown"]')
    settle(page)


def press(page: Any, name: str) -> None:
    """A button by its words; its icon, which is text to a machine, is left out of them."""
    found = page.get_by_role("button", name=re.compile(rf"{re.escape(name)}$"))
    # While a page is drawn, Streamlit's own header has a button "Stop".
    found.and_(page.locator(':not([data-testid="stHeader"] *)')).first.click()
    page.wait_for_timeout(150)


def import_as_previewed(page: Any, seconds: float = PATIENCE) -> None:
    """Wait for the preview of an import, and import it unchanged."""
    say(page, "Preview of", seconds)
    settle(page)
    page.get_by_role("button", name=re.compile(r"Import [\d,]+ photos?")).click()


def stop_and_delete(page: Any) -> None:
    """Ends the endpoint of the page, which is asked once more by its name."""
    press(page, "Stop and delete")
    page.get_by_role("button", name=re.compile(r"Stop and delete .+")).first.click()
    page.wait_for_timeout(150)


def choose(page: Any, label: str) -> None:
    """A segment of a segmented control, or a tab."""
    tab = page.get_by_role("tab", name=re.compile(rf"{re.escape(label)}$"))
    tab.or_(
        page.locator('[data-testid="stButtonGroup"]').get_by_text(label, exact=True)
    ).first.click()
    page.wait_for_timeout(300)
    settle(page)


def pick(page: Any, label: str, option: re.Pattern[str]) -> None:
    """An option of a select box, by a part of its words."""
    page.get_by_role("combobox", name=re.compile(rf"{re.escape(label)}$")).first.click()
    page.get_by_role("option", name=option).first.click()
    page.wait_for_timeout(150)
    settle(page)


def chips(page: Any, key: str) -> Any:
    """What is chosen in the multiselect with this key."""
    return page.locator(f".st-key-{key} .react-aria-ComboBox [data-tag]")


def fill(page: Any, label: str, value: str) -> None:
    box = page.get_by_label(label, exact=True)
    box.fill(value)
    box.press("Enter")
    page.wait_for_timeout(300)


def metric(page: Any, label: str) -> str:
    """The value of a figure by its label."""
    card = page.locator('[data-testid="stMetric"]').filter(has_text=label).first
    return str(card.locator('[data-testid="stMetricValue"]').inner_text()).strip()


def until_metric(page: Any, label: str, value: str) -> None:
    """Waits until a figure has this value."""
    card = page.locator('[data-testid="stMetric"]').filter(has_text=label).first
    expect(card.locator('[data-testid="stMetricValue"]')).to_have_text(value)


def until_dataset(page: Any, *figures: str) -> None:
    """Wait until the head of a dataset shows these figures, such as `36 photos`."""
    head = page.locator(".st-key-ds_figures")
    for figure in figures:
        expect(head).to_contain_text(re.compile(rf"(^|\D){re.escape(figure)}"))


def until_tiles(page: Any, count: int) -> None:
    """Waits until the gallery shows so many photos."""
    expect(tiles(page)).to_have_count(count)


def until_charts(page: Any, count: int) -> None:
    """Waits until the page shows so many Plotly charts."""
    expect(page.locator('[data-testid="stPlotlyChart"]')).to_have_count(count)


def drop(page: Any, photos: Sequence[Path]) -> None:
    """Photos dragged onto the page's drop zone."""
    zone = page.locator('[data-testid="stFileUploaderDropzone"]').first
    files = [
        [photo.name, "image/jpeg", base64.b64encode(photo.read_bytes()).decode()]
        for photo in photos
    ]
    page.evaluate(DROP, [zone.element_handle(), files])


def try_test_photos(page: Any) -> None:
    """Sends some of the model's test photos to the endpoint of the page."""
    page.get_by_role("button", name=re.compile(r"Try \d+ test photos?$")).first.click()
    answers(page).first.wait_for()
    settle(page)


def paste(page: Any, photo: Path) -> None:
    """A photo pasted from the clipboard, with nothing focused."""
    page.evaluate(PASTE, base64.b64encode(photo.read_bytes()).decode())


def tiles(page: Any) -> Any:
    """The photos of the gallery on the page."""
    return page.locator("button.photo")


def answers(page: Any) -> Any:
    """The photos on an endpoint's page, each a card with what was answered."""
    return page.locator("button.card")


def say(page: Any, words: str, seconds: float = PATIENCE) -> None:
    """Waits until the page says so, or has said it in a toast since it was loaded."""
    until = time.monotonic() + seconds
    while not page.evaluate(
        "(words) => window.toasts.some((toast) => toast.includes(words))", words
    ):
        left = max(0.001, until - time.monotonic())
        try:
            page.get_by_text(words).first.wait_for(timeout=1000 * min(1, left))
        except Error:
            if left > 1:
                continue
            raise
        return
