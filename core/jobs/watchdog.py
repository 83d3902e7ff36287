"""Signs of life of a process and all that it started: work it does for the processor or the disk,
lines in its log.

A slow process on a busy machine still gets some of a core, and one that waits for another job says
so in its log every few seconds. One whose threads wait for each other does neither, for ever. What
the rules are:

- A training or extraction script that is silent for SILENT_SECONDS is killed and started again,
  once, as a new interpreter: features and checkpoints are kept, so that it goes on where it was. If
  it is silent again, the job is Failed, with the phase and what to do (script_runs.py).
- Any other worker that is silent for SILENT_WORKER_SECONDS is killed by whoever looks at the job,
  and the job is Failed (backend.py).
- A job that was asked to stop and is silent for STOP_SILENT_SECONDS is killed.
- From SILENT_SAID_SECONDS on the job's page says how long there was no sign of life, and what will
  happen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from core import settings

LOOK_SECONDS = 0.5
# Of one core, since the last sign of life: a loop that only polls uses less.
LEAST_SHARE = 0.02
LEAST_SECONDS = 0.02
# Entries of processes that nobody has asked about for this long are dropped.
KEPT_JOBS = 512


@dataclass(frozen=True)
class Vitals:
    """Seconds of processor time, bytes read and written, and bytes of the log, of all processes
    together."""

    seconds: float
    bytes: int
    log: int


def vitals(pid: int, log: Path) -> Vitals:
    """Return the work of the process `pid` and its descendants so far; a missing process counts as
    none."""
    seconds, moved = 0.0, 0
    for process in _tree(pid):
        with suppress(psutil.Error):
            used = process.cpu_times()
            seconds += used.user + used.system
            moved += _moved(process)
    with suppress(FileNotFoundError):
        return Vitals(seconds, moved, log.stat().st_size)
    return Vitals(seconds, moved, 0)


def _tree(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)


def _moved(process: psutil.Process) -> int:
    """Return the bytes of reads and writes, and of page faults, if the system counts them."""
    if not hasattr(process, "io_counters"):
        return 0
    moved = process.io_counters()
    return int(sum(moved[2:]))


class Watchdog:
    """How long a process has given no sign of life, in seconds that this process itself was
    awake."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid, self.log = pid, log
        self.silent = 0.0
        self._lock = threading.Lock()
        self._last = vitals(pid, log)
        self._looked = time.monotonic()

    def look(self) -> float:
        """Return the seconds since the last sign of life; checks at most every LOOK_SECONDS."""
        with self._lock:
            passed = time.monotonic() - self._looked
            if passed >= LOOK_SECONDS:
                self._looked += passed
                # This process may have been suspended as well: nothing is known of the time in
                # between.
                self._count(min(passed, 2 * LOOK_SECONDS))
            return self.silent

    def restart(self) -> None:
        """Start counting from now."""
        with self._lock:
            self._last, self.silent, self._looked = (
                vitals(self.pid, self.log),
                0.0,
                time.monotonic(),
            )

    def _count(self, passed: float) -> None:
        self.silent += passed
        now, last = vitals(self.pid, self.log), self._last
        worked = now.seconds - last.seconds
        # Less than before: a descendant has ended.
        alive = worked < 0 or worked >= LEAST_SECONDS + LEAST_SHARE * self.silent
        if alive or now.bytes != last.bytes or now.log != last.log:
            self._last, self.silent = now, 0.0


_workers: dict[str, Watchdog] = {}
_lock = threading.Lock()


def of_worker(job_id: str, pid: int, log: Path) -> Watchdog:
    """Return the watchdog of a job's worker, shared by every page of this app."""
    with _lock:
        found = _workers.get(job_id)
        if found is None or found.pid != pid:
            while len(_workers) >= KEPT_JOBS:
                del _workers[next(iter(_workers))]
            found = _workers[job_id] = Watchdog(pid, log)
        return found


def sentence(silent: float, doing: str, then: str) -> str:
    """Return the sentence of a page about a silent job; empty while the silence is short."""
    if silent < settings.SILENT_SAID_SECONDS:
        return ""
    during = f" ({doing})" if doing else ""
    return f"No sign of life for {5 * int(silent // 5)} seconds{during}. {then}"
