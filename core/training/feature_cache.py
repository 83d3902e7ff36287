"""Read the feature cache and keep it within its size.

A training job stores the features of every photo in `<home>/features/<key>/`: files with
`image_ids` (sha256, 'S64') and `features` [n, dimensions], written atomically, of one backbone,
size, view and precision (see sm_scripts/fieldmark_ml/training/cache.py).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core import settings
from core.io import files

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.bytes_]
Places = npt.NDArray[np.intp]
# Stored as 16 or 32 bits.
Vectors = npt.NDArray[Any]

_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
# A folder touched more recently may be in use by a job that only reads it.
IN_USE_SECONDS = 3600
_TRIMMED = ".trimmed-"


def ids_of(image_ids: Sequence[str]) -> Ids:
    """Return the ids as the cache stores them."""
    return np.array([image_id.encode() for image_id in image_ids], dtype="S64")


def folder_for(backbone: Mapping[str, Any]) -> Path | None:
    """Return the folder of a backbone's features of the plain view, marked as used; None if there
    is none."""
    folders = list(settings.features_dir().iterdir())
    found = [path for path in folders if path.name == backbone.get("features")]
    if not found:
        # The model is older and doesn't name its folder, or the folder was trimmed. Several folders
        # differ in precision or in a file of weights; the one used last is this model's or
        # equivalent.
        arch = str(backbone["arch"]).replace("/", "_")
        name = re.escape(f"{arch}-{backbone['image_size']}-plain-")
        pattern = re.compile(rf"{name}\w+-[0-9a-f]{{12}}")
        found = [path for path in folders if pattern.fullmatch(path.name)]
    if not found:
        return None
    newest = max(found, key=lambda path: path.stat().st_mtime)
    os.utime(newest)
    return newest


def vector(folder: Path, image_id: str) -> Floats | None:
    """Return the features [dimensions] of one photo; None if the folder does not have it."""
    for _, vectors in matches(folder, ids_of([image_id])):
        return vectors[0].astype(np.float32)
    return None


def matches(folder: Path, ids: Ids) -> Iterator[tuple[Places, Vectors]]:
    """Yield positions in `ids` (sorted, unique) with their vectors, one file of the cache at a
    time, so that memory holds one file."""
    if not len(ids):
        return
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as stored:
                cached: Ids = stored["image_ids"]
                places = np.searchsorted(ids, cached)
                places[places == len(ids)] = 0
                wanted = np.flatnonzero(ids[places] == cached)
                if len(wanted):
                    yield places[wanted], stored["features"][wanted]
        except _UNREADABLE:
            # Damaged, or trimmed at this moment; the next training makes it again.
            continue


def read(
    folders: Sequence[str], image_ids: Sequence[str], dtype: npt.DTypeLike = np.float32
) -> tuple[Vectors, npt.NDArray[np.bool_]]:
    """Return the features [n, all dimensions] from these folders, side by side, for each photo, and
    which photos have them in every folder; rows of the others are 0. An id may occur more than
    once."""
    unique, rows = np.unique(ids_of(image_ids), return_inverse=True)
    parts, found = [], np.ones(len(unique), dtype=bool)
    for name in folders:
        part, there = _read_folder(settings.features_dir() / name, unique, dtype)
        parts.append(part)
        found &= there
    matrix = parts[0]
    if len(parts) > 1:
        matrix = np.concatenate(parts, axis=1)
    if np.array_equal(rows, np.arange(len(unique))):
        return matrix, found
    return matrix[rows], found[rows]


def _read_folder(
    folder: Path, ids: Ids, dtype: npt.DTypeLike
) -> tuple[Vectors, npt.NDArray[np.bool_]]:
    """Return the features of `ids` (sorted, unique), and which of them the folder has."""
    part, there = np.zeros((len(ids), 0), dtype), np.zeros(len(ids), dtype=bool)
    for places, vectors in matches(folder, ids):
        if not part.shape[1]:
            part = np.zeros((len(ids), vectors.shape[1]), dtype)
        part[places], there[places] = vectors, True
    return part, there


def keep(folder: str, image_ids: Sequence[str], values: Floats) -> None:
    """Add the features [n, d] of these photos to a folder of the cache, atomically."""
    where = files.folder_below(settings.features_dir(), folder)
    with files.atomic(where / f"{uuid.uuid4().hex}.npz") as file:
        np.savez(file, image_ids=ids_of(image_ids), features=values)


def trim(limit: int = settings.MAX_FEATURE_CACHE_BYTES) -> list[str]:
    """Remove the cached features and converted networks that were used longest ago, until `limit`
    bytes are left.

    Folders that a job is adding to (it holds the folder's lock) or that were used within the last
    hour are kept. Returns the names of what was removed.
    """
    root = settings.features_dir()
    for leftover in root.glob(f"{_TRIMMED}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    folders = [
        path
        for path in [*root.iterdir(), *(root / "networks").glob("*")]
        if path.is_dir() and path.name != "networks"
    ]
    entries = sorted((_used(path), _size(path), path) for path in folders)
    total, removed = sum(size for _, size, _ in entries), []
    for _, size, path in entries:
        if total > limit and _remove(path):
            total -= size
            removed.append(path.name)
    return removed


def _remove(path: Path) -> bool:
    """Remove the folder if it is free; return whether it is gone. It is renamed first, so that no
    reader finds half of it."""
    try:
        with _held(path) as free:
            if not free or time.time() - _used(path) < IN_USE_SECONDS:
                return False
            doomed = settings.features_dir() / f"{_TRIMMED}{uuid.uuid4().hex}"
            path.rename(doomed)
    except FileNotFoundError:
        return False
    shutil.rmtree(doomed, ignore_errors=True)
    return True


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Take the lock that a job holds while it adds to this folder; yield whether it was free."""
    used = path.stat()
    with (path / "lock").open("a") as file:
        # Creating the lock file does not count as using the features.
        os.utime(path, ns=(used.st_atime_ns, used.st_mtime_ns))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _used(path: Path) -> float:
    """Return when the folder was last written to or opened by a job, which touches it; 0 if it is
    gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        # A job's temporary file may be renamed at this moment.
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total
