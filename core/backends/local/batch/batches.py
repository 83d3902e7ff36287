"""Parallel work over many small batches with results in order: decoding one batch overlaps with
inference of another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")
Answer = TypeVar("Answer")

# Batches in progress or queued per worker: enough that one slow photo does not block the others.
AHEAD = 4


def in_order(
    work: Callable[[Batch], Answer],
    batches: Iterable[Batch],
    workers: int,
    should_stop: Callable[[], bool],
    prepare: Callable[[], None] = lambda: None,
) -> Iterator[Answer]:
    """Yield `work` of each batch, in order, with at most AHEAD batches per worker in memory.

    Every worker is a thread that runs `prepare` first. When `should_stop` returns True, batches in
    progress are still completed.
    """
    waiting: deque[Future[Answer]] = deque()
    source = iter(batches)
    pool = ThreadPoolExecutor(workers, initializer=prepare)
    try:
        while True:
            while len(waiting) < AHEAD * workers and not should_stop():
                batch = next(source, None)
                if batch is None:
                    break
                waiting.append(pool.submit(work, batch))
            if should_stop():
                waiting = _running(waiting)
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _running(waiting: deque[Future[Answer]]) -> deque[Future[Answer]]:
    """Return the futures that run or are done. Cancels from the last one on, because batches start
    in order: the rest has no gap."""
    return deque(reversed([future for future in reversed(waiting) if not future.cancel()]))
