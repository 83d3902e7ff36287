"""CheckpointConfig: a folder of the container that follows S3, and comes back from there into the next container."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path, PurePosixPath
from typing import Any

from tests.sagemaker.emulator.container import ML
from tests.sagemaker.emulator.errors import JobFailure
from tests.sagemaker.emulator.storage import Storage, below, split


class Checkpoints:
    """Files are uploaded when they are new or have changed; what the container deletes stays in S3, as it does on AWS."""

    def __init__(self, storage: Storage, config: dict[str, str] | None) -> None:
        self._storage = storage
        self._uri = config["S3Uri"].rstrip("/") if config else ""
        path = (
            PurePosixPath(config.get("LocalPath") or f"{ML}/checkpoints")
            if config
            else PurePosixPath(ML)
        )
        self._path = path.relative_to(ML) if path.is_relative_to(ML) else None
        self._seen: dict[Path, tuple[int, int]] = {}
        self._next = 0.0

    def restore(self, ml: Path) -> None:
        """What is in S3, into the container's folder."""
        if not self._uri:
            return
        if self._path is None:
            raise JobFailure(f"ClientError: the emulator only has checkpoints below {ML}")
        folder = ml / self._path
        folder.mkdir(parents=True, exist_ok=True)
        bucket, prefix = split(self._uri)
        found = {
            key: folder / below(key, prefix) for key, _, _ in self._storage.keys(f"{self._uri}/")
        }
        self._storage.fetch(bucket, found)
        self._seen.update({path: _stamp(path) for path in found.values()})

    def sync(self, machines: list[Path], seconds: float, *, last: bool) -> None:
        """Upload what has changed, at most every `seconds`."""
        if not self._uri or self._path is None or (not last and time.monotonic() < self._next):
            return
        self._next = time.monotonic() + seconds
        for ml in machines:
            self._upload(ml / self._path)

    def _upload(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                stamp = _stamp(path)
                if path.is_file() and self._seen.get(path) != stamp:
                    self._storage.put(f"{self._uri}/{path.relative_to(folder)}", path.read_bytes())
                    self._seen[path] = stamp


def _stamp(path: Path) -> tuple[int, int]:
    status: Any = path.stat()
    return status.st_size, status.st_mtime_ns
