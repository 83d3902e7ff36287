"""What each photo of an import is: read, hashed and decoded by threads that nobody has to wait for.

A photo may hold a decoder for minutes, and a network drive may never answer. So whoever waits here
looks up several times a second: a stop is obeyed at once, and a photo that takes too long is a bad
one. Its thread is given up: it ends with its photo, or its process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from core.errors import UserError
from core.io.images import Facts, examine_bytes
from core.io.names import printable

Read = Callable[[str], bytes | Facts]
Tell = Callable[[int, int, str], None]

# Under 2 s for the largest photo that is allowed, on one core.
DECODE_SECONDS = 30.0
# From when on a page says which photo it is.
SLOW_SECONDS = 2.0
LOOK_SECONDS = 0.1
# Threads that were given up go on computing until their process ends.
MAX_GIVEN_UP = 8


@dataclass
class _Work:
    """The photo that a thread is at: `begun` when it was taken, `decoding` since when its bytes are
    decoded (0 while they are read)."""

    index: int = -1
    begun: float = 0.0
    decoding: float = 0.0
    is_given_up: bool = False


@dataclass
class _State:
    """What the threads share with whoever waits for them; changed under `lock` only."""

    facts: list[Facts | None]
    lock: threading.Lock = field(default_factory=threading.Lock)
    changed: threading.Event = field(default_factory=threading.Event)
    next: int = 0
    done: int = 0
    is_over: bool = False
    error: BaseException | None = None


def examine(
    paths: Sequence[str],
    known: Mapping[str, Facts],
    read: Read,
    tell: Tell,
    *,
    readers: int,
    decoders: int,
) -> list[Facts]:
    """What each file is, in order.

    `read` gives a photo's bytes, or why there are none; `tell` is called several times a second
    with what is done, the total and the photo that holds it up ('' for none), and stops the work by
    raising.

    Raises what `read` raises, and UserError where too many photos can't be decoded in time.
    """
    state = _State([known.get(path) for path in paths])
    state.done = sum(facts is not None for facts in state.facts)
    examination = _Examination(paths, read, state, threading.Semaphore(decoders))
    try:
        for _ in range(min(readers, len(paths) - state.done)):
            examination.start()
        while state.done < len(paths):
            state.changed.wait(LOOK_SECONDS)
            state.changed.clear()
            if state.error:
                raise state.error
            examination.give_up_late()
            tell(state.done, len(paths), examination.slowest())
    finally:
        state.is_over = True
    tell(len(paths), len(paths), "")
    return [facts for facts in state.facts if facts is not None]


class _Examination:
    """The threads of one examination, and the photos that they are at."""

    def __init__(
        self, paths: Sequence[str], read: Read, state: _State, slots: threading.Semaphore
    ) -> None:
        self._paths, self._read, self._state, self._slots = paths, read, state, slots
        self._works: list[_Work] = []
        self._given_up: list[str] = []

    def start(self) -> None:
        work = _Work()
        self._works.append(work)
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def slowest(self) -> str:
        """The photo that a thread has been at for longest, if for long."""
        now = time.monotonic()
        busy = [work for work in self._works if work.index >= 0 and now - work.begun > SLOW_SECONDS]
        return self._paths[min(busy, key=lambda work: work.begun).index] if busy else ""

    def give_up_late(self) -> None:
        """Gives up the photos that take too long to decode, and starts a thread for each that is
        lost with them."""
        now = time.monotonic()
        for work in [
            work for work in self._works if work.decoding and now - work.decoding > DECODE_SECONDS
        ]:
            with self._state.lock:
                if not work.decoding:
                    continue
                work.is_given_up = True
                path = self._paths[work.index]
                self._put(
                    work.index,
                    Facts("", 0, 0, 0, f"takes longer than {DECODE_SECONDS:.0f} seconds to decode"),
                )
            self._works.remove(work)
            self._slots.release()
            self._given_up.append(path)
            if len(self._given_up) > MAX_GIVEN_UP:
                raise UserError(
                    f"{len(self._given_up)} photos take longer than {DECODE_SECONDS:.0f} seconds "
                    f"each to decode, {printable(path)} for one. "
                    "Move them away, or import when the machine has less to do."
                )
            self.start()

    def _run(self, work: _Work) -> None:
        try:
            while not work.is_given_up and self._take(work):
                self._examine(work)
        except BaseException as error:  # whoever waits raises it
            self._state.error = error
        finally:
            work.index = -1
            self._state.changed.set()

    def _take(self, work: _Work) -> bool:
        """Gives the thread its next photo; False where there is none."""
        state = self._state
        with state.lock:
            while state.next < len(state.facts) and state.facts[state.next] is not None:
                state.next += 1
            if state.is_over or state.next == len(state.facts):
                return False
            work.index, work.begun = state.next, time.monotonic()
            state.next += 1
            return True

    def _examine(self, work: _Work) -> None:
        data = self._read(self._paths[work.index])
        facts = data if isinstance(data, Facts) else self._decoded(work, data)
        with self._state.lock:
            if not work.is_given_up:
                self._put(work.index, facts)
                work.index, work.decoding = -1, 0.0

    def _decoded(self, work: _Work, data: bytes) -> Facts:
        self._slots.acquire()
        work.decoding = time.monotonic()
        try:
            return examine_bytes(data)
        finally:
            if not work.is_given_up:
                self._slots.release()

    def _put(self, index: int, facts: Facts) -> None:
        self._state.facts[index] = facts
        self._state.done += 1
        if self._state.done == len(self._state.facts):
            self._state.changed.set()
