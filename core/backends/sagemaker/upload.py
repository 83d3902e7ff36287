"""Uploads a dataset version: every photo once, named by its content, in parallel; photos already in
the bucket are skipped."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from core.aws import connection, storage
from core.aws.storage import IMAGES, Store
from core.datasets import manifest, remote, store
from core.errors import BackendError
from core.io import files

logger = logging.getLogger(__name__)

THREADS = 16
# Photos queued at a time, so that memory stays constant.
AT_A_TIME = 2_000
# Up to this many photos, checking each one is faster than listing the bucket.
ASK_EACH = 2_000
SAMPLE = 20
REPORT_SECONDS = 1.0
NAMED = 5
USED = ("train", "validation", "test")
READY = "images.manifest"
TABLE = "manifest.csv"


@dataclass(frozen=True)
class Progress:
    """The progress of an upload.

    `there` photos were in the bucket already; `unreadable` can't be read on this machine.
    """

    done: int
    total: int
    there: int
    sent_bytes: int
    bytes_per_second: float
    unreadable: int = 0

    @property
    def seconds_left(self) -> float | None:
        sent = self.done - self.there - self.unreadable
        if not sent or not self.bytes_per_second:
            return None
        return (self.total - self.done) * (self.sent_bytes / sent) / self.bytes_per_second


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Uploaded:
    """The URIs of an uploaded version: `images` is a ManifestFile of its photos, `table` its
    manifest.csv."""

    images: str
    table: str
    photos: int


def version(
    to: Store,
    dataset_id: str,
    version_id: str,
    folder: Path,
    report: Report,
    check_stop: Callable[[], None],
) -> Uploaded:
    """Upload the missing photos of a version and return its URIs.

    `folder` gets the job's copy of manifest.csv. An interrupted upload continues: photos are
    checked one by one, and their list is written last. `check_stop` is called often and may raise.
    """
    frame = manifest.read(store.version(dataset_id, version_id).manifest_path)
    used = frame[frame["split"].isin(USED) & (frame["problem"] == "")]
    keys = pd.Series(
        [
            storage.image_key(image_id, path)
            for image_id, path in zip(used["image_id"], used["path"], strict=True)
        ],
        used.index,
    )
    table = _table(frame, keys, folder / TABLE)
    where = f"datasets/{dataset_id}/{version_id}/{hashlib.sha256(table).hexdigest()[:12]}"
    found = Uploaded(to.uri(f"{where}/{READY}"), to.uri(f"{where}/{TABLE}"), len(keys))
    if to.has(f"{where}/{READY}") and not _any_missing(to, list(keys)):
        report(Progress(len(keys), len(keys), len(keys), 0, 0.0))
        return found
    root = store.dataset(dataset_id).root
    photos = {
        key: (root / path, image_id)
        for key, path, image_id in zip(keys, used["path"], used["image_id"], strict=True)
    }
    sending = Sending(to, photos, report, check_stop, remote.origins(root, list(used["path"])))
    sending.run()
    to.put(f"{where}/{TABLE}", table)
    listed = sorted(key for key in photos if key not in sending.unreadable)
    to.put(f"{where}/{READY}", json.dumps([{"prefix": f"{to.uri(IMAGES)}/"}, *listed]).encode())
    return found


def _table(frame: pd.DataFrame, keys: pd.Series[str], path: Path) -> bytes:
    """Return manifest.csv with a column `key`: the photo's location below the images channel."""
    manifest.write_csv(frame, path)
    text = pd.read_csv(path, dtype=str, keep_default_na=False)
    text["key"] = keys.reindex(frame.index).fillna("").to_numpy()
    data: bytes = text.to_csv(index=False, lineterminator="\n").encode()
    files.write_bytes(path, data)
    return data


