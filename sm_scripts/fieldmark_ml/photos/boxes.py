"""Photos cropped to their boxes for training: the pixels of a crop, and its key in the feature
cache.

The boxes stand in manifest.csv: box_x, box_y, box_width, box_height in pixels of the upright photo,
empty if there is none. Predictions use whole photos, for which there is no box.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# The side of the square as a multiple of the box's longer side.
MARGIN = 1.2
COLUMNS = ("box_x", "box_y", "box_width", "box_height")

Edges = tuple[int, int, int, int]


def edges(box: tuple[float, float, float, float]) -> Edges | None:
    """Return (left, top, right, bottom) in whole pixels of the square around a box (x, y, width,
    height); None for an empty box.

    A square, and larger than the box, because the network uses the centre of its input: a tight
    crop would lose bill and tail.
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
    """Return the key of a photo's crop in a feature cache: one for every box, and the photo's own
    without a box."""
    if not inside:
        return image_id
    return hashlib.sha256(f"{image_id} {inside}".encode()).hexdigest()


def crop(image: Any, inside: Edges | None, by: int = 1) -> Any:
    """Return the part of a photo [3, height, width] between these edges, which are those of a photo
    whose sides are `by` times as long; the whole photo if the square is outside it."""
    if inside is None:
        return image
    left, top, right, bottom = inside
    part = image[:, top // by : -(-bottom // by), left // by : -(-right // by)]
    if not part.shape[1] or not part.shape[2]:
        return image
    return part


def read(manifest: Path) -> dict[str, Edges]:
    """Return the boxes of a manifest.csv by the photos' paths; those without one are left out.

    ValueError names a row that cannot be read.
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
