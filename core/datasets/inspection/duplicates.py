"""Exact duplicates, near-copies and the groups they form.

Candidates are each photo's nearest photos by features, which hardly change when a photo is
mirrored, cropped or re-encoded. Each candidate is then compared by its pixels (see matching).
Photos that are nearly identical to the network count as well: the next photo of a burst, or another
crop of the same original.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from core.datasets.inspection import matching, vectors
from core.datasets.inspection.vectors import Ints, Neighbours, Progress

CANDIDATES = 3
WORTH_A_LOOK = 0.55
# Cosine of lite0 features at 288 pixels. Of 255,000 pairs of different bird photos none has more
# than 0.87. Where all photos are alike, as drawings are, a pair also has to stand out by so many
# standard deviations among the nearest neighbours.
ALIKE = 0.9
STANDS_OUT = 3.0
BATCH = 64
KEPT_PICTURES = 4096

EXACT, COPY, SCENE = "the same bytes", "a copy", "nearly the same picture"
COLUMNS = ("first", "second", "how", "score", "evidence")


def exact_pairs(image_ids: Sequence[str]) -> pd.DataFrame:
    """Return each exact duplicate with the first photo of the same bytes: COLUMNS, positions as
    `first` < `second`."""
    ids = pd.Series(image_ids)
    first = ids.groupby(ids).transform(lambda same: same.index[0]).to_numpy()
    second = np.flatnonzero(first != np.arange(len(ids)))
    return _pairs([(int(first[row]), int(row), EXACT, 1.0, EXACT) for row in second])


def near_pairs(
    neighbours: Neighbours,
    thumbnails: Sequence[Path | None],
    workers: int,
    progress: Progress = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """Return pairs of rows that show the same photo: COLUMNS.

    `thumbnails` has a file per row of `neighbours`, or None.
    """
    pairs, alike = _candidates(neighbours), _alike(neighbours)

    @lru_cache(maxsize=KEPT_PICTURES)
    def picture(row: int) -> Image.Image | None:
        path = thumbnails[row]
        if path is None:
            return None
        try:
            return matching.load(path)
        except OSError:
            return None

    def compared(pair: tuple[int, int, float]) -> tuple[int, int, str, float, str] | None:
        first, second, cosine = pair
        one, other = picture(first), picture(second)
        if one and other:
            found = matching.match(one, other)
            if found.score >= matching.SAME:
                return first, second, COPY, found.score, found.words
        if cosine >= alike:
            return first, second, SCENE, cosine, f"{SCENE} to the network"
        return None

    made = []
    with vectors.single_threaded_products(), ThreadPoolExecutor(max(1, workers)) as pool:
        for start in range(0, len(pairs), BATCH):
            check()
            made += [pair for pair in pool.map(compared, pairs[start : start + BATCH]) if pair]
            progress(min(start + BATCH, len(pairs)), len(pairs))
    return _pairs(made)


def groups(count: int, pairs: pd.DataFrame) -> Ints:
    """Return a group number for each of `count` rows: rows joined by pairs share one.

    The number is that of the group's first row.
    """
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for first, second in zip(pairs["first"], pairs["second"], strict=True):
        low, high = sorted((root(int(first)), root(int(second))))
        parent[high] = low
    return np.array([root(row) for row in range(count)], dtype=np.int64)


def _alike(neighbours: Neighbours) -> float:
    """Return the cosine from which two photos count as near-copies in this dataset."""
    nearest = neighbours.cosines[:, 0]
    middle = float(np.median(nearest))
    return max(ALIKE, middle + STANDS_OUT * 1.4826 * float(np.median(np.abs(nearest - middle))))


def _candidates(neighbours: Neighbours) -> list[tuple[int, int, float]]:
    found = {}
    for rank in range(min(CANDIDATES, neighbours.rows.shape[1])):
        cosines = neighbours.cosines[:, rank]
        for row in np.flatnonzero(cosines > WORTH_A_LOOK):
            other = int(neighbours.rows[row, rank])
            found[min(int(row), other), max(int(row), other)] = float(cosines[row])
    return [(first, second, cosine) for (first, second), cosine in sorted(found.items())]


def _pairs(rows: list[tuple[int, int, str, float, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        {"first": np.int64, "second": np.int64, "score": float}
    )
