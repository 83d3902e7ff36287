"""Work over many small batches, several at a time and handed back in order: decoding of one
overlaps with the network of another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")
Answer = TypeVar("Answer")

# Batches under way or waiting for their turn, for each worker: enough that one slow photo does not
# stop the others.
AHEAD = 4


def in_order(
    work: Callable[[Batch], Answer],
    batches: Iterable[Batch],
    workers: int,
    should_stop: Callable[[], bool],
    prepare: Callable[[], None] = lambda: None,
) -> Iterator[Answer]:
    """`work` of each batch, in the order of the batches; at most AHEAD batches per worker are in
    memory.

    Every worker is a thread that ran `prepare` first. After `should_stop` said so, batches that
    were begun are still handed back.
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
                waiting = _begun(waiting)
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begun(waiting: deque[Future[Answer]]) -> deque[Future[Answer]]:
    """What runs or is done. The last ones are called off first, for batches begin in order: what is
    left has no gap."""
    return deque(reversed([future for future in reversed(waiting) if not future.cancel()]))
