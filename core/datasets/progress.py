"""How far an import is: bare counts become progress with a rate and an estimate, and a request to
stop becomes an error."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.errors import UserError

PROGRESS_SECONDS = 0.1


@dataclass(frozen=True)
class ImportProgress:
    """How far an import is.

    `unit` is 'images', 'files' or 'bytes'; total 0 and eta_seconds None mean that nobody knows.
    `at` is the photo that has held it up for some seconds, '' for none.
    """

    phase: str
    done: int
    total: int
    unit: str
    rate: float
    eta_seconds: float | None
    at: str = ""


class Tell(Protocol):
    """Called with what is done, what there is to do, and the photo that holds it up."""

    def __call__(self, done: int, total: int, at: str = "") -> None: ...


class Meter:
    """Turns bare counts into ImportProgress, not too often, and raises UserError as soon as the
    person has asked to stop."""

    def __init__(
        self, progress: Callable[[ImportProgress], None], should_stop: Callable[[], bool]
    ) -> None:
        self._progress, self._should_stop = progress, should_stop

    def check(self) -> None:
        if self._should_stop():
            raise UserError("The import was stopped. Nothing was kept.")

    def start(self, phase: str, unit: str) -> Tell:
        """The callback of a phase that knows how much there is to do."""
        started, before = time.perf_counter(), -1
        told = 0.0

        def tell(done: int, total: int, at: str = "") -> None:
            nonlocal told, before
            self.check()
            # What was there before this phase began, as of a download that goes on, says nothing of
            # the rate.
            before = min(done, total) if before < 0 and unit == "bytes" else max(before, 0)
            now = time.perf_counter()
            if now - told < PROGRESS_SECONDS and done != total:
                return
            told = now
            rate = (done - before) / max(now - started, 1e-6)
            eta = (total - done) / rate if total and rate > 0 else None
            self._progress(ImportProgress(phase, done, total, unit, rate, eta, at))

        return tell

    def counting(self, phase: str, unit: str) -> Callable[[], None]:
        """The callback of a phase that only counts what it meets."""
        tell, seen = self.start(phase, unit), 0

        def count() -> None:
            nonlocal seen
            seen += 1
            tell(seen, 0)

        return count
