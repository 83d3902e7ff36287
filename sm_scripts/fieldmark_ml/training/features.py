"""Features: the frozen backbone maps each photo to a vector once; it is cached under the hash of
the photo's content."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

from fieldmark_ml.engines.choose import Engine
from fieldmark_ml.photos import preprocessing
from fieldmark_ml.photos.data import Photos
from fieldmark_ml.photos.images import BadImage
from fieldmark_ml.photos.preprocessing import Preprocessing
from fieldmark_ml.runtime import check_stop, log, metrics, say_photos, stop_asked
from fieldmark_ml.training import distributed
from fieldmark_ml.training.cache import Cache

SAVE_SECONDS = 10.0
REPORT_SECONDS = 2.0
# Enough for a row of thumbnails.
PHOTOS_SAID = 8
SAVE_BYTES = 256 * 2**20
# A feature matrix larger than this share of the memory is kept in a file and read through the page
# cache.
SHARE_OF_MEMORY = 0.25

VIEW: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "plain": lambda batch: batch,
    "flip": lambda batch: batch.flip(3),
}


class Extraction:
    """Computes features in threads that each decode a batch and run it, so that decoding and
    inference overlap. `caches`: one per view."""

    def __init__(
        self,
        photos: Photos,
        rows: np.ndarray,
        form: Engine,
        how: Preprocessing,
        caches: dict[str, Cache],
    ) -> None:
        self.photos, self.form, self.how, self.caches = photos, form, how, caches
        self.batches = iter(
            [rows[start : start + form.batch] for start in range(0, len(rows), form.batch)]
        )
        self.total, self.done, self.waiting_bytes = len(rows), 0, 0
        self.lock = threading.Lock()
        self.waiting: list[tuple[list[bytes], dict[str, np.ndarray]]] = []
        self.bad: dict[int, str] = {}
        self.latest: deque[str] = deque(maxlen=PHOTOS_SAID)
        self.errors: list[BaseException] = []
        self.started = time.monotonic()

    def run(self) -> None:
        """Fill the caches and `bad`.

        If a stop was requested or a thread fails, finished features are saved first.

        The first batch is computed before there are threads, so that one thread alone does the
        first-use set-up of decoder and network.
        """
        if (first := next(self.batches, None)) is not None:
            self._make(first)
        threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(self.form.workers)
        ]
        for thread in threads:
            thread.start()
        saved = said = time.monotonic()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.02)
            now = time.monotonic()
            if now - saved > SAVE_SECONDS or self.waiting_bytes > SAVE_BYTES:
                self._save()
                saved = now
            if now - said > REPORT_SECONDS:
                self._report()
                said = now
        self._save()
        if self.errors:
            raise self.errors[0]
        check_stop()
        self._report()

    def _work(self) -> None:
        try:
            while not stop_asked() and not self.errors:
                with self.lock:
                    rows = next(self.batches, None)
                if rows is None:
                    return
                self._make(rows)
        except BaseException as error:
            self.errors.append(error)

    def _make(self, rows: np.ndarray) -> None:
        pictures, image_ids = [], []
        for row in rows:
            try:
                data = _bytes(self.photos.files[row])
                photo = self.photos.seen(row, *preprocessing.decode_sized(data))
                pictures.append(preprocessing.prepare(photo, self.how))
                image_ids.append(self.photos.key(row).encode())
            except BadImage as error:
                self.bad[int(row)] = str(error)
            except OSError as error:
                self.bad[int(row)] = error.strerror or str(error)
        batch = torch.stack(pictures) if pictures else None
        made = (
            {view: self.form(VIEW[view](batch)).numpy() for view in self.caches}
            if batch is not None
            else {}
        )
        with self.lock:
            self.done += len(rows)
            self.latest.extend(
                self.photos.image_ids[row] for row in rows if int(row) not in self.bad
            )
            if made:
                self.waiting.append((image_ids, made))
                self.waiting_bytes += sum(part.nbytes for part in made.values())

    def _save(self) -> None:
        with self.lock:
            parts, self.waiting, self.waiting_bytes = self.waiting, [], 0
        if parts:
            image_ids = np.array([image_id for ids, _ in parts for image_id in ids], dtype="S64")
            for view, cache in self.caches.items():
                cache.add(image_ids, np.concatenate([made[view] for _, made in parts]))

    def _report(self) -> None:
        with self.lock:
            latest = list(self.latest)
        say_photos(latest)
        rate = self.done / max(time.monotonic() - self.started, 1e-6)
        eta = (self.total - self.done) / max(rate, 1e-6)
        metrics(
            epoch=0,
            features_done=self.done,
            features_total=self.total,
            images_per_second=round(rate, 1),
            eta_seconds=round(eta, 1),
        )


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def cache_root(checkpoint_dir: Path) -> Path:
    """Return the `features` channel, or a folder beside the checkpoints, which a restarted spot job
    still has."""
    return Path(os.environ.get("SM_CHANNEL_FEATURES") or checkpoint_dir / "features")


def ensure(
    photos: Photos,
    rows: np.ndarray,
    caches: dict[str, Cache],
    how: Preprocessing,
    make_form: Callable[[], Engine],
) -> None:
    """Compute the missing features of `rows` for one backbone, and mark the photos that cannot be
    used.

    `make_form` is called only if needed. Each process computes its share, and sends it to the first
    process if they share no folder.
    """
    first = next(iter(caches.values()))
    missing = _missing(photos, rows, caches) if distributed.is_first() else None
    missing = distributed.from_first(missing)
    if not len(missing):
        log(
            "features of all photos are cached "
            f"({', '.join(cache.folder.name for cache in caches.values())})"
        )
        return
    if not distributed.is_first():
        _extract(photos, distributed.from_first(None), caches, how, make_form)
        return
    with first.sole_writer():
        missing = distributed.from_first(_missing(photos, rows, caches))
        _extract(photos, missing, caches, how, make_form)


def _missing(photos: Photos, rows: np.ndarray, caches: dict[str, Cache]) -> np.ndarray:
    """Return those of `rows`, one per content, without features of some view; in order."""
    ids = np.array([photos.key(row).encode() for row in rows], dtype="S64")
    unique, first = np.unique(ids, return_index=True)
    cached = np.logical_and.reduce(
        [np.isin(unique, cache.image_ids()) for cache in caches.values()]
    )
    left = np.sort(rows[first][~cached])
    return left[~np.isin(left, list(photos.bad))]


def _extract(
    photos: Photos,
    missing: np.ndarray,
    caches: dict[str, Cache],
    how: Preprocessing,
    make_form: Callable[[], Engine],
) -> None:
    mine = missing[distributed.rank() :: distributed.world()]
    bad: dict[int, str] = {}
    if len(mine):
        form = make_form()
        log(
            f"{len(missing)} photos need features: {form.name}, batches of {form.batch}, "
            f"{form.workers} workers x {distributed.world()}"
        )
        extraction = Extraction(photos, mine, form, how, caches)
        extraction.run()
        bad = extraction.bad
    _send_to_first(photos, mine, caches)
    photos.mark_all_bad(distributed.gathered(bad))


def _send_to_first(photos: Photos, mine: np.ndarray, caches: dict[str, Cache]) -> None:
    """Copy features made on other hosts into the first process's cache; processes that share its
    folder send nothing."""
    if distributed.world() == 1:
        return
    wanted = np.array([photos.key(row).encode() for row in mine], dtype="S64")
    for cache in caches.values():
        marker = distributed.from_first(f".here-{os.getpid()}-{time.time_ns()}")
        if distributed.is_first():
            (cache.folder / marker).touch()
        distributed.barrier()
        parts = (
            []
            if (cache.folder / marker).exists()
            else [(ids, made) for ids, made in cache.vectors() if np.isin(ids, wanted).any()]
        )
        for sent in distributed.gathered(parts):
            for ids, made in sent if distributed.is_first() else ():
                cache.add(ids, made)
        distributed.barrier()
        if distributed.is_first():
            (cache.folder / marker).unlink(missing_ok=True)


def gather(
    image_ids: list[str], backbones: list[tuple[int, list[Cache]]], spill: Path
) -> torch.Tensor:
    """Return float32 [n, all dimensions], a row per image_id: per backbone (dimensions, one cache
    per view) the mean over its views.

    A matrix too large for memory is kept in the file `spill`. Raises KeyError if features are
    missing.
    """
    matrix = _matrix(len(image_ids), sum(dimensions for dimensions, _ in backbones), spill)
    ids = np.array([image_id.encode() for image_id in image_ids], dtype="S64")
    order = np.argsort(ids, kind="stable")
    column = 0
    for dimensions, caches in backbones:
        for cache in caches:
            _add_view(
                matrix[:, column : column + dimensions],
                ids[order],
                order,
                cache.vectors(),
                1 / len(caches),
            )
        column += dimensions
    return torch.from_numpy(matrix)


def _matrix(rows: int, columns: int, spill: Path) -> np.ndarray:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if rows * columns * 4 <= SHARE_OF_MEMORY * memory or not rows:
        return np.zeros((rows, columns), np.float32)
    log(f"{rows} x {columns} features are kept in {spill}, {rows * columns * 4 / 2**30:.1f} GB")
    spill.parent.mkdir(parents=True, exist_ok=True)
    return np.memmap(spill, np.float32, "w+", shape=(rows, columns))


def _add_view(
    into: np.ndarray,
    ids: np.ndarray,
    order: np.ndarray,
    shards: Iterable[tuple[np.ndarray, np.ndarray]],
    share: float,
) -> None:
    """Add share * the vector of ids[i] to into[order[i]], once each; `ids` is sorted and may
    repeat."""
    found = np.zeros(len(ids), dtype=bool)
    for shard_ids, vectors in shards:
        position = np.argsort(shard_ids, kind="stable")
        at = np.searchsorted(shard_ids[position], ids)
        at[at == len(position)] = 0
        hits = (
            np.flatnonzero((shard_ids[position[at]] == ids) & ~found)
            if len(position)
            else np.empty(0, dtype=int)
        )
        into[order[hits]] += share * vectors[position[at[hits]]].astype(np.float32)
        found[hits] = True
    if not found.all():
        raise KeyError(f"{int((~found).sum())} photos have no cached features")
