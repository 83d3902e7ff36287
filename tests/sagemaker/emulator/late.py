"""CloudWatch Logs is late: lines are there some time after they were printed, and after the job's status has changed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

TICK_SECONDS = 0.05


class Lines:
    """Delivers in the order in which it was given, each `lag()` seconds later."""

    def __init__(self, lag: Callable[[], float]) -> None:
        self._lag = lag
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._given = threading.Condition()
        threading.Thread(target=self._deliver, daemon=True).start()

    def put(self, delivery: Callable[[], None]) -> None:
        with self._given:
            self._waiting.append((time.monotonic(), delivery))
            self._given.notify()

    def settle(self) -> None:
        """Return when all that was given before is delivered."""
        done = threading.Event()
        self.put(done.set)
        done.wait()

    def _deliver(self) -> None:
        while True:
            with self._given:
                self._given.wait_for(lambda: self._waiting)
                given, delivery = self._waiting[0]
            # The lag may be changed while something waits.
            while (left := given + self._lag() - time.monotonic()) > 0:
                time.sleep(min(left, TICK_SECONDS))
            # A service that ends is not there to be told.
            with contextlib.suppress(ClientError, BotoCoreError):
                delivery()
            with self._given:
                self._waiting.popleft()
