"""Cached features: a folder per recipe, append-only files, one writer at a time.

`<root>/<key>/<uuid>.npz` holds `image_ids` (sha256, 64 characters) and `features` [n, dimensions].
Files are written atomically, so readers need no lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from fieldmark_ml.photos.preprocessing import Preprocessing
from fieldmark_ml.runtime import check_stop, log, say_phase, write_atomic

FORMAT = 1
SECONDS_BETWEEN_NOTICES = 10.0
MAX_NAME = 200
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Recipe:
    """Everything except the photo that a feature vector depends on."""

    arch: str
    weights: str
    how: Preprocessing
    view: str
    precision: str

    def key(self) -> str:
        text = json.dumps([FORMAT, asdict(self)], sort_keys=True)
        readable = (
            f"{self.arch.replace('/', '_')}-{self.how.image_size}-{self.view}-{self.precision}"
        )
        return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class Cache:
    """The features of one recipe."""

    def __init__(self, root: Path, recipe: Recipe) -> None:
        self.folder = root / recipe.key()
        # Features of earlier jobs, read only: a channel on SageMaker.
        self.earlier: Path | None = None
        if "SM_CHANNEL_CACHED" in os.environ:
            self.earlier = Path(os.environ["SM_CHANNEL_CACHED"]) / recipe.key()
        # Half the space; bf16 has fewer digits than float16, so nothing is lost.
        self.dtype = np.float16 if recipe.precision == "bf16" else np.float32
        self.folder.mkdir(parents=True, exist_ok=True)
        # The cache's limit is kept by removing the least recently used folders.
        os.utime(self.folder)

    def image_ids(self) -> np.ndarray:
        """Return every cached image_id, 'S64', unsorted."""
        found = [ids for _, ids in self._shards()]
        if not found:
            return np.empty(0, dtype="S64")
        return np.concatenate(found)

    def vectors(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (image_ids, features) file by file, so that only one is in memory."""
        for path, ids in self._shards():
            try:
                with np.load(path, allow_pickle=False) as shard:
                    yield ids, shard["features"]
            except _UNREADABLE as error:
                log(f"cached features in {path} cannot be read: {error}")

    def _shards(self) -> Iterator[tuple[Path, np.ndarray]]:
        paths = sorted(self.folder.glob("*.npz"))
        if self.earlier:
            paths += sorted(self.earlier.glob("*.npz"))
        for path in paths:
            try:
                with np.load(path, allow_pickle=False) as shard:
                    yield path, shard["image_ids"]
            except _UNREADABLE as error:
                log(f"cached features in {path} cannot be read and are computed again: {error}")
                if not isinstance(error, OSError) and path.parent == self.folder:
                    path.unlink(missing_ok=True)

    def add(self, image_ids: np.ndarray, features: np.ndarray) -> None:
        """Add a file atomically."""
        buffer = io.BytesIO()
        np.savez(buffer, image_ids=image_ids, features=features.astype(self.dtype))
        write_atomic(self.folder / f"{uuid.uuid4().hex}.npz", buffer.getvalue())

    @contextmanager
    def sole_writer(self) -> Iterator[None]:
        """Hold the folder's lock, so that two jobs do not compute the same features.

        The lock file names the job that holds it. While waiting, log that job, and repeat it from
        time to time, so that a waiting job does not look like a hanging one.
        """
        with open(self.folder / "lock", "a+") as file:
            self._wait_for(file)
            file.truncate(0)
            file.write(os.environ.get("TRAINING_JOB_NAME", ""))
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def _wait_for(self, file: TextIO) -> None:
        said, name = -SECONDS_BETWEEN_NOTICES, None
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                check_stop()
            else:
                break
            file.seek(0)
            other = file.read(MAX_NAME)
            if other != name or time.monotonic() - said > SECONDS_BETWEEN_NOTICES:
                say_phase("waiting", other)
                log(
                    f"{other or 'another job'} is computing these features ({self.folder.name}); "
                    "waiting for it"
                )
                said, name = time.monotonic(), other
            time.sleep(0.1)
        if name is not None:
            say_phase("features")
