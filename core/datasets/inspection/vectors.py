"""Feature vectors prepared for comparison: length 1, and few enough dimensions to keep a large
dataset in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

# Up to so many photos every number of a feature is kept; beyond, the directions that hold most of
# what differs.
EXACT_ROWS = 20_000
DIRECTIONS = 256
SAMPLE = 20_000
CHUNK = 4096
BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest other rows of each row: `rows` int64 [n, k] and `cosines` float32 [n, k], the
    nearest first."""

    rows: Ints
    cosines: Floats


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Return float32 [n, d] of length 1 (0 stays 0)."""
    made = np.empty(vectors.shape, np.float32)
    for start in range(0, len(vectors), CHUNK):
        part = np.asarray(vectors[start : start + CHUNK], np.float32)
        made[start : start + CHUNK] = part / np.maximum(
            np.linalg.norm(part, axis=1, keepdims=True), 1e-12
        )
    return made


def reduced(vectors: npt.NDArray[np.floating], seed: int = 0) -> Floats:
    """Return float32 [n, at most DIRECTIONS] whose dot products approximate those of `vectors`:
    their first singular directions, found on a sample. Small sets are copied unchanged."""
    if len(vectors) <= EXACT_ROWS or vectors.shape[1] <= DIRECTIONS:
        return np.asarray(vectors, np.float32)
    rows = np.sort(np.random.default_rng(seed).choice(len(vectors), SAMPLE, replace=False))
    sample = np.asarray(vectors[rows], np.float32)
    _, directions = np.linalg.eigh(sample.T @ sample)
    first = np.ascontiguousarray(directions[:, ::-1][:, :DIRECTIONS])
    made = np.empty((len(vectors), DIRECTIONS), np.float32)
    for start in range(0, len(vectors), CHUNK):
        made[start : start + CHUNK] = np.asarray(vectors[start : start + CHUNK], np.float32) @ first
    return made


def neighbours(
    units: Floats, count: int, progress: Progress = lambda done, total: None
) -> Neighbours:
    """Return the `count` rows nearest to each row of `units` [n, d] (length 1) by exact cosine,
    block by block.

    Takes n * n * d multiplications: a second for ten thousand photos, a minute for a hundred
    thousand.
    """
    total = len(units)
    count = max(1, min(count, total - 1))
    rows, cosines = np.empty((total, count), np.int64), np.empty((total, count), np.float32)
    for start in range(0, total, BLOCK):
        stop = min(start + BLOCK, total)
        scores = units[start:stop] @ units.T
        scores[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        rows[start:stop] = np.take_along_axis(best, order, axis=1)
        cosines[start:stop] = np.take_along_axis(values, order, axis=1)
        progress(stop, total)
    return Neighbours(rows, cosines)
