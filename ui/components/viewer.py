"""The picture of the photo viewer: one photo at a time, with zoom, arrows and keys.

The component shows the next photo at once and tells Python afterwards, so that going through
photos never waits for the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from ui.components import browser_code

_VIEWER = browser_code.component("fieldmark_viewer", __file__)


@dataclass(frozen=True)
class Slide:
    """One photo of the viewer.

    `url` is where the browser finds it, `thumbnail` a small picture to show until that is loaded,
    `title` its alternative text. `position` counts from 1; 0 for a photo that is not in the list.
    `box` (x, y, width, height in pixels of a photo of `size`) is drawn over it.
    """

    id: str
    url: str
    title: str
    thumbnail: str = ""
    position: int = 0
    box: tuple[float, float, float, float] | None = None
    size: tuple[int, int] | None = None


def picture(
    slides: Sequence[Slide],
    current: str,
    *,
    total: int,
    moves: int,
    keys: Sequence[str],
    hint: str,
    key: str,
    on_move: Callable[[], None],
    on_press: Callable[[], None],
) -> None:
    """Draw the photo `current`, which is one of `slides`: it and its neighbours in the list.

    `moves` is the number of the browser's latest move that Python has answered. `keys` are the
    keys of the caller, explained by `hint`. `on_move` and `on_press` find what happened in
    `moved` and `pressed`.
    """
    data = {
        "slides": [asdict(slide) for slide in slides],
        "current": current,
        "total": total,
        "moves": moves,
        "keys": list(keys),
        "hint": hint,
    }
    _VIEWER(data=data, key=key, on_moved_change=on_move, on_pressed_change=on_press)


def moved(key: str) -> tuple[str, int]:
    """Return the id of the photo that the person went to and the number of that move."""
    event = _event(key, "moved")
    return str(event.get("id", "")), int(event.get("moves", 0))


def pressed(key: str) -> tuple[str, str]:
    """Return the id of the photo on which a key of the caller was pressed, and the key."""
    event = _event(key, "pressed")
    return str(event.get("id", "")), str(event.get("key", ""))


def _event(key: str, name: str) -> Mapping[str, Any]:
    state = st.session_state.get(key) or {}
    event = state.get(name)
    if isinstance(event, Mapping):
        return event
    return {}
