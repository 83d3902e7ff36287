"""The technical quality of a photo: sharpness, exposure and size.

Sharpness is the blur effect of Crete, Dolmiere, Ladret and Nicolas (2007), "The blur effect:
perception and estimation with a new no-reference perceptual blur metric": how much less
neighbouring pixels differ after a strong blur. It is measured where the photo has most detail,
because a soft background is not a fault. The measures of exposure are those of CleanVision:
percentiles of the brightness.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from core.io import images

Floats = npt.NDArray[np.float32]

SIDE = 512
TILES = 6
# The share of tiles, those with most detail, in which sharpness is measured.
DETAILED = 0.3
REACH = 9
FIGURES = ("blur", "bright_5", "bright_50", "bright_99")

# Measured on 715 bird photos: the least sharp has 0.546, one blurred with a radius of 1.5 pixels at
# least 0.57, of 3 pixels 0.69.
BLURRED = 0.56
# The brightest of those photos' hundredths is never below 0.44; the darkest twentieth of one in two
# hundred is above 0.55.
DARK = 0.31
OVEREXPOSED = 0.65
ODD_ASPECT = 3.0
ODD_AREA = 8.0


def figures(source: Path | bytes) -> Floats:
    """Return float32 [FIGURES]: blur (0 sharp, 1 fully blurred) and the 5th, 50th and 99th
    percentile of brightness (0 to 1).

    Raises BadImage.
    """
    grey = _grey(images.open_image(source))
    brightness = _percentiles(grey.histogram(), (0.05, 0.5, 0.99)) / 255
    return np.array([blur_effect(np.asarray(grey, np.float32)), *brightness], np.float32)


def blur_effect(grey: Floats) -> float:
    """Return the blur effect of a grey photo [height, width] in its most detailed tiles, the worse
    of both directions; 0 for a uniform photo."""
    return max(_blur_along(grey, axis) for axis in (0, 1))


def issues(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows (position, kind, score, evidence) for quality issues; `table` has FIGURES (NaN:
    not measured), width and height.

    A photo may be listed under several kinds. The score grows with the fault.
    """
    area, aspect = _sizes(table)
    parts = [
        _listed(
            table["blur"] > BLURRED,
            "blurred",
            table["blur"],
            "{:.0%} of its finest detail is missing",
        ),
        _listed(
            table["bright_99"] < DARK,
            "dark",
            1 - table["bright_99"],
            "its brightest parts are {:.0%} below white",
        ),
        _listed(
            table["bright_5"] > OVEREXPOSED,
            "overexposed",
            table["bright_5"],
            "its darkest parts are at {:.0%} of white",
        ),
        _listed(
            aspect > ODD_ASPECT, "odd size", aspect, "{:.1f} times as long as it is wide or high"
        ),
        _listed(
            (area > ODD_AREA) & (aspect <= ODD_ASPECT),
            "odd size",
            area,
            "{:.0f} times fewer pixels than usual here",
        ),
    ]
    return pd.concat(parts, ignore_index=True)


def _grey(image: Image.Image) -> Image.Image:
    grey = image.convert("L")
    grey.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return grey


def _percentiles(histogram: list[int], shares: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Return np.percentile of the values counted in `histogram`, without sorting them."""
    counts = np.cumsum(histogram)
    place = np.array(shares) * (counts[-1] - 1)
    below = np.searchsorted(counts, np.floor(place), side="right")
    above = np.searchsorted(counts, np.ceil(place), side="right")
    return below + (place % 1) * (above - below)


def _blur_along(grey: Floats, axis: int) -> float:
    if grey.shape[axis] <= REACH:
        return 0.0
    difference = np.abs(np.diff(grey, axis=axis))
    lost = np.maximum(difference - _smoothed_difference(grey, axis), 0)
    detail, kept = _tiles(difference), _tiles(lost)
    chosen = detail >= np.quantile(detail, 1 - DETAILED)
    total = float(detail[chosen].sum())
    if total <= 0:
        return 0.0
    return 1 - float(kept[chosen].sum()) / total


def _smoothed_difference(grey: Floats, axis: int) -> Floats:
    """Return how much neighbouring pixels differ along `axis` after each has become the mean of
    REACH pixels; at the borders the last pixel is repeated.

    Two neighbouring means share all pixels but the first and the last.
    """
    width = [(REACH // 2, REACH // 2) if each == axis else (0, 0) for each in (0, 1)]
    padded = np.pad(grey, width, mode="edge")
    first, last = np.split(padded, [-REACH], axis=axis)[0], np.split(padded, [REACH], axis=axis)[1]
    return np.abs(last - first) * np.float32(1 / REACH)


def _tiles(values: Floats) -> Floats:
    """Return the sum in each of at most TILES x TILES tiles."""
    rows, columns = (min(TILES, size) for size in values.shape)
    starts = [
        np.arange(parts) * size // parts
        for parts, size in zip((rows, columns), values.shape, strict=True)
    ]
    return np.add.reduceat(np.add.reduceat(values, starts[0], axis=0), starts[1], axis=1).ravel()


def _sizes(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return, for each photo, how many times fewer pixels it has than the median photo, and its
    aspect ratio (longer side divided by shorter)."""
    width, height = (
        table["width"].clip(lower=1).astype(float),
        table["height"].clip(lower=1).astype(float),
    )
    area = width * height
    return area.median() / area, pd.Series(
        np.maximum(width, height) / np.minimum(width, height), index=table.index
    )


def _listed(mask: pd.Series, kind: str, score: pd.Series, evidence: str) -> pd.DataFrame:
    position = np.flatnonzero(mask.to_numpy())
    values = score.to_numpy(dtype=float)[position]
    words = [evidence.format(value) for value in values]
    return pd.DataFrame({"position": position, "kind": kind, "score": values, "evidence": words})
