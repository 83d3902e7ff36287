"""Features: each photo goes through the frozen backbone once, and the vector it becomes is kept under the photo's content.

The cache is a folder per key (backbone, weights, preprocessing, view, arithmetic) of `<uuid>.npz` shards, only ever added to:
`image_ids` (sha256, 64 characters) and `features` [n, dimensions]. One job at a time adds to a key; others wait, then read.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import preprocessing
import torch
from data import Photos
from forms import Form
from images import BadImage
from preprocessing import Preprocessing
from runtime import check_stop, log, metrics, stop_asked, write_atomic

FORMAT = 1
FLUSH_SECONDS = 10.0
REPORT_SECONDS = 2.0
FLUSH_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Recipe:
    """Everything that a feature vector depends on besides the photo."""

    arch: str
    weights: str
    how: Preprocessing
    view: str
    precision: str

    def key(self) -> str:
        text = json.dumps([FORMAT, asdict(self)], sort_keys=True)
        readable = f"{self.arch.replace('/', '_')}-{self.how.image_size}-{self.view}-{self.precision}"
        return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class Cache:
    """The features of one recipe in `<root>/<key>/`."""

    def __init__(self, root: Path, recipe: Recipe) -> None:
        self.folder = root / recipe.key()
        # Half the space; bf16 has fewer digits than float16, so nothing is lost where it is used.
        self.dtype = np.float16 if recipe.precision == "bf16" else np.float32
        self.folder.mkdir(parents=True, exist_ok=True)

    def read(self, image_ids: np.ndarray, into: np.ndarray) -> np.ndarray:
        """Fills the rows of `into` whose photo is cached; bool [n], which rows those were. `image_ids` is a sorted 'S64' array."""
        found = np.zeros(len(image_ids), dtype=bool)
        for path in sorted(self.folder.glob("*.npz")):
            try:
                with np.load(path, allow_pickle=False) as shard:
                    ids, features = shard["image_ids"], shard["features"]
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                log(f"cached features in {path} cannot be read and are made again: {error}")
                continue
            rows = np.searchsorted(image_ids, ids)
            rows[rows == len(image_ids)] = 0
            wanted = np.flatnonzero((image_ids[rows] == ids) & ~found[rows]) if len(image_ids) else np.empty(0, dtype=int)
            into[rows[wanted]] = features[wanted]
            found[rows[wanted]] = True
        return found

    def add(self, image_ids: list[bytes], features: np.ndarray) -> None:
        """Appends a shard, whole or not at all."""
        buffer = io.BytesIO()
        np.savez(buffer, image_ids=np.array(image_ids, dtype="S64"), features=features.astype(self.dtype))
        write_atomic(self.folder / f"{uuid.uuid4().hex}.npz", buffer.getvalue())

    @contextmanager
    def sole_writer(self) -> Iterator[None]:
        """Holds the key's lock, so that two jobs do not make the same features at once."""
        with open(self.folder / "lock", "a") as file:
            said = 0.0
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    check_stop()
                    if time.monotonic() - said > FLUSH_SECONDS:
                        log(f"another job is making these features ({self.folder.name}); waiting for it")
                        said = time.monotonic()
                    time.sleep(0.1)
            yield


