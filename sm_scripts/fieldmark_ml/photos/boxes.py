"""Photos cropped to their boxes for training: which pixels,
and the name under which what is made of them is kept.

The boxes stand in manifest.csv: box_x, box_y, box_width, box_height in pixels of the upright photo,
empty where there is none. Whoever asks the model later sends whole photos: nobody has drawn a box
for those.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# How much longer than the box's longer side the square around it is.
MARGIN = 1.2
COLUMNS = ("box_x", "box_y", "box_width", "box_height")

Edges = tuple[int, int, int, int]


def edges(box: tuple[float, float, float, float]) -> Edges | None:
    """(left, top, right, bottom) in whole pixels of the square around a box (x, y, width, height);
    None for one that holds nothing.

    A square, and larger than the box, since the network sees the middle of what it is given: a
    tight crop would lose bill and tail.
    """
    x, y, width, height = box
    if not all(map(math.isfinite, box)) or width <= 0 or height <= 0:
        return None
    half = MARGIN * max(width, height) / 2
    middle, centre = x + width / 2, y + height / 2
    return (
        max(0, math.floor(middle - half)),
        max(0, math.floor(centre - half)),
        math.ceil(middle + half),
        math.ceil(centre + half),
    )


def key(image_id: str, inside: Edges | None) -> str:
    """The name of a photo's crop in a cache of features:
    another one for every box, and the photo's own without one.
    """
    if not inside:
        return image_id
    return hashlib.sha256(f"{image_id} {inside}".encode()).hexdigest()


def crop(image: Any, inside: Edges | None, by: int = 1) -> Any:
    """The part of a photo [3, height, width] between these edges, which are those of a photo whose
    sides are `by` times as long; the whole where nothing of the photo lies there.
    """
    if inside is None:
        return image
    left, top, right, bottom = inside
    part = image[:, top // by : -(-bottom // by), left // by : -(-right // by)]
    if not part.shape[1] or not part.shape[2]:
        return image
    return part


def read(manifest: Path) -> dict[str, Edges]:
    """The boxes of a manifest.csv by the photos' paths; those without one are left out.

    ValueError names a row that can't be read.
    """
    found = {}
    with open(manifest, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            inside = edges(_box(row))
            if inside:
                found[row["path"]] = inside
    return found


def _box(row: Mapping[str, str]) -> tuple[float, float, float, float]:
    try:
        x, y, width, height = (float(row.get(name) or "nan") for name in COLUMNS)
    except ValueError as error:
        raise ValueError(f"The box of {row.get('path')} is not four numbers ({error}).") from None
    return x, y, width, height
