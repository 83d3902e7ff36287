"""Progress of an import over all of its phases, with one estimate of the time left, and its
cancellation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.errors import UserError

PROGRESS_SECONDS = 0.1
READING = "Reading photos"
# Photos per second that an ordinary computer reads; a first guess, until reading has begun.
READ_RATE = 150.0


@dataclass(frozen=True)
class ImportProgress:
    """The progress of an import.

    `done` of `total` `unit` ('photos', 'files' or 'bytes') count within the phase; a `total` of 0
    is unknown. `rate` is in units per second. `share` (0 to 1) and `eta_seconds` cover this phase
    and those that follow; `eta_seconds` is None while it can't be estimated. `at` is the photo that
    has delayed the import for some seconds, or ''.
    """

    phase: str
    done: int
    total: int
    unit: str
    rate: float
    eta_seconds: float | None
    at: str = ""
    share: float = 0.0


class Tell(Protocol):
    """Report the units done, the total, and the photo that delays the import."""

    def __call__(self, done: int, total: int, at: str = "") -> None: ...


class Meter:
    """Turn the counts of each phase into ImportProgress, at most ten times a second.

    Every call raises UserError as soon as the person has cancelled the import.
    """

    def __init__(
        self, progress: Callable[[ImportProgress], None], should_stop: Callable[[], bool]
    ) -> None:
        self._progress, self._should_stop = progress, should_stop
        self._started = time.perf_counter()
        self._expected: dict[str, float] = {}
        self._share = 0.0

    def check(self) -> None:
        """Raise UserError if the person has cancelled the import."""
        if self._should_stop():
            raise UserError("The import was stopped. Nothing was kept.")

    def expect(self, phase: str, seconds: float) -> None:
        """Count a phase that will follow in the time left."""
        self._expected[phase] = seconds

    def expect_reading(self, photos: float) -> None:
        """Count the reading of so many photos in the time left."""
        self.expect(READING, photos / READ_RATE)

    def start(self, phase: str, unit: str) -> Tell:
        """Start a phase whose total is known, and return the function that reports its counts."""
        self._expected.pop(phase, None)
        started, before = time.perf_counter(), -1
        reported = 0.0

        def tell(done: int, total: int, at: str = "") -> None:
            nonlocal reported, before
            self.check()
            # A resumed download has bytes already, which say nothing about the rate.
            before = min(done, total) if before < 0 and unit == "bytes" else max(before, 0)
            now = time.perf_counter()
            if now - reported < PROGRESS_SECONDS and done != total:
                return
            reported = now
            rate = (done - before) / max(now - started, 1e-6)
            eta = None
            if total and rate > 0:
                eta = (total - done) / rate + sum(self._expected.values())
            share = self._overall_share(now, eta)
            self._progress(ImportProgress(phase, done, total, unit, rate, eta, at, share))

        return tell

    def start_counting(self, phase: str, unit: str) -> Callable[[], None]:
        """Start a phase whose total is unknown, and return the function that counts one unit."""
        tell, count = self.start(phase, unit), 0

        def add_one() -> None:
            nonlocal count
            count += 1
            tell(count, 0)

        return add_one

    def _overall_share(self, now: float, eta: float | None) -> float:
        """The share of the whole import that is done, which never decreases."""
        if eta is not None:
            elapsed = max(now - self._started, 1e-6)
            self._share = max(self._share, elapsed / (elapsed + eta))
        return self._share
