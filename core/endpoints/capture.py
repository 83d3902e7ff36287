"""The stored requests of an endpoint: a sample of its photos with their answers, within limits, in
its run folder.

<run folder>/output/captured/<segment>/  answers.jsonl, a line per photo; the photos, unchanged

A segment is a tenth of the limits. When they are reached, the oldest segment is deleted.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Full, Queue

import pandas as pd

from core import settings
from core.errors import NotFound
from core.io import files
from core.jobs.run_folder import RunFolder
from core.jobs.specs import EndpointSpec
from core.jobs.status.endpoints import Answer

logger = logging.getLogger(__name__)

ANSWERS = "answers.jsonl"
SEGMENTS = 10
# Photos waiting to be written; a slow disk loses samples, not answers.
MAX_WAITING = 256
COLUMNS = (
    "time",
    "image_id",
    "file",
    "prediction",
    "probability",
    "unsure",
    "unfamiliar",
    "latency_ms",
    "answer",
)


@dataclass(frozen=True)
class Limits:
    """How much is stored."""

    photos: int
    size_bytes: int


def folder_of(folder: RunFolder) -> Path:
    return folder.output / "captured"


class Keeper:
    """Writes photos with their answers into segments, and deletes the oldest.

    For one writer at a time.
    """

    def __init__(self, folder: RunFolder, limits: Limits) -> None:
        self._root, self._limits = folder_of(folder), limits
        self._segment: Path | None = None
        self._number = 0
        self._photos = self._bytes = 0

    def keep(self, moment: float, photo: bytes, answer: Answer) -> None:
        """Store a photo; `moment` in seconds since 1970.

        Raises OSError if it can't be written or the disk is nearly full.
        """
        if (
            self._segment is None
            or self._photos * SEGMENTS >= self._limits.photos
            or self._bytes * SEGMENTS >= self._limits.size_bytes
        ):
            self._segment = self._begin_segment(moment)
        name = f"{self._photos:06}"
        _write(self._segment / name, photo)
        line = {
            "time": moment,
            "image_id": hashlib.sha256(photo).hexdigest(),
            "file": name,
            **answer,
        }
        _write(self._segment / ANSWERS, (json.dumps(line, ensure_ascii=False) + "\n").encode())
        self._photos += 1
        self._bytes += len(photo)

    def _begin_segment(self, moment: float) -> Path:
        for oldest in _segments(self._root)[: -(SEGMENTS - 1)]:
            shutil.rmtree(oldest, ignore_errors=True)
        self._number += 1
        segment = self._root / f"{int(1000 * moment):015}-{self._number:06}"
        files.folder_below(self._root.parent, self._root.name)
        segment.mkdir(exist_ok=True)
        for folder in (self._root, segment):
            folder.chmod(0o700)
        self._photos = self._bytes = 0
        if shutil.disk_usage(self._root).free < settings.MIN_FREE_BYTES:
            raise OSError(errno.ENOSPC, "the disk is nearly full")
        return segment


def _write(path: Path, data: bytes) -> None:
    """Append to a file that only its owner can read: people send photos of people."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(handle, "ab") as output:
        output.write(data)


class Recorder:
    """Writes a sample of photos and answers in a thread, without slowing down the server."""

    def __init__(self, folder: RunFolder, spec: EndpointSpec) -> None:
        self._share = spec.capture_share
        self._keeper = Keeper(folder, Limits(spec.capture_photos, spec.capture_bytes))
        self._queue: Queue[tuple[float, bytes, Answer] | None] = Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    def offer(self, photo: bytes, answer: Answer) -> None:
        """Store the photo or not, at random; return at once."""
        if random.random() < self._share:
            try:
                self._queue.put_nowait((time.time(), photo, answer))
            except Full:
                return

    def close(self, seconds: float = 5.0) -> None:
        """Write the waiting photos."""
        self._queue.put(None)
        self._thread.join(seconds)

    def _write_all(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                if self._share:
                    self._keeper.keep(*item)
            except (OSError, NotFound) as error:
                why = str(error)
                if isinstance(error, OSError):
                    why = files.os_reason(error)
                logger.warning("Photos are no longer stored: %s", why)
                self._share = 0.0


def read(folder: RunFolder) -> pd.DataFrame:
    """Return the stored requests, oldest first, with COLUMNS.

    `time` in seconds since 1970, `file` below `folder_of`, `answer` the top-k entries. Incomplete
    lines are skipped.
    """
    rows = [row for segment in _segments(folder_of(folder)) for row in _rows(segment)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(
        {
            "time": float,
            "probability": float,
            "latency_ms": float,
            "unsure": bool,
            "unfamiliar": bool,
        }
    )


def stamp(folder: RunFolder) -> tuple[int, float]:
    """Return a value that changes whenever `read` would return something else."""
    written = [
        path.stat()
        for segment in _segments(folder_of(folder))
        if (path := segment / ANSWERS).exists()
    ]
    return sum(status.st_size for status in written), max(
        (status.st_mtime for status in written), default=0.0
    )


def _segments(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _rows(segment: Path) -> Iterator[dict[str, object]]:
    try:
        lines = (segment / ANSWERS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            entry = json.loads(line)
            best = entry["predictions"][0]
            yield {
                "time": float(entry["time"]),
                "image_id": str(entry["image_id"]),
                "file": f"{segment.name}/{entry['file']}",
                "prediction": str(best["label"]),
                "probability": float(best["probability"]),
                "unsure": bool(entry["unsure"]),
                "unfamiliar": bool(entry["unfamiliar"]),
                "latency_ms": float(entry.get("latency_ms") or float("nan")),
                "answer": entry["predictions"],
            }
        except (ValueError, KeyError, TypeError, IndexError):
            # An incomplete line of a server that was killed.
            continue
