"""A wall of thumbnails to click or to select: a component, because core Streamlit has none.

Names and captions are set as text, never as HTML, so a class called `<script>` is only a name.
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
    """What a person did on a wall that can be selected from: the photo just opened ('' when none)
    and all selected photos."""

    opened: str
    selected: tuple[str, ...]


@dataclass(frozen=True)
class Bar:
    """The line above a wall: `caption` at its left, a slider for the size of the photos at its
    right. The browser keeps the size for all walls that have a slider.

    `page` names the part of a longer list; when it changes, the wall scrolls to its top.
    """

    caption: str = ""
    page: str = ""


def gallery(photos: Sequence[Photo], *, key: str, side: int = 168, bar: Bar | None = None) -> str:
    """Draw the photos; return the id of the one just clicked (or opened with Enter), else the
    empty string."""
    result = _WALL(
        data={**_data(photos, side, bar), "selectable": False},
        key=key,
        on_opened_change=_ignore,
        on_selected_change=_ignore,
    )
    return str(result.opened or "")


def select(photos: Sequence[Photo], *, key: str, side: int = 168, bar: Bar | None = None) -> Picked:
    """Draw as `gallery`, but a click selects; the selection is kept over pages until `clear`."""
    result = _WALL(
        data={**_data(photos, side, bar), "selectable": True, "selected": list(selected(key))},
        key=key,
        on_opened_change=_ignore,
        on_selected_change=_ignore,
    )
    return Picked(str(result.opened or ""), tuple(result.selected or ()))


def selected(key: str) -> tuple[str, ...]:
    """Return what is selected on the wall with this key, also before it is drawn."""
    state = st.session_state.get(key)
    if state:
        return tuple(state.get("selected") or ())
    return ()


def clear(key: str) -> None:
    """Clear the selection; to be called before the wall is drawn, as a button's callback is."""
    if key in st.session_state:
        st.session_state[key]["selected"] = []


def _data(photos: Sequence[Photo], side: int, bar: Bar | None) -> dict[str, object]:
    shown = bar or Bar()
    return {
        "photos": [asdict(photo) for photo in photos],
        "side": side,
        "resizable": bar is not None,
        "caption": shown.caption,
        "page": shown.page,
    }


def _ignore() -> None: ...
