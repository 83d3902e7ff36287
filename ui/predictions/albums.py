"""The walls of photos that a page draws, each an album, and the viewer over the one that was
clicked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from ui.components.viewer import Slide
from ui.shared import viewer
from ui.shared.viewer import Album

_WALLS, _CLICKED = "albums", "albums.clicked"
EMPTY = Album.of(())


def begin() -> None:
    """Forget the walls of the last run. Must be called before the first wall."""
    st.session_state[_WALLS] = {}


def add(key: str, album: Album) -> None:
    """Note a wall that this run draws."""
    st.session_state.setdefault(_WALLS, {})[key] = album


def open_photo(key: str, photo: str) -> None:
    """Open the viewer at a photo of the wall `key`; `show`, called later in the run, draws it."""
    st.session_state[_CLICKED] = key
    viewer.open_photo(photo)


def show(
    details: Callable[[str], None],
    *,
    below: Callable[[str], None] | None = None,
    alone: Callable[[str], Slide | None] = lambda _: None,
) -> None:
    """Draw the viewer when the address names a photo. Must be called after the walls.

    It goes through the wall that was clicked or, after a reload, the first one with the photo.
    `alone` finds a photo that is in no wall.
    """
    photo = viewer.current()
    if photo:
        viewer.show(replace(_album(photo), alone=alone), details, below=below)


def _album(photo: str) -> Album:
    walls: dict[str, Album] = st.session_state.get(_WALLS, {})
    clicked = walls.get(st.session_state.get(_CLICKED, ""))
    if clicked is not None:
        return clicked
    return next((album for album in walls.values() if album.find(photo) is not None), EMPTY)
