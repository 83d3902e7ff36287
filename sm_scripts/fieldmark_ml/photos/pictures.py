"""Photos for fine-tuning: decoded and resized once, kept as uint8 if they fit, and prefetched in
batches."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from fieldmark_ml.photos import augment, preprocessing
from fieldmark_ml.photos.data import Photos
from fieldmark_ml.photos.images import BadImage
from fieldmark_ml.photos.preprocessing import Preprocessing
from fieldmark_ml.runtime import check_stop, log

SHARE_OF_MEMORY = 0.25
SHARE_OF_DISK = 0.5
AHEAD = 3
REPORT_SECONDS = 5.0
CHECKED_AT_ONCE = 512


class Pictures:
    """Every photo as a uint8 square of `how.resize` pixels, whose centre of `how.image_size` is
    exactly the input in serving."""

    def __init__(self, photos: Photos, how: Preprocessing, spill: Path, workers: int) -> None:
        self.photos, self.how, self.side = photos, how, how.resize
        self.pool = ThreadPoolExecutor(max(1, workers))
        self.ready = np.zeros(len(photos), dtype=bool)
        self.store = _store(len(photos), self.side, spill)

    def square(self, row: int) -> torch.Tensor:
        """Return a photo's square, uint8 [3, side, side]. Raises BadImage or OSError if the photo
        cannot be used."""
        if self.store is not None and self.ready[row]:
            return torch.from_numpy(self.store[row])
        with open(self.photos.files[row], "rb") as file:
            photo, by = preprocessing.decode_sized(file.read())
        square = square_of(self.photos.seen(row, photo, by), self.how)
        if self.store is not None:
            self.store[row] = square.numpy()
            self.ready[row] = True
        return square

    def check(self, rows: np.ndarray) -> dict[int, str]:
        """Decode `rows` and return row -> reason for photos that cannot be used, before training
        starts."""
        # The first photo is decoded before there are threads, so that one thread alone does the
        # first-use set-up.
        found = {row: reason for row, reason in map(self._problem, rows[:1].tolist()) if reason}
        rows = rows[1:]
        said = time.monotonic()
        for start in range(0, len(rows), CHECKED_AT_ONCE):
            found |= {
                row: reason
                for row, reason in self.pool.map(
                    self._problem, rows[start : start + CHECKED_AT_ONCE].tolist()
                )
                if reason
            }
            if time.monotonic() - said > REPORT_SECONDS:
                log(
                    f"{min(start + CHECKED_AT_ONCE, len(rows)) + 1} of {len(rows) + 1} photos "
                    "decoded"
                )
                said = time.monotonic()
            check_stop()
        return found

    def _problem(self, row: int) -> tuple[int, str]:
        try:
            self.square(row)
        except BadImage as error:
            return row, str(error)
        except OSError as error:
            return row, error.strerror or str(error)
        return row, ""

    def batches(
        self, parts: list[np.ndarray], make: Callable[[torch.Tensor, int], torch.Tensor]
    ) -> Iterator[torch.Tensor]:
        """Yield a uint8 batch of `make(square, row)` for each array of rows, made by threads up to
        AHEAD batches before they are asked for."""
        waiting: deque[list[Future[torch.Tensor]]] = deque()
        left = iter(parts)
        while True:
            while len(waiting) < AHEAD and (rows := next(left, None)) is not None:
                waiting.append([self.pool.submit(self._made, make, int(row)) for row in rows])
            if not waiting:
                return
            yield torch.stack([future.result() for future in waiting.popleft()])

    def _made(self, make: Callable[[torch.Tensor, int], torch.Tensor], row: int) -> torch.Tensor:
        return make(self.square(row), row)

    def middle(self, square: torch.Tensor, row: int) -> torch.Tensor:
        return augment.centre(square, self.how.image_size)

    def augmented(
        self, kind: str, seed: int, epoch: int
    ) -> Callable[[torch.Tensor, int], torch.Tensor]:
        def make(square: torch.Tensor, row: int) -> torch.Tensor:
            return augment.augmented(
                square, self.how.image_size, kind, random.Random(f"{seed} {epoch} {row}")
            )

        return make


def square_of(photo: torch.Tensor, how: Preprocessing) -> torch.Tensor:
    """Return the photo with `how.resize` on both sides, cut so that its middle is `prepare(photo,
    how)` to the pixel."""
    resized = preprocessing.resized(photo, how)
    margin = round((how.resize - how.image_size) / 2)
    top, left = (
        min(max(0, start - margin), side - how.resize)
        for start, side in zip(
            preprocessing.crop_start(resized, how), resized.shape[1:], strict=True
        )
    )
    return resized[:, top : top + how.resize, left : left + how.resize].contiguous()


def _store(count: int, side: int, spill: Path) -> np.ndarray | None:
    """Return storage for all squares: memory if they fit in SHARE_OF_MEMORY of it, else a file,
    else None (then each epoch decodes again)."""
    size = count * 3 * side * side
    if size <= SHARE_OF_MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
        return np.empty((count, 3, side, side), np.uint8)
    spill.parent.mkdir(parents=True, exist_ok=True)
    if size <= SHARE_OF_DISK * shutil.disk_usage(spill.parent).free:
        log(f"decoded photos are kept in {spill}, {size / 2**30:.1f} GB")
        return np.memmap(spill, np.uint8, "w+", shape=(count, 3, side, side))
    log(
        f"decoded photos would take {size / 2**30:.1f} GB; there is not enough space, so each "
        "epoch decodes them again"
    )
    return None
