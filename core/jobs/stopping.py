"""How a worker's run ends besides well and badly, and work that a stop need not wait for.

A drive or a network that never answers holds a thread, and no thread can be ended. The classes are
not in the worker's module: that one runs as a program, whose classes nobody imports.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from core.io import files

T = TypeVar("T")

# What work gets to end in an orderly way once its job was asked to stop.
GRACE_SECONDS = 2.5
LOOK_SECONDS = 0.1


class Stopped(Exception):
    """The job ended because it was asked to; its text, where it has one, says by whom."""


class Left(Exception):
    """The watcher goes, and the job that it watched goes on elsewhere."""


class Stoppable(Protocol):
    """What is asked of a worker here; its own module imports this one."""

    @property
    def stopping(self) -> bool: ...


def unless_stopped(worker: Stoppable, work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises. Raises Stopped where the job was asked to stop and `work` does not end in
    time: what it was making is removed, and its thread goes with this process, which has to end now."""
    ended: dict[str, T] = {}
    failed: list[BaseException] = []

    def run() -> None:
        try:
            ended["with"] = work()
        except BaseException as error:  # raised below
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    _wait(worker, thread)
    if failed:
        raise failed[0]
    return ended["with"]


def _wait(worker: Stoppable, thread: threading.Thread) -> None:
    until = None
    while thread.is_alive():
        thread.join(LOOK_SECONDS)
        if until is None and worker.stopping:
            until = time.monotonic() + GRACE_SECONDS
        if until is not None and time.monotonic() > until and thread.is_alive():
            files.remove_unfinished()
            raise Stopped
