"""Draw the perches of birds: branch, cattail, trunk or ground, and a hummingbird's flower."""

from __future__ import annotations

import numpy as np

from core.datasets.sample.ink import (
    SEPIA,
    WHITE,
    Canvas,
    Colour,
    Points,
    curve,
    ellipse,
    ink_for,
    leaf_shape,
    mix,
    path,
)
from core.datasets.sample.scenes import Place

SHADE: Colour = (50, 40, 70)
CATTAIL: Colour = (124, 78, 50)
FLOWERS: tuple[Colour, ...] = ((222, 72, 52), (236, 120, 60), (214, 66, 110))


def leaf(canvas: Canvas, at: Points, turn: float, length: float, colour: Colour) -> None:
    shape = leaf_shape(at, turn, length)
    canvas.wash(shape, colour)
    canvas.line(np.linspace(at, shape[len(shape) // 2], 6), 0.8, ink_for(colour), 0.6)
    canvas.line(shape, 0.8, ink_for(colour), 0.7)


def branch(canvas: Canvas, place: Place, name: str, foot: Points, thickness: float) -> None:
    """Draw a branch across the page below `foot`, with the twigs and fruits of the named place."""
    rng, (width, height) = canvas.rng, canvas.image.size
    xs = np.linspace(-0.08, 1.08, 7) * width
    bends = np.where(np.abs(xs - foot[0]) > 0.2 * width, rng.normal(0, 0.02, 7) * height, 0)
    ys = foot[1] + 0.42 * thickness + rng.normal(0, 0.12) * (xs - foot[0]) + bends
    spine = path(np.stack([xs, ys], axis=1))
    swell = 0.5 * thickness * np.linspace(1.15, 0.7, len(spine))
    swell *= 1 + 0.08 * rng.standard_normal(len(spine))
    upper, lower = spine - np.outer(swell, (0, 1)), spine + np.outer(swell, (0, 1))
    for _ in range(rng.integers(2, 5)):
        _twig(canvas, place, name, spine[rng.integers(4, len(spine) - 4)], thickness)
    _bark(canvas, place, upper, lower)
    if name == "snow":
        snow = np.concatenate([upper - (0, 0.3 * thickness), upper[::-1] + (0, 0.1 * thickness)])
        canvas.wash(snow, (248, 249, 252))


def trunk(canvas: Canvas, place: Place, foot: Points, width: float) -> None:
    """Draw an upright trunk, `width` pixels thick, whose left side passes `foot`."""
    ys = np.linspace(-0.05, 1.05, 15) * canvas.image.height
    left = np.stack([foot[0] + canvas.rng.normal(0, 0.012, 15) * width, ys], axis=1)
    right = left + np.outer(width * (1 + canvas.rng.normal(0, 0.015, 15)), (1, 0))
    _bark(canvas, place, path(left), path(right))


def _bark(canvas: Canvas, place: Place, light: Points, dark: Points) -> None:
    """Draw wood between two edges, one in the light and one in the shade."""
    rng, across = canvas.rng, dark - light
    shape = np.concatenate([light, dark[::-1]])
    canvas.wash(shape, place.bark)
    with canvas.within(shape):
        shade = np.concatenate([light + 0.55 * across, dark[::-1]])
        canvas.soft(shade, mix(place.bark, SHADE, 0.5), 4, 0.5)
        for share in rng.uniform(0.05, 0.95, 30):
            start = rng.integers(0, len(light) - 14)
            piece = (light + across * share)[start : start + rng.integers(4, 14)]
            canvas.line(piece, rng.uniform(0.8, 1.6), ink_for(place.bark), 0.5)
    for side in (light, dark):
        canvas.line(side, 1.3, ink_for(place.bark), 0.9, taper=False)


def _twig(canvas: Canvas, place: Place, name: str, root: Points, thickness: float) -> None:
    rng = canvas.rng
    reach, turn = rng.uniform(2.5, 6.5) * thickness, np.radians(rng.uniform(25, 155))
    upwards = rng.choice([-1, 1], p=[0.65, 0.35])
    tip = root + reach * np.array([np.cos(turn), np.sin(turn) * upwards])
    line = path([root, (root + tip) / 2 + rng.normal(0, 0.12 * reach, 2), tip])
    canvas.line(line, 0.34 * thickness / canvas.unit + 0.8, place.bark)
    canvas.line(line + (0.5, 0.12 * thickness), 0.8, ink_for(place.bark), 0.7)
    for at in line[4::4]:
        _bearing(canvas, place, name, at, thickness)


def _bearing(canvas: Canvas, place: Place, name: str, at: Points, thickness: float) -> None:
    """Draw a leaf, a blossom or a berry."""
    rng, colour = canvas.rng, place.leaf(canvas.rng)
    if name == "snow":
        canvas.dot(at + (0, 0.2 * thickness), 0.24 * thickness, ink_for(colour))
        canvas.dot(at + (0, 0.2 * thickness), 0.20 * thickness, colour)
    elif name == "blossom" and colour[0] > 200:
        _blossom(canvas, at, rng.uniform(0.22, 0.32) * thickness, colour)
    elif name != "dusk" or rng.random() < 0.4:
        leaf(canvas, at, rng.uniform(0, 360), rng.uniform(0.9, 1.7) * thickness, colour)


def _blossom(canvas: Canvas, at: Points, petal: float, colour: Colour) -> None:
    turns = np.radians(canvas.rng.uniform(0, 72) + 72 * np.arange(5))
    centres = at + 1.15 * petal * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    for grow, tint in ((canvas.unit, ink_for(colour)), (0, colour)):
        for centre in centres:
            canvas.dot(centre, petal + grow, tint)
    canvas.dot(at, 0.36 * petal, (226, 178, 70))


def cattail(canvas: Canvas, place: Place, foot: Points, thickness: float) -> None:
    """Draw a cattail whose brown head ends below `foot`, and its blades."""
    rng, height = canvas.rng, canvas.image.height
    lean = rng.normal(0, 0.05) * height
    root = np.array([foot[0] - lean, 1.06 * height])
    for side in rng.uniform(-4.5, 4.5, 6):
        base = root + (side * thickness, 0.0)
        tip = base + (side * rng.uniform(0.2, 1.2) * thickness, -rng.uniform(0.35, 0.95) * height)
        blade = path([base, (base + tip) / 2 + (0.5 * side, 0), tip])
        canvas.line(blade, rng.uniform(3.5, 6.5), place.leaf(rng), 0.95)
    low = np.array([foot[0] - 0.35 * lean, foot[1] + rng.uniform(2.2, 3.2) * thickness])
    stalk = path([low - (0.0, 4.0), (low + root) / 2, root])
    canvas.line(stalk, 0.26 * thickness / canvas.unit, ink_for(place.leaves[0]), taper=False)
    top, half = foot + (0.0, 0.1 * thickness), 0.30 * thickness
    profile = [(-0.8, 0.0), (-1, 0.3), (-0.9, 0.95), (0.9, 0.95), (1, 0.3), (0.8, 0.0)]
    head = curve([top + (x * half, 0.0) + (low - top) * y for x, y in profile])
    canvas.wash(head, CATTAIL)
    canvas.soft(head + (0.35 * half, 0.0), (84, 52, 44), 1.5, 0.4)
    canvas.line(head, 1.2, ink_for(CATTAIL), 0.9)


def footing(canvas: Canvas, place: Place, name: str, foot: Points) -> None:
    """Draw the bird's shadow on the ground, and the grass, snow or sand around it."""
    rng, (width, height) = canvas.rng, canvas.image.size
    shadow = ellipse(foot, 0.16 * width, 0.022 * height)
    canvas.soft(shadow, mix(place.ground, (70, 64, 110), 0.6), 2.5, 0.6)
    for _ in range(40):
        at = foot + (rng.normal(0, 0.2) * width, abs(rng.normal(0, 0.07)) * height)
        if name in ("snow", "water"):
            mark = np.linspace(at, at + (rng.uniform(0.03, 0.1) * width, 0.0), 6)
            canvas.line(mark, 1.2, mix(place.ground, (92, 98, 150), 0.35), 0.5)
        else:
            tall = rng.uniform(0.02, 0.07) * height
            lean = rng.normal(0, 0.5) * tall
            blade = path([at, at + (lean * 0.3, -tall * 0.6), at + (lean, -tall)])
            canvas.line(blade, 1.6, mix(place.leaf(rng), SEPIA, rng.uniform(0, 0.4)), 0.85)


def flower(canvas: Canvas, at: Points, size: float) -> None:
    """Draw a trumpet-shaped flower on its stalk, which opens to the left at `at`."""
    colour = FLOWERS[canvas.rng.integers(len(FLOWERS))]
    foot = at + (size * canvas.rng.uniform(1.2, 2.4), canvas.image.height)
    stalk = path([at + (size * 1.05, size * 0.35), at + (size * 1.6, size * 1.4), foot])
    canvas.line(stalk, 2.2, (98, 130, 74), taper=False)
    for turn, far in ((-60, 1.9), (-110, 2.6), (-25, 3.2)):
        leaf(canvas, at + (size * 1.45, size * far), turn, size * 1.1, (112, 150, 82))
    profile = [(0.0, -0.20), (0.6, 0.0), (1.15, 0.28), (1.0, 0.48), (0.4, 0.36), (-0.1, 0.22)]
    throat = curve(at + size * np.array(profile))
    canvas.wash(throat, colour)
    for turn in (95, 140, 215, 260):
        leaf(canvas, at + (0.06 * size, 0.04 * size), turn, 0.42 * size, mix(colour, WHITE, 0.18))
