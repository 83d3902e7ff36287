"""Read, hash and decode the photos of an import in threads that can be abandoned.

A photo may occupy a decoder for minutes, and a network drive may never answer. The caller therefore
checks several times a second: a stop takes effect at once, and a photo that takes too long counts
as unusable. Its thread is abandoned and ends with the photo or the process.
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

# The largest allowed photo takes under 2 s on one core.
DECODE_SECONDS = 30.0
# The page names a photo that takes longer.
SLOW_SECONDS = 2.0
LOOK_SECONDS = 0.1
# Abandoned threads keep computing until their process ends.
MAX_GIVEN_UP = 8


@dataclass
class _Work:
    """The photo that a thread works on: `begun` is when it started, `decoding` when decoding
    started (0 while reading). Times are from time.monotonic()."""

    index: int = -1
    begun: float = 0.0
    decoding: float = 0.0
    is_given_up: bool = False


@dataclass
class _State:
    """State shared by the threads and the caller; changed only under `lock`."""

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
    """Return the facts of each photo in `paths`, in order.

    `read` returns a photo's bytes, or the facts that say why there are none. `tell` is called
    several times a second with the count done, the total, and the photo that delays the work (''
    for none); it stops the work by raising.

    Raises what `read` raises, and UserError if too many photos can't be decoded in time.
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
    """The threads of one examination and their current photos."""

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
        """Return the photo in work for the longest time, or '' if none takes long."""
        now = time.monotonic()
        busy = [work for work in self._works if work.index >= 0 and now - work.begun > SLOW_SECONDS]
        return self._paths[min(busy, key=lambda work: work.begun).index] if busy else ""

    def give_up_late(self) -> None:
        """Abandon photos that take too long to decode, and replace their threads."""
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
                    Facts("", 0, 0, 0, f"takes longer than {DECODE_SECONDS:.0f} s to decode"),
                )
            self._works.remove(work)
            self._slots.release()
            self._given_up.append(path)
            if len(self._given_up) > MAX_GIVEN_UP:
                raise UserError(
                    f"{len(self._given_up)} photos each take longer than {DECODE_SECONDS:.0f} s to "
                    f"decode, such as {printable(path)}. Remove them, or import when the machine "
                    "is less busy."
                )
            self.start()

    def _run(self, work: _Work) -> None:
        try:
            while not work.is_given_up and self._take(work):
                self._examine(work)
        except BaseException as error:  # the caller raises it
            self._state.error = error
        finally:
            work.index = -1
            self._state.changed.set()

    def _take(self, work: _Work) -> bool:
        """Assign the thread its next photo; return False if none is left."""
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
        facts = data if isinstance(data, Facts) else self._decode(work, data)
        with self._state.lock:
            if not work.is_given_up:
                self._put(work.index, facts)
                work.index, work.decoding = -1, 0.0

    def _decode(self, work: _Work, data: bytes) -> Facts:
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
