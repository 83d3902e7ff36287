"""Photos of any number, drawn: a soft background of its own, and in front of it the class's shape
in the class's colours, at a random position and size."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SIZE = (240, 180)
BACKGROUND = (8, 6)
NOISE = 6.0
# Multiples of the golden ratio keep the hues of any number of classes apart.
GOLDEN = 0.618
CORNERS = (3, 4, 5, 6, 8)


def draw(folder: Path, photos: int, classes: int) -> Path:
    """Write `photos` files `<class>/<number>.jpg`, as many in each class, and return `folder`."""
    for number in range(photos):
        path = folder / f"class {number % classes:03d}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        _photo(number, number % classes).save(path, "JPEG", quality=90)
    return folder


def _photo(number: int, label: int) -> Image.Image:
    chance = np.random.default_rng(number)
    soft = Image.fromarray(chance.integers(40, 216, (*BACKGROUND[::-1], 3), dtype=np.uint8))
    photo = soft.resize(SIZE, Image.Resampling.BICUBIC)
    _add_shape(ImageDraw.Draw(photo), chance, label)
    noisy = np.asarray(photo, np.float32) + chance.normal(0, NOISE, (*SIZE[::-1], 1))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _add_shape(pen: ImageDraw.ImageDraw, chance: np.random.Generator, label: int) -> None:
    radius = chance.uniform(30, 60)
    x, y = (chance.uniform(radius, length - radius) for length in SIZE)
    angle = chance.uniform(0, 360)
    corners = CORNERS[label % len(CORNERS)]
    pen.regular_polygon((x, y, radius), corners, angle, fill=_colour(chance, label * GOLDEN))
    pen.regular_polygon(
        (x, y, radius / 2), corners, angle, fill=_colour(chance, label * GOLDEN**2 + 0.5)
    )


def _colour(chance: np.random.Generator, hue: float) -> tuple[int, ...]:
    values: npt.NDArray[np.float64] = np.array(
        colorsys.hsv_to_rgb((hue + chance.normal(0, 0.02)) % 1, 0.8, chance.uniform(0.5, 1))
    )
    return tuple(int(value) for value in 255 * values)
