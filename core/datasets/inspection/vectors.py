"""Feature vectors prepared for comparison: length 1, and few enough dimensions to keep a large
dataset in memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

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
# Rows compared at a time: at most so many, and so many scores (64 MB).
BLOCK = 1024
BLOCK_SCORES = 2**24
GROUP = 16


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
    units: Floats,
    count: int,
    progress: Progress = lambda done, total: None,
    *,
    workers: int = 1,
) -> Neighbours:
    """Return the `count` rows nearest to each row of `units` [n, d] (length 1) by exact cosine,
    block by block, so that memory grows with n.

    Takes n * n * d multiplications: on two cores a second for 20,000 photos of 256 numbers, and
    seven for 50,000.
    """
    total = len(units)
    count = max(1, min(count, total - 1))
    rows, cosines = np.empty((total, count), np.int64), np.empty((total, count), np.float32)
    size = max(1, min(BLOCK, BLOCK_SCORES // total))

    def fill(start: int) -> int:
        stop = min(start + size, total)
        rows[start:stop], cosines[start:stop] = _nearest(units, start, stop, count)
        return stop

    with single_threaded_products(), ThreadPoolExecutor(max(1, workers)) as pool:
        for stop in pool.map(fill, range(0, total, size)):
            progress(stop, total)
    return Neighbours(rows, cosines)


def _nearest(units: Floats, start: int, stop: int, count: int) -> tuple[Ints, Floats]:
    """Return the `count` rows nearest to the rows `start` to `stop`, and their cosines.

    The columns are dealt into groups. The best `count` of a row are in the `count` groups with the
    largest maxima, so only those are sorted.
    """
    total = len(units)
    groups = max(count, -(-total // GROUP))
    scores = np.full((stop - start, GROUP * groups), -np.inf, np.float32)
    np.matmul(units[start:stop], units.T, out=scores[:, :total])
    scores[np.arange(stop - start), np.arange(start, stop)] = -np.inf
    largest = scores.reshape(stop - start, GROUP, groups).max(axis=1)
    best = np.argpartition(-largest, count - 1, axis=1)[:, :count]
    columns = (best[:, :, None] + groups * np.arange(GROUP)).reshape(stop - start, -1)
    values = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(values, order, axis=1)


def single_threaded_products() -> AbstractContextManager[Any]:
    """Let each matrix product use one thread: the work is dealt to threads of our own.

    The threads of a product busy-wait for each other. On two cores, beside other programs, small
    products took 30 times longer with them.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")