def _any_missing(to: Store, keys: list[str]) -> bool:
    """Return whether a photo of a random sample is missing: the bucket may have been emptied."""
    chosen = random.sample(keys, min(SAMPLE, len(keys)))
    with ThreadPoolExecutor(THREADS) as pool:
        return not all(pool.map(lambda key: to.has(f"{IMAGES}/{key}"), chosen))


@dataclass
class Sending:
    """One upload of photos: key -> (file, sha256).

    Missing or changed files are counted and left out, as in training.
    """

    to: Store
    photos: dict[str, tuple[Path, str]]
    report: Report
    check_stop: Callable[[], None]
    # The S3 objects of files that come from S3 and may be copied there.
    origins: dict[Path, remote.Origin] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    _done: int = 0
    _there: int = 0
    _bytes: int = 0
    _said: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Upload the photos. Raises BackendError if AWS rejects a request, and what `check_stop`
        raises."""
        started = time.monotonic()
        with ThreadPoolExecutor(THREADS) as pool:
            there = self._present(pool.map)
            missing = [key for key in self.photos if key not in there]
            self._done = self._there = len(there)
            try:
                for start in range(0, len(missing), AT_A_TIME):
                    for future in [
                        pool.submit(self._send, key) for key in missing[start : start + AT_A_TIME]
                    ]:
                        future.result()
                        self.check_stop()
                        if time.monotonic() - self._said > REPORT_SECONDS:
                            self._say(started)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._say(started)
        self._check()

    def _present(
        self, mapped: Callable[[Callable[[str], bool], Iterable[str]], Iterable[bool]]
    ) -> set[str]:
        """Return the photos that are in the bucket already."""
        if len(self.photos) <= ASK_EACH:
            flags = mapped(lambda key: self.to.has(f"{IMAGES}/{key}"), self.photos)
            return {key for key, there in zip(self.photos, flags, strict=True) if there}
        found: set[str] = set()

        def listed(group: str) -> bool:
            prefix = f"{IMAGES}/{group}/"
            found.update(name.removeprefix(f"{IMAGES}/") for name in self.to.keys(prefix))
            return True

        list(mapped(listed, sorted({key[:2] for key in self.photos})))
        return found & set(self.photos)

    def _send(self, key: str) -> None:
        path, image_id = self.photos[key]
        if path in self.origins and self._copied(key, self.origins[path]):
            with self._lock:
                self._done += 1
            return
        try:
            data = path.read_bytes()
            problem = ""
            if hashlib.sha256(data).hexdigest() != image_id:
                problem = "it changed after the import"
        except OSError as error:
            data, problem = b"", error.strerror or str(error)
        if problem:
            with self._lock:
                self.unreadable[key] = f"{path}: {problem}"
                self._done += 1
            return
        connection.retry(lambda: self.to.put(f"{IMAGES}/{key}", data), self.check_stop)
        with self._lock:
            self._done += 1
            self._bytes += len(data)

    def _copied(self, key: str, origin: remote.Origin) -> bool:
        """Copy the photo inside S3; return False if S3 rejects that: then this machine uploads
        it."""
        try:
            connection.retry(
                lambda: self.to.take(origin.bucket, origin.key, origin.etag, f"{IMAGES}/{key}"),
                self.check_stop,
            )
            return True
        except BackendError:
            remote.bring(origin.root, [origin.path])
            return False

    def _say(self, started: float) -> None:
        self._said = time.monotonic()
        with self._lock:
            rate = self._bytes / max(time.monotonic() - started, 1e-6)
            now = Progress(
                self._done, len(self.photos), self._there, self._bytes, rate, len(self.unreadable)
            )
        self.report(now)

    def _check(self) -> None:
        if self.unreadable and len(self.unreadable) == len(self.photos):
            first = "; ".join(list(self.unreadable.values())[:NAMED])
            raise BackendError(
                "None of the photos can be read on this machine. Was the folder moved? First "
                f"errors: {first}."
            )
        for text in self.unreadable.values():
            logger.warning("Photo left out: %s", text)