class Extraction:
    """Makes features that are missing: threads that each decode a batch and run it, so that decoding and the network overlap."""

    def __init__(self, photos: Photos, rows: np.ndarray, form: Form, how: Preprocessing, caches: dict[str, Cache]) -> None:
        self.photos, self.form, self.how, self.caches = photos, form, how, caches
        self.batches = iter([rows[start : start + form.batch] for start in range(0, len(rows), form.batch)])
        self.total, self.done = len(rows), 0
        self.lock, self.saving = threading.Lock(), threading.Lock()
        self.waiting: list[tuple[list[bytes], dict[str, np.ndarray]]] = []
        self.bad: dict[int, str] = {}
        self.errors: list[BaseException] = []
        self.started = time.monotonic()

    def run(self) -> None:
        """Raises Stopped after saving what is done where a stop was asked for, and the first error of any thread."""
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self.form.workers)]
        for thread in threads:
            thread.start()
        saved = said = time.monotonic()
        while any(thread.is_alive() for thread in threads):
            threads[0].join(0.05) if threads[0].is_alive() else time.sleep(0.02)
            now = time.monotonic()
            if now - saved > FLUSH_SECONDS or sum(part.nbytes for _, made in self.waiting for part in made.values()) > FLUSH_BYTES:
                self.save()
                saved = now
            if now - said > REPORT_SECONDS:
                self.report()
                said = now
        self.save()
        for row, reason in sorted(self.bad.items()):
            self.photos.mark_bad(row, reason)
        if self.errors:
            raise self.errors[0]
        check_stop()
        self.report()

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
                with open(self.photos.files[row], "rb") as file:
                    picture = preprocessing.decode(file.read())
                pictures.append(preprocessing.prepare(picture, self.how))
                image_ids.append(self.photos.image_ids[row].encode())
            except BadImage as error:
                self.bad[int(row)] = str(error)
            except OSError as error:
                self.bad[int(row)] = error.strerror or str(error)
        made = {}
        if pictures:
            batch = torch.stack(pictures)
            made = {view: self.form(VIEW[view](batch)).numpy() for view in self.caches}
        with self.lock:
            self.done += len(rows)
            if made:
                self.waiting.append((image_ids, made))

    def save(self) -> None:
        with self.lock:
            parts, self.waiting = self.waiting, []
        if parts:
            image_ids = [image_id for ids, _ in parts for image_id in ids]
            for view, cache in self.caches.items():
                cache.add(image_ids, np.concatenate([made[view] for _, made in parts]))

    def report(self) -> None:
        rate = self.done / max(time.monotonic() - self.started, 1e-6)
        metrics(epoch=0, features_done=self.done, features_total=self.total, images_per_second=round(rate, 1), eta_seconds=round((self.total - self.done) / max(rate, 1e-6), 1))


VIEW: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"plain": lambda batch: batch, "flip": lambda batch: batch.flip(3)}


def cache_root(checkpoint_dir: Path) -> Path:
    """The `features` channel, or, so that a spot job restarted elsewhere still has them, a folder beside the checkpoints."""
    return Path(os.environ.get("SM_CHANNEL_FEATURES") or checkpoint_dir / "features")


def of_backbone(photos: Photos, recipes: dict[str, Recipe], root: Path, dimensions: int, make_form: Callable[[], Form]) -> np.ndarray:
    """float32 [photos, dimensions]: the mean over the views of one backbone, from the cache or made now; bad photos are marked.

    `recipes` has one recipe per view. `make_form` is called only where something is missing.
    """
    caches = {view: Cache(root, recipe) for view, recipe in recipes.items()}
    ids = np.array([image_id.encode() for image_id in photos.image_ids], dtype="S64")
    order = np.argsort(ids, kind="stable")
    unique, first = np.unique(ids, return_index=True)
    values = {view: np.zeros((len(unique), dimensions), np.float32) for view in caches}
    usable = ~np.isin(first, list(photos.bad))

    def read() -> np.ndarray:
        return np.logical_and.reduce([cache.read(unique, values[view]) for view, cache in caches.items()])

    found = read()
    if not (found | ~usable).all():
        with next(iter(caches.values())).sole_writer():
            found = read()
            missing = first[~found & usable]
            if len(missing):
                form = make_form()
                log(f"{len(missing)} of {len(unique)} photos need features: {form.name}, batches of {form.batch}, {form.workers} workers")
                extraction = Extraction(photos, np.sort(missing), form, next(iter(recipes.values())).how, caches)
                extraction.run()
                found = read()
    else:
        log(f"features of all {len(unique)} photos are cached ({', '.join(cache.folder.name for cache in caches.values())})")
    mean = sum(values.values()) / len(values)
    result = np.empty((len(ids), dimensions), np.float32)
    result[order] = mean[np.searchsorted(unique, ids[order])]
    for row in np.flatnonzero(~found[np.searchsorted(unique, ids)]):
        photos.mark_bad(int(row), "no features could be made of it")
    return result
