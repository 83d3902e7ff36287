"""A wall of thumbnails that can be clicked, or selected: a small component, since core Streamlit
has none.

Names and captions are set as text, never as HTML, so a class called `<script>` is just a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from ui.components import browser_code

_WALL = browser_code.component("fieldmark_gallery", __file__)


@dataclass(frozen=True)
class Photo:
    """One tile. `tone` is '', 'right' or 'wrong' and colours the detail line. Tiles of one
    `group` in a row share it as a heading.

    `box` (x, y, width, height in pixels of a photo of `size`) is drawn over it, and the photo then
    shown whole.
    """

    id: str
    url: str
    title: str
    detail: str = ""
    tone: str = ""
    group: str = ""
    box: tuple[float, float, float, float] | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Picked:
    """What a person did on a wall that can be selected from: `opened` is the photo just opened
    ('' where none), `selected` all chosen."""

    opened: str
    selected: tuple[str, ...]


def gallery(photos: Sequence[Photo], *, key: str, side: int = 168) -> str:
    """Draws the photos; returns the id of the one just clicked (or opened with Enter), else the
    empty string."""
    data = {"photos": [asdict(photo) for photo in photos], "side": side, "selectable": False}
    return str(
        _WALL(data=data, key=key, on_opened_change=_nothing, on_selected_change=_nothing).opened
        or ""
    )


def select(photos: Sequence[Photo], *, key: str, side: int = 168) -> Picked:
    """As `gallery`, but a click selects; the choice stays while the person turns pages, until
    `clear`."""
    chosen = selected(key)
    data = {
        "photos": [asdict(photo) for photo in photos],
        "side": side,
        "selectable": True,
        "selected": list(chosen),
    }
    result = _WALL(data=data, key=key, on_opened_change=_nothing, on_selected_change=_nothing)
    return Picked(str(result.opened or ""), tuple(result.selected or ()))


def selected(key: str) -> tuple[str, ...]:
    """What is selected on the wall with this key, known before it is drawn."""
    state = st.session_state.get(key)
    if state:
        return tuple(state.get("selected") or ())
    return ()


def clear(key: str) -> None:
    """Selects nothing any more; to be called before the wall is drawn, as a button's callback
    is."""
    if key in st.session_state:
        st.session_state[key]["selected"] = []


def _nothing() -> None: ...
