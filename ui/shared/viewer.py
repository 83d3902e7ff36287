"""The photo viewer: any wall of photos opens it, and it goes through that wall's whole list.

The address names the photo (`photo=<id>`), so a reload or a link shows the same view. The caller
draws its own details beside the photo. How a wall uses it:

    if opened := gallery(tiles, key=...):
        viewer.open_photo(opened)
    viewer.show(Album.of(slides), details)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from ui import links, messages
from ui.components import viewer as component
from ui.components.viewer import Slide

PARAMETER = "photo"
# How many photos on either side the browser knows, so that it never waits for Python.
AROUND = 12
_KEY = "photo_viewer"
_MOVES, _LAST = "photo_viewer_moves", "photo_viewer_last"
COLUMNS = (5, 3)


@dataclass(frozen=True)
class Album:
    """The list that a viewer goes through, `total` photos, read as far as they are needed.

    `find` returns a photo's place from 0, or None when it is not in the list. `slides` returns the
    photos from one place to before another. `alone` returns a photo that is not in the list, such
    as a similar one, or None when it is unknown.
    """

    total: int
    find: Callable[[str], int | None]
    slides: Callable[[int, int], Sequence[Slide]]
    alone: Callable[[str], Slide | None] = lambda _: None

    @classmethod
    def of(
        cls, slides: Sequence[Slide], alone: Callable[[str], Slide | None] = lambda _: None
    ) -> Album:
        """Return the album of a short list."""
        places = {slide.id: place for place, slide in enumerate(slides)}
        return cls(len(slides), places.get, lambda start, stop: slides[start:stop], alone)

    def around(self, photo: str, last: str) -> list[Slide]:
        """Return the photo with its neighbours. A photo that is not in the list comes after `last`,
        the one in the list that was looked at before it. Empty when the photo is unknown."""
        place = self.find(photo)
        if place is not None:
            start = max(0, place - AROUND)
            slides = self.slides(start, min(self.total, place + AROUND + 1))
            return [
                replace(slide, position=number) for number, slide in enumerate(slides, start + 1)
            ]
        slide = self.alone(photo)
        if slide is None:
            return []
        before = self.find(last)
        if before is None:
            return [slide]
        return [
            replace(listed, position=before + 1) for listed in self.slides(before, before + 1)
        ] + [slide]


@dataclass(frozen=True)
class Keys:
    """Keys of the caller: those that it allows, a hint that explains them, and the function that is
    called with the photo's id and the key."""

    allowed: Sequence[str]
    hint: str
    press: Callable[[str, str], None]


NO_KEYS = Keys((), "", lambda _photo, _key: None)


def open_photo(photo: str) -> None:
    """Open the viewer at a photo: `show`, called later in the same run, draws it."""
    links.set_parameters(**{PARAMETER: photo})


def current() -> str:
    """Return the id of the photo that the address names, or ''."""
    return links.parameter(PARAMETER)


def close() -> None:
    """Take the photo out of the address."""
    links.set_parameters(**{PARAMETER: ""})


def show(
    album: Album,
    details: Callable[[str], None],
    *,
    keys_of: Callable[[str], Keys] = lambda _: NO_KEYS,
    below: Callable[[str], None] | None = None,
    on_close: Callable[[str], None] = lambda _: None,
) -> None:
    """Draw the viewer when the address names a photo.

    `details` draws beside a photo and `below` under it; both get its id, and may call `go`.
    `keys_of` returns the keys that the caller allows on a photo. `on_close` gets the last photo
    before the page is drawn again. Must be called after the wall, on every run.
    """
    if not current():
        return

    def closed() -> None:
        on_close(current())
        close()

    def draw() -> None:
        with messages.report_errors():
            _draw(album, details, keys_of, below)

    st.dialog("Photo", width="large", on_dismiss=closed)(draw)()


def go(photo: str) -> None:
    """Go to another photo, from inside the viewer; nothing after this call runs."""
    open_photo(photo)
    st.rerun(scope="fragment")


def _draw(
    album: Album,
    details: Callable[[str], None],
    keys_of: Callable[[str], Keys],
    below: Callable[[str], None] | None,
) -> None:
    photo = current()
    slides = album.around(photo, st.session_state.get(_LAST, ""))
    if slides and all(slide.id != photo for slide in slides):
        photo = slides[-1].id  # the address names it otherwise, by its image_id
    if album.find(photo) is not None:
        st.session_state[_LAST] = photo
    left, right = st.columns(COLUMNS, gap="medium")
    with left:
        if slides:
            _picture(slides, photo, album.total, keys_of(photo))
    with right:
        details(photo)
    if below:
        with left:
            below(photo)


def _picture(slides: Sequence[Slide], photo: str, total: int, keys: Keys) -> None:
    def move() -> None:
        moved, moves = component.moved(_KEY)
        st.session_state[_MOVES] = moves
        open_photo(moved)

    def press() -> None:
        keys.press(*component.pressed(_KEY))

    component.picture(
        slides,
        photo,
        total=total,
        moves=st.session_state.get(_MOVES, 0),
        keys=keys.allowed,
        hint=keys.hint,
        key=_KEY,
        on_move=move,
        on_press=press,
    )
