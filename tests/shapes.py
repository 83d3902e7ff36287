"""Photos that a network tells apart at once and that take no time: a coloured shape on a pale ground, three classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = {"circle": (200, 40, 40), "square": (40, 160, 60), "triangle": (40, 60, 200)}
SIZE = (72, 64)


def photo(name: str, seed: int) -> Image.Image:
    """Return one RGB photo, 72 x 64; the same name and seed give the same pixels."""
    chance = np.random.default_rng([seed, *name.encode()])
    image = Image.new("RGB", SIZE, tuple(chance.integers(180, 256, 3).tolist()))
    left, top, side = (
        int(chance.integers(low, high)) for low, high in ((4, 28), (4, 22), (24, 38))
    )
    colour = tuple(np.clip(np.array(CLASSES[name]) + chance.integers(-30, 31, 3), 0, 255).tolist())
    box = (left, top, left + side, top + side)
    draw = ImageDraw.Draw(image)
    if name == "circle":
        draw.ellipse(box, fill=colour)
    elif name == "square":
        draw.rectangle(box, fill=colour)
    else:
        draw.polygon(
            [(left, top + side), (left + side, top + side), (left + side // 2, top)], fill=colour
        )
    return image


def draw(root: Path, per_class: int = 12) -> Path:
    """Return `<root>/<class>/<nn>.png`."""
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for number in range(per_class):
            photo(name, number).save(root / name / f"{number:02d}.png")
    return root
