"""A load test: clients send photos, each the next one after its answer; measures times and
errors."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.errors import FieldmarkError

Send = Callable[[bytes], object]
REPORT_SECONDS = 0.25
# Requests per client that warm up connections and caches; they are not counted.
WARM_UP = 2


@dataclass
class Result:
    """The result of a load test.

    `milliseconds`: of each answered request, in the order of the answers. `errors`: the number of
    each reason. `seconds`: from the first request to the last answer.
    """

    milliseconds: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def answered(self) -> int:
        return len(self.milliseconds)

    @property
    def failed(self) -> int:
        return sum(self.errors.values())

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        """Return the quantile of the times in milliseconds; NaN without answers."""
        ordered = sorted(self.milliseconds)
        return (
            ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
        )


def run(
    connect: Callable[[], Send],
    photos: Sequence[bytes],
    *,
    requests: int,
    clients: int,
    progress: Callable[[Result], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Send `requests` photos, in turn from `photos`.

    Each client is a thread that calls the function that `connect` returned; that raises
    FieldmarkError for a failed request. Raises threading.BrokenBarrierError if a client can't
    start.
    """
    result, numbers, ready = Result(), itertools.count(), threading.Barrier(clients + 1)
    stop = threading.Event()

    def client(first: int) -> None:
        try:
            send = connect()
            for number in range(WARM_UP):
                _timed(send, photos[(first + number) % len(photos)], Result())
        except BaseException:
            # The other threads would wait for this one forever.
            ready.abort()
            raise
        ready.wait()
        while not stop.is_set() and (number := next(numbers)) < requests:
            _timed(send, photos[number % len(photos)], result)

    threads = [
        threading.Thread(target=client, args=(number,), daemon=True) for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        while thread.is_alive():
            thread.join(REPORT_SECONDS)
            result.seconds = time.perf_counter() - start
            progress(result)
            if should_stop():
                stop.set()
    return result


def _timed(send: Send, photo: bytes, result: Result) -> None:
    start = time.perf_counter()
    try:
        send(photo)
    except FieldmarkError as error:
        result.errors[str(error)] += 1
        return
    result.milliseconds.append(1000 * (time.perf_counter() - start))
