"""Four thumbnails in a square that opens something at a click."""

from __future__ import annotations

from collections.abc import Sequence

from ui.components import browser_code
from ui.components.gallery import Photo

_MOSAIC = browser_code.component("fieldmark_mosaic", __file__)


def mosaic(photos: Sequence[Photo], *, title: str, key: str) -> bool:
    """Draw the photos; return whether they were just clicked. `title` is the name of the button."""
    result = _MOSAIC(
        data={"urls": [photo.url for photo in photos], "title": title},
        key=key,
        on_opened_change=_ignore,
    )
    return bool(result.opened)


def _ignore() -> None: ...
