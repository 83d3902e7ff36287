"""The inference service of an endpoint: a queue of photos, threads that decode and classify them,
and the figures.

Independent of HTTP. Decoding in one thread overlaps with the network in another.

Large photos are processed one at a time in a separate thread: their memory is needed only once, and
other photos do not wait for them.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import Any

from core.backends.local.endpoints import memory
from core.jobs.status.endpoints import Answer

# A photo is answered or rejected within this time; our own client waits for a minute.
ANSWER_SECONDS = 40
# The figures of `/metrics` cover the latest requests, this many at most.
KEPT_DURATIONS = 10_000


@dataclass(frozen=True)
class Waiting:
    """One photo in the queue, and the future of its answer."""

    body: bytes
    content_type: str
    future: asyncio.Future[Answer]


class Busy(Exception):
    """A photo had no answer in time."""

    status, code = 503, "busy"


BUSY = Busy(f"The photo had no answer after {ANSWER_SECONDS} seconds. Try again in a few seconds.")


class Service:
    """The loaded model. `inference` is the artifact's own module, which decodes and answers.

    Each of `workers` threads takes up to `batch` waiting photos: more than one only if the engine
    is faster that way, which no engine is on a CPU. `prepare` is run first in each thread;
    `on_answer`, once it is set, gets each photo's bytes with its answer.
    """

    def __init__(
        self,
        inference: ModuleType,
        model: Any,
        *,
        batch: int = 1,
        workers: int = 1,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.inference, self.model, self.batch = inference, model, batch
        self.prepare = prepare
        self.on_answer: Callable[[bytes, Answer], None] | None = None
        self.reset()
        self.waiting = 0
        self._queue: SimpleQueue[Waiting] = SimpleQueue()
        self._large: SimpleQueue[Waiting] = SimpleQueue()
        for _ in range(workers):
            threading.Thread(target=self._work, daemon=True).start()
        threading.Thread(target=self._work_on_large_ones, daemon=True).start()

    def reset(self) -> None:
        """Reset the figures."""
        self.requests = self.photos = self.errors = self.busy = 0
        self._durations: deque[float] = deque(maxlen=KEPT_DURATIONS)

    async def answers(self, photos: Sequence[tuple[bytes, str]]) -> list[Answer | BaseException]:
        """Return each photo's answer or exception, in order; photos are (bytes, content type)."""
        loop = asyncio.get_running_loop()
        waiting = [Waiting(body, kind, loop.create_future()) for body, kind in photos]
        self.waiting += len(waiting)
        try:
            for item in waiting:
                self._queue.put(item)
            await asyncio.wait([item.future for item in waiting], timeout=ANSWER_SECONDS)
            return list(map(_result, waiting))
        finally:
            self.waiting -= len(waiting)

    def as_text(self, answer: Answer) -> str:
        """Return the answer to a request with one photo, as the artifact writes it."""
        made = self.inference.output_fn(answer, "application/json")
        text = made[0] if isinstance(made, tuple) else made
        return text.decode() if isinstance(text, bytes) else str(text)

    def count(self, seconds: float, photos: int) -> None:
        """Count a request that was answered."""
        self.photos += photos
        self._durations.append(seconds)

    def figures(self) -> dict[str, float | None]:
        """Return the figures: times in milliseconds, from a request's first byte to its answer,
        over the latest `timed` requests."""
        taken = sorted(self._durations)

        def share(of: float) -> float | None:
            if not taken:
                return None
            return round(1000 * taken[min(len(taken) - 1, int(of * len(taken)))], 3)

        return {
            "requests": self.requests,
            "photos": self.photos,
            "errors": self.errors,
            "busy": self.busy,
            "waiting": self.waiting,
            "timed": len(taken),
            "p50_ms": share(0.5),
            "p95_ms": share(0.95),
        }

    def _work(self) -> None:
        self.prepare()
        while True:
            items = [self._queue.get()]
            with suppress(Empty):
                while len(items) < self.batch:
                    items.append(self._queue.get_nowait())
            items = [item for item in items if not self._is_moved(item)]
            if items:
                _deliver(items, self._answered(items))
            # Frees the photos now: the next ones may come in an hour.
            del items

    def _work_on_large_ones(self) -> None:
        self.prepare()
        while True:
            item = self._large.get()
            _deliver([item], self._answered([item]))
            del item

    def _is_moved(self, item: Waiting) -> bool:
        """Move a large photo to the queue of its thread; return whether it is large."""
        if not memory.is_large(item.body):
            return False
        self._large.put(item)
        return True

    def _decoded(self, item: Waiting) -> Any:
        """Return the photo as the artifact decodes it, or the exception."""
        if item.future.done():
            return BUSY
        return _attempt(self.inference.input_fn, item.body, item.content_type)

    def _answered(self, items: Sequence[Waiting]) -> list[Answer | Exception]:
        decoded = [self._decoded(item) for item in items]
        usable = [photo for photo in decoded if not isinstance(photo, Exception)]
        made = iter(self._predicted(usable))
        answers = [photo if isinstance(photo, Exception) else next(made) for photo in decoded]
        if self.on_answer:
            for item, answer in zip(items, answers, strict=True):
                if not isinstance(answer, Exception):
                    self.on_answer(item.body, answer)
        return answers

    def _predicted(self, photos: Sequence[Any]) -> list[Answer | Exception]:
        if len(photos) < 2:
            return [_attempt(self.inference.predict_fn, photo, self.model) for photo in photos]
        start = time.perf_counter()
        try:
            found = self.inference.predict_batch(self.model, [photo.pixels for photo in photos])
        except Exception:
            # One photo may be the cause; the others still get their answers.
            return [_attempt(self.inference.predict_fn, photo, self.model) for photo in photos]
        seconds = time.perf_counter() - start
        return [
            {**answer, "latency_ms": round(1000 * (photo.seconds + seconds), 3)}
            for photo, answer in zip(photos, found, strict=True)
        ]


def _result(item: Waiting) -> Answer | BaseException:
    """Return a photo's answer or exception; a missing answer becomes BUSY."""
    if not item.future.done():
        item.future.set_exception(BUSY)
    return item.future.exception() or item.future.result()


def _attempt(work: Callable[..., Any], *values: Any) -> Any:
    try:
        return work(*values)
    except Exception as error:
        return error


def _deliver(items: Sequence[Waiting], answers: Sequence[Answer | Exception]) -> None:
    def settle() -> None:
        for item, answer in zip(items, answers, strict=True):
            if item.future.done():
                continue
            if isinstance(answer, Exception):
                item.future.set_exception(answer)
            else:
                item.future.set_result(answer)

    # If the loop is closed, nobody waits for the answers.
    with suppress(RuntimeError):
        items[0].future.get_loop().call_soon_threadsafe(settle)


def error_body(code: str, message: str) -> dict[str, dict[str, str]]:
    """Return the body of an error."""
    return {"error": {"code": code, "message": message}}


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
