"""Draw the backgrounds of the sketchbook: washes of sky and leaves, distant scenery, ground, water
and bare paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from core.datasets.sample.ink import (
    SEPIA,
    WHITE,
    Canvas,
    Colour,
    Plane,
    Points,
    ellipse,
    mix,
    noise,
    path,
)

PAPER: Colour = (247, 242, 231)


@dataclass(frozen=True)
class Place:
    """The washes of a background from top to bottom, the blots dropped into them, and the colours
    of leaves, ground and bark."""

    washes: tuple[Colour, Colour, Colour]
    blots: tuple[Colour, ...]
    leaves: tuple[Colour, ...]
    ground: Colour
    bark: Colour = (128, 102, 82)

    def leaf(self, rng: np.random.Generator) -> Colour:
        return self.leaves[rng.integers(len(self.leaves))]


PLACES = {
    "sky": Place(
        washes=((134, 178, 216), (186, 212, 230), (240, 234, 218)),
        blots=((248, 248, 244), (250, 246, 238), (162, 196, 224)),
        leaves=((120, 158, 84), (148, 176, 96)),
        ground=(196, 190, 140),
    ),
    "foliage": Place(
        washes=((176, 206, 142), (150, 188, 124), (120, 164, 112)),
        blots=((98, 146, 92), (206, 220, 146), (232, 234, 178), (84, 130, 96)),
        leaves=((104, 150, 72), (136, 172, 84), (78, 126, 70)),
        ground=(150, 170, 96),
    ),
    "water": Place(
        washes=((206, 220, 222), (152, 194, 204), (104, 158, 178)),
        blots=((92, 148, 172), (206, 226, 224), (128, 176, 180)),
        leaves=((130, 146, 84), (104, 130, 80)),
        ground=(206, 190, 150),
    ),
    "snow": Place(
        washes=((196, 208, 226), (220, 226, 236), (244, 244, 246)),
        blots=((250, 250, 250), (182, 194, 218), (208, 204, 224)),
        leaves=((154, 60, 50), (170, 72, 56)),
        ground=(244, 245, 248),
        bark=(116, 100, 94),
    ),
    "dusk": Place(
        washes=((92, 90, 140), (214, 138, 124), (248, 200, 136)),
        blots=((246, 168, 110), (140, 104, 150), (252, 216, 158)),
        leaves=((74, 70, 84), (94, 82, 88)),
        ground=(104, 88, 104),
        bark=(72, 60, 66),
    ),
    "autumn": Place(
        washes=((240, 214, 150), (232, 178, 98), (206, 138, 82)),
        blots=((214, 118, 62), (246, 210, 122), (176, 92, 62), (240, 226, 178)),
        leaves=((212, 98, 46), (232, 158, 54), (180, 66, 46)),
        ground=(190, 146, 92),
    ),
    "marsh": Place(
        washes=((220, 226, 206), (206, 206, 156), (160, 176, 136)),
        blots=((186, 186, 112), (226, 220, 170), (134, 164, 132)),
        leaves=((150, 158, 84), (176, 164, 92), (118, 140, 84)),
        ground=(150, 150, 100),
        bark=(150, 140, 92),
    ),
    "blossom": Place(
        washes=((204, 222, 232), (238, 220, 224), (226, 232, 204)),
        blots=((246, 206, 214), (250, 232, 234), (208, 224, 178)),
        leaves=((240, 172, 188), (248, 210, 218), (150, 182, 102)),
        ground=(176, 196, 120),
        bark=(112, 84, 78),
    ),
}


def backdrop(rng: np.random.Generator, size: tuple[int, int], place: Place) -> Image.Image:
    """Return a page of `size` (width, height) with the washes and blots of a place."""
    down = np.linspace(0, 2, size[1], dtype=np.float32)[:, None]
    down = down + 1.1 * (noise(rng, size, 3, 2) - 0.5)
    page = Image.new("RGB", size, place.washes[0])
    page.paste(place.washes[1], (0, 0), _mask(down))
    page.paste(place.washes[2], (0, 0), _mask(down - 1))
    for colour in place.blots:
        wet = noise(rng, size, int(rng.integers(3, 7)), 3) - np.float32(rng.uniform(0.5, 0.68))
        _blot(page, wet, colour, rng.uniform(0.5, 0.9))
    return page


def _blot(page: Image.Image, wet: Plane, colour: Colour, strength: float) -> None:
    """Paint a blot that has spread where `wet` is positive, with a darker dried edge."""
    page.paste(colour, (0, 0), _mask(wet / 0.14, strength))
    page.paste(mix(colour, SEPIA, 0.7), (0, 0), _mask(1 - np.abs(wet - 0.02) / 0.026, 0.14))


def _mask(share: Plane, opacity: float = 1.0) -> Image.Image:
    return Image.fromarray((np.clip(share, 0, 1) * (255 * opacity)).astype(np.uint8))


@dataclass(frozen=True)
class Margin:
    """The bare paper around a wash: its mask, and the mask of the wash's dark dried rim."""

    bare: Image.Image
    rim: Image.Image

    @classmethod
    def torn(cls, rng: np.random.Generator, size: tuple[int, int]) -> Margin:
        x = np.abs(np.linspace(-1, 1, size[0], dtype=np.float32))[None, :]
        y = np.abs(np.linspace(-1, 1, size[1], dtype=np.float32))[:, None]
        edge = 0.55 * np.maximum(x, y) ** 2 + 0.25 * (x**4 + y**4)
        edge = edge + 0.7 * (noise(rng, size, 6, 4) - 0.5)
        beyond = edge - np.float32(rng.uniform(0.42, 0.62))
        return cls(_mask(beyond / 0.03), _mask(1 - np.abs(beyond + 0.012) / 0.026, 0.3))

    def lay(self, page: Image.Image, place: Place, top: int = 0) -> None:
        """Remove the wash from the paper, from row `top` down."""
        box = (0, top, *page.size)
        page.paste(mix(place.washes[1], SEPIA, 0.45), (0, top), self.rim.crop(box))
        page.paste(PAPER, (0, top), self.bare.crop(box))


