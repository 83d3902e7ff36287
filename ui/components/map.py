"""A map of photos as points: hover shows the photo, a lasso selects, the wheel zooms. A small
component on a canvas, for it stays quick with twenty thousand points and needs no WebGL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ui.components import browser_code

_MAP = browser_code.component("fieldmark_map", __file__)
SIZE = 1000
KEYS = (
    "Arrow keys move a cross, with Shift in larger steps. Space sets a corner, Enter closes the "
    "lasso or opens the photo, Backspace removes a corner, Escape all of them, + and - zoom."
)


@dataclass(frozen=True, eq=False)
class Points:
    """What is drawn: `x`, `y` [n] from 0 to SIZE, `colour` [n] a place in `palette` (CSS
    colours) and `names` (its legend), `ids` the image ids and `titles` what hovering says."""

    x: npt.NDArray[np.integer]
    y: npt.NDArray[np.integer]
    colour: npt.NDArray[np.integer]
    ids: Sequence[str]
    titles: Sequence[str]
    palette: Sequence[str]
    names: Sequence[str]


@dataclass(frozen=True)
class Asked:
    """What a person just did: drew a lasso (its corners, from 0 to SIZE), or opened a photo."""

    lasso: tuple[tuple[int, int], ...]
    opened: str


def show(
    points: Points,
    lasso: Sequence[tuple[int, int]],
    *,
    key: str,
    url: str,
    alt: str,
    height: int = 560,
) -> Asked:
    """Draws the map, and the lasso that counts now. `url` is what an image id is added to for
    its picture."""
    data = {
        "points": {
            "x": points.x.tolist(),
            "y": points.y.tolist(),
            "colour": points.colour.tolist(),
            "ids": list(points.ids),
            "titles": list(points.titles),
            "palette": list(points.palette),
            "names": list(points.names),
            "urls": url,
        },
        "lasso": [list(corner) for corner in lasso],
        "height": height,
        "alt": alt,
        "keys": KEYS,
    }
    result = _MAP(data=data, key=key, on_lasso_change=_nothing, on_opened_change=_nothing)
    drawn = tuple((int(x), int(y)) for x, y in result.lasso or ())
    return Asked(drawn, str(result.opened or ""))


def _nothing() -> None: ...
