"""Stop requests, the exceptions that end a worker's run, and work that a stop need not wait for.

A drive or a network that never answers blocks a thread, and no thread can be ended. The classes are
not in the worker's module, because that one runs as a program.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol, TypeVar

from core.errors import BackendError
from core.io import files
from core.jobs.run_folder import RunFolder
from core.jobs.status import causes
from core.jobs.status.causes import BY_USER, Cause, Ending

T = TypeVar("T")

# The time that work gets to end after its job was asked to stop.
GRACE_SECONDS = 2.5
LOOK_SECONDS = 0.1


class Stopped(Exception):
    """The job ended because it was asked to; the message, if any, says by whom."""

    def __init__(self, reason: str = "", cause: Cause = Cause.USER) -> None:
        super().__init__(reason)
        self.cause = cause


class Failed(BackendError):
    """The job failed for a known reason."""

    def __init__(self, reason: str, cause: Cause) -> None:
        super().__init__(reason)
        self.cause = cause


class Left(Exception):
    """The watcher goes, and the job that it watched goes on elsewhere."""


class Stoppable(Protocol):
    """The part of the worker used here; the worker's own module imports this one."""

    @property
    def stopping(self) -> bool: ...


def ask_to_stop(folder: RunFolder, why: Ending = BY_USER) -> None:
    """Leave a stop request for the job's process; the first one counts. Raises Unwritable if it
    can't be written."""
    with files.there(folder.path, "job"):
        try:
            with folder.stop_request.open("x") as request:
                if why != BY_USER:
                    json.dump(asdict(why), request)
        except FileExistsError:
            return
        except OSError as error:
            raise files.unwritable(error, folder.stop_request) or error from error


def why_asked(folder: RunFolder) -> Ending:
    """Return the request's content; a person's click leaves it empty, a signal leaves none."""
    try:
        text = folder.stop_request.read_text()
    except FileNotFoundError:
        return BY_USER
    if not text:
        return BY_USER
    try:
        values = json.loads(text)
    except ValueError:  # an older version wrote the reason alone
        return Ending(text, causes.of_old_reason("Stopped", text))
    return Ending(str(values["reason"]), Cause(values["cause"]))


def unless_stopped(worker: Stoppable, work: Callable[[], T]) -> T:
    """Return the result of `work`, or raise its error. Raises Stopped if the job was asked to stop
    and `work` does not end in time: its partial result is removed, and its thread ends with this
    process."""
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
