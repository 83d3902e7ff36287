"""The lock of a run folder: whoever runs its job holds it for life."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.jobs.run_folder import RunFolder

RELEASE_SECONDS = 5.0


@contextmanager
def at_rest(folder: RunFolder, patience: float) -> Iterator[bool]:
    """Whether nothing runs in a job's folder, and nothing can begin to while the block runs. A
    process that has written how its job ended is given some seconds in which it lets go."""
    try:
        handle = os.open(folder.lock, os.O_RDONLY)
    except FileNotFoundError:
        yield True
        return
    try:
        until = time.monotonic() + patience
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
    """Whether a live process holds the job's lock. A shared try, so that two readers never see each
    other."""
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
    """Whether nobody holds the job's lock any more, within some seconds: a process that has written
    how its job ended is about to end."""
    until = time.monotonic() + seconds
    while held := is_locked(lock):
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    return not held