def scenery(canvas: Canvas, name: str, place: Place, horizon: float) -> None:
    """Draw distant scenery: hills, the sun, reeds, falling snow."""
    if name in ("dusk", "snow", "sky", "water") and canvas.rng.random() < 0.75:
        _hills(canvas, place, horizon)
    if name == "dusk" and canvas.rng.random() < 0.7:
        _sun(canvas)
    if name in ("water", "marsh"):
        _reeds(canvas, place, horizon)
    if name == "snow":
        flakes(canvas, 26, 0.7)


def _hills(canvas: Canvas, place: Place, horizon: float) -> None:
    width, height = canvas.image.size
    for layer in range(2):
        level = horizon - (0.16 - 0.09 * layer) * height
        ridge = level + 0.05 * height * np.cumsum(canvas.rng.uniform(-0.6, 0.6, 9))
        foot = horizon + 0.3 * height
        line = path(np.stack([np.linspace(-0.1, 1.1, 9) * width, ridge], axis=1))
        shape = np.concatenate([line, [(1.1 * width, foot), (-0.1 * width, foot)]])
        colour = mix(mix(place.washes[0], place.leaves[0], 0.3), place.washes[1], 0.5 - 0.3 * layer)
        canvas.soft(shape, colour, 2.0 - layer, 0.65)


def _sun(canvas: Canvas) -> None:
    width, height = canvas.image.size
    centre = canvas.rng.uniform((0.1 * width, 0.15 * height), (0.9 * width, 0.55 * height))
    radius = canvas.rng.uniform(0.05, 0.10) * width
    canvas.soft(ellipse(centre, 2.2 * radius, 2.2 * radius), (255, 226, 170), 12, 0.55)
    canvas.soft(ellipse(centre, radius, radius), (255, 240, 206), 1.2, 0.95)


def _reeds(canvas: Canvas, place: Place, horizon: float) -> None:
    rng, (width, height) = canvas.rng, canvas.image.size
    for _ in range(rng.integers(10, 30)):
        left = rng.uniform(-0.1, 1.1) * width
        foot = np.array([left, horizon + rng.uniform(-0.02, 0.08) * height])
        tall, lean = rng.uniform(0.12, 0.5) * height, rng.normal(0, 0.10) * height
        colour = mix(place.leaf(rng), place.washes[1], rng.uniform(0.2, 0.65))
        blade = path([foot, foot + (lean * 0.3, -tall * 0.6), foot + (lean, -tall)])
        canvas.line(blade, rng.uniform(1.5, 4.0), colour, 0.8)


def flakes(canvas: Canvas, count: int, opacity: float) -> None:
    """Draw falling snow."""
    for at in canvas.rng.uniform((0, 0), canvas.image.size, (count, 2)):
        canvas.dot(at, canvas.rng.uniform(0.8, 2.6) * canvas.unit, WHITE, opacity)


def ground(canvas: Canvas, place: Place, name: str, foot: Points) -> None:
    """Paint the ground below a bird."""
    rng, (width, height) = canvas.rng, canvas.image.size
    xs = np.linspace(-0.1, 1.1, 8) * width
    rise = np.where(np.abs(xs - foot[0]) > 0.25 * width, rng.normal(0, 0.015, 8) * height, 0)
    ridge = foot[1] + 0.012 * height + rise - 0.04 * height * (name != "water")
    below = [(1.1 * width, 1.1 * height), (-0.1 * width, 1.1 * height)]
    shape = np.concatenate([path(np.stack([xs, ridge], axis=1)), below])
    canvas.soft(shape, place.ground, 2.0, 0.92)


def water(canvas: Canvas, place: Place, level: float, near: Points) -> None:
    """Paint water from `level` down, which mirrors the drawing above it; `near` is the bird's
    [left, right], for its waterline."""
    rng, (width, height) = canvas.rng, canvas.image.size
    top = int(level)
    depth = min(height - top, top)
    mirrored = ImageOps.flip(canvas.image.crop((0, top - depth, width, top)))
    coarse = mirrored.resize((width // 12, max(1, depth // 6)))
    mirrored = coarse.resize((width, depth), Image.Resampling.BICUBIC)
    canvas.image.paste(place.washes[2], (0, top, width, height))
    plain = Image.new("RGB", mirrored.size, place.washes[2])
    canvas.image.paste(Image.blend(plain, mirrored, 0.52), (0, top))
    ripples = (WHITE, mix(place.washes[2], (30, 60, 90), 0.5))
    for number, down in enumerate(rng.beta(1.1, 1.6, 34)):
        reach = rng.uniform(0.04, 0.2) * width * (0.5 + down)
        xs = np.linspace(-reach, reach, 12) + rng.normal(near.mean(), 0.32 * width)
        wave = canvas.unit * rng.uniform(0.4, 1.2) * np.sin(np.linspace(0, 6, 12))
        ripple = np.stack([xs, level + down * (height - level) + wave], axis=1)
        canvas.line(ripple, rng.uniform(0.8, 2.2), ripples[number % 2], 0.45)
    edge = np.stack([np.linspace(near[0], near[1], 16), np.full(16, level + 2.0)], axis=1)
    canvas.line(edge, 2.0, mix(place.washes[2], (20, 40, 60), 0.6), 0.6)
