"""Ink and wash: curves, brushes and noise for the sketchbook.

Shapes are arrays of points [n, 2], x to the right and y downwards. A Frame takes a part from its
own units to pixels of the Canvas, which is `unit` times larger than the finished drawing, so that
reducing it smooths every edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

Points = NDArray[np.float64]
Plane = NDArray[np.float32]
Colour = tuple[int, int, int]

SEPIA: Colour = (46, 38, 40)
WHITE: Colour = (252, 251, 247)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Return the colour `share` of the way from `a` to `b`."""
    red, green, blue = (
        max(0, min(255, round(x + (y - x) * share))) for x, y in zip(a, b, strict=True)
    )
    return red, green, blue


def ink_for(colour: Colour) -> Colour:
    """Return the outline colour of a wash: darker, with a little sepia."""
    return mix(mix(colour, (0, 0, 0), 0.55), SEPIA, 0.5)


def luminance(colour: Colour) -> float:
    return (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / 255


@cache
def _weights(steps: int) -> Points:
    t = np.arange(steps) / steps
    before, after = -t + 2 * t**2 - t**3, t**3 - t**2
    return np.stack([before, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, after], axis=1) / 2


def curve(points: ArrayLike, closed: bool = True, steps: int = 8) -> Points:
    """Return a Catmull-Rom curve [m, 2] through `points`; a repeated point makes a corner."""
    knots = np.asarray(points, dtype=float)
    ends = knots[:1], knots[-1:]
    if closed:
        ends = knots[-1:], knots[:2]
    padded = np.concatenate([ends[0], knots, ends[1]])
    windows = np.stack([padded[i : len(padded) - 3 + i] for i in range(4)], axis=1)
    path: Points = np.einsum("sk,nkd->nsd", _weights(steps), windows).reshape(-1, 2)
    if closed:
        return path
    return np.concatenate([path, knots[-1:]])


def path(points: ArrayLike) -> Points:
    """Return an open curve through `points`."""
    return curve(points, closed=False)


def ellipse(centre: ArrayLike, across: float, down: float) -> Points:
    turn = np.linspace(0, 2 * np.pi, 40)
    return np.asarray(centre) + np.stack([across * np.cos(turn), down * np.sin(turn)], axis=1)


def leaf_shape(at: Points, turn: float, length: float) -> Points:
    """Return the outline of a leaf attached at `at`; it points `turn` degrees anticlockwise from
    the right."""
    along = np.array([np.cos(np.radians(turn)), -np.sin(np.radians(turn))]) * length
    aside = np.array([along[1], -along[0]]) * 0.3
    knots = np.array(
        [(0, 0), (0, 0), (0.35, 1), (0.8, 0.5), (1, 0), (1, 0), (0.75, -0.5), (0.3, -1)]
    )
    return curve(at + np.outer(knots[:, 0], along) + np.outer(knots[:, 1], aside), steps=5)


@cache
def _between(knots: int, count: int) -> Points:
    """Return the weights [knots, count] that interpolate `count` values from `knots`."""
    place = np.linspace(0, knots - 1, count)
    return np.maximum(0.0, 1 - np.abs(place[None, :] - np.arange(knots)[:, None]))


@cache
def _tapering(count: int) -> Points:
    return np.sqrt(np.sin(np.linspace(0.12, np.pi - 0.12, count)))


def noise(rng: np.random.Generator, size: tuple[int, int], cells: int, octaves: int = 1) -> Plane:
    """Return smooth noise [height, width], about 0 to 1, with `cells` blobs along the longer side
    and finer ones for each further octave."""
    total = np.zeros((size[1], size[0]), dtype=np.float32)
    for octave in range(octaves):
        rows, columns = (
            max(2, round(side * cells * 2.2**octave / max(size))) + 1 for side in (size[1], size[0])
        )
        grid = Image.fromarray(rng.random((rows, columns), dtype=np.float32))
        total += np.asarray(grid.resize(size, Image.Resampling.BICUBIC)) * np.float32(0.5**octave)
    return total / np.float32(2 - 2.0 ** (1 - octaves))


@dataclass(frozen=True)
class Frame:
    """The position of a part on the canvas: `frame(points)` converts its own units to pixels."""

    matrix: Points
    origin: Points

    @classmethod
    def at(cls, x: float, y: float, size: float, turn: float = 0.0) -> Frame:
        """Return a frame with `size` pixels per unit, turned `turn` degrees anticlockwise."""
        return cls(size * _rotation(turn), np.array([x, y], dtype=float))

    def __call__(self, points: ArrayLike) -> Points:
        return np.asarray(points, dtype=float) @ self.matrix.T + self.origin

    def child(
        self, point: Sequence[float], size: float = 1.0, turn: float = 0.0, squeeze: float = 1.0
    ) -> Frame:
        """Return a frame attached at `point` of this one; `squeeze` scales its x, and mirrors it if
        negative."""
        return Frame(self.matrix @ _rotation(turn) @ np.diag([size * squeeze, size]), self(point))

    @property
    def scale(self) -> float:
        """The pixels per unit of y."""
        return float(np.hypot(*self.matrix[:, 1]))


def _rotation(degrees: float) -> Points:
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


class Canvas:
    """An image to draw on with washes and a pen.

    `unit` is the number of its pixels per pixel of the finished drawing.
    """

    def __init__(self, image: Image.Image, rng: np.random.Generator, unit: int) -> None:
        self.image = image
        self.rng = rng
        self.unit = unit
        self._pen = ImageDraw.Draw(image, "RGBA")
        self._corner = np.zeros(2)

    @classmethod
    def over(cls, page: Image.Image, rng: np.random.Generator, unit: int) -> Canvas:
        """Return a canvas that starts as a copy of the page.

        Pixels are repeated, so that `reduced` returns the page unchanged.
        """
        return cls(
            page.resize((page.width * unit, page.height * unit), Image.Resampling.NEAREST),
            rng,
            unit,
        )

    def reduced(self) -> Image.Image:
        return self.image.reduce(self.unit)

    def fill(self, points: Points, colour: Colour, opacity: float = 1.0) -> None:
        self._pen.polygon(
            (points - self._corner).ravel().tolist(), fill=(*colour, round(255 * opacity))
        )

    def dot(self, centre: ArrayLike, radius: float, colour: Colour, opacity: float = 1.0) -> None:
        x, y = np.asarray(centre, dtype=float) - self._corner
        self._pen.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=(*colour, round(255 * opacity))
        )

    def wash(self, points: Points, colour: Colour, opacity: float = 1.0) -> None:
        """Paint a flat wash whose pigment gathers at the edge, as in drying watercolour."""
        self.fill(points, colour, opacity)
        edge = np.concatenate([points, points[:2]])
        self.line(edge, 2.4, mix(colour, SEPIA, 0.35), 0.3 * opacity, taper=False)

    def soft(self, points: Points, colour: Colour, blur: float, opacity: float = 1.0) -> None:
        """Paint a wash on wet paper: its edge spreads over about `blur` pixels of the finished
        drawing."""
        points, unit = (points - self._corner) / self.unit, self.unit
        left, top = np.maximum(np.floor(points.min(axis=0) - 2 * blur), 0).astype(int)
        right, bottom = np.minimum(
            np.ceil(points.max(axis=0) + 2 * blur), np.array(self.image.size) / unit
        ).astype(int)
        if right <= left or bottom <= top:
            return
        mask = Image.new("L", (int(right - left), int(bottom - top)))
        ImageDraw.Draw(mask).polygon(
            (points - (left, top)).ravel().tolist(), fill=round(255 * opacity)
        )
        mask = mask.filter(ImageFilter.GaussianBlur(blur))
        mask = mask.resize((mask.width * unit, mask.height * unit), Image.Resampling.NEAREST)
        self.image.paste(colour, (int(left) * unit, int(top) * unit), mask)

    def line(
        self,
        points: Points,
        width: float,
        colour: Colour = SEPIA,
        opacity: float = 1.0,
        taper: bool = True,
    ) -> None:
        """Draw a pen line, `width` pixels of the finished drawing wide, with a hand's variations in
        pressure and direction."""
        count = len(points)
        knots = max(3, count // 6)
        pressure, sway = self.rng.uniform(-1, 1, (2, knots)) @ _between(knots, count)
        half = 0.5 * width * self.unit * (0.9 + 0.45 * pressure)
        if taper:
            half *= _tapering(count)
        along = np.empty_like(points)
        along[1:-1] = points[2:] - points[:-2]
        along[0], along[-1] = points[1] - points[0], points[-1] - points[-2]
        length = np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-9
        normal = (along / length)[:, ::-1] * (-1.0, 1.0)
        course = points + normal * (0.35 * self.unit * sway)[:, None]
        side = normal * half[:, None]
        self.fill(np.concatenate([course + side, (course - side)[::-1]]), colour, opacity)

    @contextmanager
    def within(self, outline: Points) -> Iterator[None]:
        """Clip what the block draws to `outline`."""
        whole, pen, corner = self.image, self._pen, self._corner
        low = np.maximum(np.floor(outline.min(axis=0)) - 1 - corner, 0).astype(int)
        high = np.minimum(np.ceil(outline.max(axis=0)) + 1 - corner, whole.size).astype(int)
        high = np.maximum(high, low + 1)
        box = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        self.image, self._corner = whole.crop(box), corner + low
        self._pen = ImageDraw.Draw(self.image, "RGBA")
        mask = Image.new("L", self.image.size)
        ImageDraw.Draw(mask).polygon((outline - self._corner).ravel().tolist(), fill=255)
        try:
            yield
            whole.paste(self.image, box, mask)
        finally:
            self.image, self._pen, self._corner = whole, pen, corner
