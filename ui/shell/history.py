"""The browser's history: one entry for each action of a person (see history.js)."""

from __future__ import annotations

from ui.components import browser_code

_HISTORY = browser_code.component("fieldmark_history", __file__)


def show() -> None:
    """Put the script into the page; it draws nothing and runs once for each page load."""
    _HISTORY(key="fieldmark_history", height=0)
