"""Whether two files show the same photo, one of them perhaps re-encoded, resized, mirrored or
cropped from the other.

Each photo is searched for inside the other, at several scales and mirrored, by normalised
cross-correlation (Lewis, 1995, "Fast normalized cross-correlation"): first coarsely on grey values,
then, around the best position, on fine structure only, which two photos of one subject do not
share. Measured on 715 bird photos and 60 copies made from them: copies score 0.91 and more
(overexposed ones 0.67), two different photos at most 0.66.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import fft, ndimage

Floats = npt.NDArray[np.float32]

SAME = 0.8
COARSE_SIDE, FINE_SIDE = 64, 128
COARSE_SCALES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6)
FINE_STEPS = np.arange(-0.04, 0.041, 0.01)
# The blurs (in pixels) of the coarse and of the fine comparison.
Blurs = tuple[float, ...]
COARSE: Blurs = (0.0,)
FINE: Blurs = (0.7, 2.8)
# Below this on grey values the fine comparison is not worth its time.
WORTH_REFINING = 0.6
# Correlation in a window without structure means nothing: its variance counts as at least this much
# per pixel.
FLAT = 1.0
SMALLEST = 8
KEPT_WEIGHTS = 2048


@dataclass(frozen=True)
class Match:
    """`score` is 0 to 1; `share` is the share of the larger photo's width or height that the other
    covers."""

    score: float
    share: float
    mirrored: bool

    @property
    def words(self) -> str:
        how = []
        if self.mirrored:
            how.append("mirrored")
        if self.share < 0.96:
            how.append(f"cut to about {self.share:.0%}")
        return " and ".join(how) or "re-encoded or resized"


def load(thumbnail: Path) -> Image.Image:
    """Return a grey image, at most FINE_SIDE pixels on its long side. Raises OSError."""
    with Image.open(thumbnail, formats=("JPEG",)) as opened:
        opened.draft("L", (FINE_SIDE, FINE_SIDE))
        return _at_most(opened.convert("L"), FINE_SIDE)


def match(first: Image.Image, second: Image.Image) -> Match:
    """Return how well one of two grey images (see `load`) is found in the other."""
    small = [_grey(_at_most(picture, COARSE_SIDE)) for picture in (first, second)]
    tries = [
        (*_found(small[place], small[1 - place], COARSE_SCALES, (False, True)), place)
        for place in (0, 1)
    ]
    score, scale, mirrored, place = max(tries)
    if score < WORTH_REFINING:
        return Match(0.0, scale, mirrored)
    whole, part = _grey(first), _grey(second)
    if place == 1:
        whole, part = part, whole
    around = [scale + step for step in FINE_STEPS if scale + step <= 1.001]
    score, scale, _ = _found(whole, part, around, (mirrored,), FINE)
    return Match(max(0.0, score), min(1.0, scale), mirrored)


def _grey(picture: Image.Image) -> Floats:
    return np.asarray(picture, np.float32)


def _at_most(picture: Image.Image, side: int) -> Image.Image:
    factor = min(1.0, side / max(picture.size))
    size = tuple(max(SMALLEST, round(length * factor)) for length in picture.size)
    return picture.resize((size[0], size[1]), Image.Resampling.BICUBIC, reducing_gap=3.0)


def _found(
    whole: Floats,
    part: Floats,
    scales: Sequence[float],
    mirrorings: Sequence[bool],
    blurs: Blurs = COARSE,
) -> tuple[float, float, bool]:
    """Return the best correlation of `part` inside `whole` over `scales` (1: as large as it fits)
    and `mirrorings`, with its scale and mirroring."""
    height, width = whole.shape
    whole = _resized(whole, height, width, blurs)
    sizes = _sizes(whole, part, scales)
    pad = (fft.next_fast_len(height, real=True), fft.next_fast_len(width, real=True))
    windows = np.zeros((len(sizes), len(mirrorings), *pad), np.float32)
    for window, (rows, columns) in zip(windows, sizes, strict=True):
        template = _normalised(_resized(part, rows, columns, blurs))
        for place, mirrored in enumerate(mirrorings):
            window[place, :rows, :columns] = template[:, ::-1] if mirrored else template
    # Only places where the window lies inside are read below, so that the wrap-around of this
    # correlation is never seen.
    correlation = fft.irfft2(fft.rfft2(whole, pad) * np.conj(fft.rfft2(windows)), pad)
    sums, squares = _summed(whole), _summed(whole * whole)
    best = (-1.0, 1.0, False)
    for scale, (rows, columns), scores in zip(scales, sizes, correlation, strict=True):
        deviation = _deviation(sums, squares, rows, columns)
        inside = scores[:, : height - rows + 1, : width - columns + 1] / deviation
        for value, mirrored in zip(inside.max(axis=(1, 2)), mirrorings, strict=True):
            best = max(best, (float(value), float(scale), mirrored))
    return best


def _sizes(whole: Floats, part: Floats, scales: Sequence[float]) -> list[tuple[int, int]]:
    """Return (rows, columns) of `part` at each scale."""
    height, width = whole.shape
    fit = min(width / part.shape[1], height / part.shape[0])
    return [
        (
            min(height, max(SMALLEST, round(part.shape[0] * fit * scale))),
            min(width, max(SMALLEST, round(part.shape[1] * fit * scale))),
        )
        for scale in scales
    ]


def _resized(grey: Floats, rows: int, columns: int, blurs: Blurs) -> Floats:
    """Return `grey` at this size; with FINE, the difference of a slight and a strong blur: edges
    and texture, without brightness and large shapes."""
    made: list[Floats] = []
    for blur in blurs:
        rows_resized = np.matmul(_weights(grey.shape[0], rows, blur), grey)
        made.append(np.matmul(rows_resized, _weights(grey.shape[1], columns, blur).T))
    if len(made) == 1:
        return made[0]
    return made[0] - made[1]


@lru_cache(maxsize=KEPT_WEIGHTS)
def _weights(length: int, size: int, blur: float) -> Floats:
    """Return float32 [size, length] that resizes one axis, then blurs it. Two small products are
    several times faster than Pillow and scipy on pictures this small."""
    made: Floats = np.eye(length, dtype=np.float32)
    if size != length:
        resized = Image.fromarray(made).resize((length, size), Image.Resampling.BICUBIC)
        made = np.asarray(resized, np.float32)
    if blur:
        made = ndimage.gaussian_filter1d(made, blur, axis=0)
    return made


def _normalised(template: Floats) -> Floats:
    template = template - template.mean()
    return template / (np.linalg.norm(template) + 1e-6)


def _deviation(
    sums: npt.NDArray[np.float64], squares: npt.NDArray[np.float64], rows: int, columns: int
) -> Floats:
    """Return the deviation in every window of this size, times the root of its pixels."""
    pixels = rows * columns
    mean = _window(sums, rows, columns) / pixels
    variance = _window(squares, rows, columns) / pixels - mean * mean
    return np.sqrt(np.maximum(variance, FLAT) * pixels).astype(np.float32)


def _summed(values: Floats) -> npt.NDArray[np.float64]:
    return np.pad(values.cumsum(0, dtype=np.float64).cumsum(1), ((1, 0), (1, 0)))


def _window(sums: npt.NDArray[np.float64], rows: int, columns: int) -> npt.NDArray[np.float64]:
    """Return the sum in every window of this size, from an integral image."""
    return (
        sums[rows:, columns:]
        - sums[:-rows, columns:]
        - sums[rows:, :-columns]
        + sums[:-rows, :-columns]
    )
