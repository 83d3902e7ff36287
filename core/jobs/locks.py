"""The lock of a run folder: the process that runs the job holds it until it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.jobs.run_folder import RunFolder

RELEASE_SECONDS = 5.0
# A reader holds a lock for microseconds.
READER_SECONDS = 0.2


@contextmanager
def at_rest(folder: RunFolder, patience: float) -> Iterator[bool]:
    """Yield whether nothing runs in a job's folder; nothing can start there during the block. A
    process that has written its final status gets `patience` seconds to release the lock. Two
    blocks of one folder wait for each other."""
    with _one_at_a_time(folder.path), _rested(folder.lock, patience) as rests:
        yield rests


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock of the folder itself, which nothing else takes."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _rested(lock: Path, patience: float) -> Iterator[bool]:
    try:
        handle = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        yield True
        return
    try:
        until = time.monotonic() + max(patience, READER_SECONDS)
        while not (free := _taken(handle)) and time.monotonic() < until:
            time.sleep(0.02)
        yield free
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(lock: Path) -> bool:
    """Return whether a live process holds the job's lock. Tries a shared lock, so that two readers
    never block each other."""
    try:
        handle = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


def is_released(lock: Path, seconds: float = RELEASE_SECONDS) -> bool:
    """Return whether nobody holds the job's lock, within some seconds: a process that has written
    its final status is about to end."""
    until = time.monotonic() + seconds
    while held := is_locked(lock):
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    return not held
